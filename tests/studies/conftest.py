"""A preset of a few iterations, for studies."""

import pytest
from tiny_jobs import TINY

from satkit.experiments.presets import PRESETS


@pytest.fixture
def tiny(monkeypatch):
    """A preset of a few iterations on a few small images."""
    monkeypatch.setitem(PRESETS["scenes"], "tiny", TINY)
