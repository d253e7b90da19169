"""`python -m satkit` is the satkit command."""

import sys

from satkit.cli import main

sys.exit(main())
