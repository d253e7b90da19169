"""The smallest preset, and a study that was learnt with it."""

from dataclasses import replace

import pytest
from tiny import SETTINGS, TINY
from tiny_studies import learn

from satkit.experiments.presets import PRESETS


@pytest.fixture
def tiny_preset(monkeypatch):
    """The smallest preset, by its name."""
    monkeypatch.setitem(PRESETS["scenes"], "tiny", TINY)


@pytest.fixture(scope="session")
def undisturbed(tmp_path_factory):
    """Base and SATS, learnt without an interruption."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(PRESETS["scenes"], "tiny", TINY)
        base, sats = learn(tmp_path_factory.mktemp("undisturbed"))
    return base, sats


@pytest.fixture(scope="session")
def other_seed(tmp_path_factory):
    """The same with another seed."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(PRESETS["scenes"], "tiny", TINY)
        base, sats = learn(tmp_path_factory.mktemp("other"), settings=replace(SETTINGS, seed=1))
    return base, sats
