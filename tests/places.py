"""Where tests find things: the project's folder, the reference values, and real data."""

import os
from pathlib import Path

TESTS = Path(__file__).resolve().parent
ROOT = TESTS.parent
GOLDEN_FILE = TESTS / "golden_losses.npz"
SHARED_DATA = Path(os.environ.get("SATKIT_TEST_DATA", ROOT / "../shared/data"))
