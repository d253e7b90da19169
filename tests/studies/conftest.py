"""The smallest presets, and a reference study of a few runs."""

from dataclasses import replace

import pytest
from tiny import TINY_NOTEBOOKS, TINY_STUDY

from satkit.experiments.presets import PRESETS
from satkit.studies import attention_study
from satkit.studies.attention_study import Entry, ReferenceStudy

FEW = [Entry(name, world, 0) for name in ("mib", "mib+attention") for world in ("plain", "shifted")]
FEW += [Entry("dkd", "plain", 0), Entry("joint", "plain", 0)]


@pytest.fixture
def few_runs(tmp_path, monkeypatch):
    """A study of six runs."""
    monkeypatch.setitem(PRESETS["scenes"], "tiny", TINY_STUDY)
    monkeypatch.setattr(attention_study, "SETTINGS", replace(attention_study.SETTINGS, task="15-5", preset="tiny"))
    monkeypatch.setattr(attention_study, "entries", lambda seeds=(0,), strategies=(): FEW)
    return ReferenceStudy(tmp_path / "reference", (0,))


@pytest.fixture
def tiny(monkeypatch):
    """A preset of a few iterations on a few small images."""
    monkeypatch.setitem(PRESETS["scenes"], "tiny", TINY_NOTEBOOKS)
