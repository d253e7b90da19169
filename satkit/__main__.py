"""`python -m satkit` is the satkit command."""

import sys

from satkit.cli.parser import main

sys.exit(main())
