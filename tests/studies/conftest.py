"""The smallest presets, and a reference study of a few runs."""

from dataclasses import replace

import pytest
from tiny import TINY_NOTEBOOKS, TINY_STUDY
from tiny_studies import FEW

from satkit.experiments.presets import PRESETS
from satkit.studies import attention_study
from satkit.studies.attention_grid import SETTINGS
from satkit.studies.attention_study import ReferenceStudy


@pytest.fixture
def few_runs(tmp_path, monkeypatch):
    """A study of six runs."""
    monkeypatch.setitem(PRESETS["scenes"], "tiny", TINY_STUDY)
    monkeypatch.setattr(attention_study, "entries", lambda *asked: FEW)
    return ReferenceStudy(
        tmp_path / "reference", (0,), settings=replace(SETTINGS["scenes"], task="15-5", preset="tiny")
    )


@pytest.fixture
def tiny(monkeypatch):
    """A preset of a few iterations on a few small images."""
    monkeypatch.setitem(PRESETS["scenes"], "tiny", TINY_NOTEBOOKS)
