"""Settings say what is wrong with them before anything starts."""

import pytest

from satkit.experiments.settings import Settings
from satkit.utils.errors import UsageError


def test_a_shift_outside_its_range_is_refused():
    with pytest.raises(UsageError, match="The shift must be between 0 .none. and 1, got 2"):
        Settings(shift=2)
