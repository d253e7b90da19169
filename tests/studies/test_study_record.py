"""A study that is finished is recorded from its files: every run, and its figures as a run of their own."""

import json

import matplotlib.pyplot as plt
import pytest
import tracked
from tiny import SETTINGS, TINY
from tiny_studies import learn

from satkit.experiments.presets import PRESETS
from satkit.studies.saved_figures import keep
from satkit.studies.study_record import record_study

WORDS = {"strategy": "SATS", "step": 1, "finding": "It falls."}


@pytest.fixture
def study(tmp_path, monkeypatch):
    """The runs of a study that was trained without a tracker, with a figure."""
    monkeypatch.delenv("SATKIT_TRACK", raising=False)
    monkeypatch.setitem(PRESETS["scenes"], "tiny", TINY)
    runs = learn(tmp_path / "s")
    figure, axes = plt.subplots(figsize=(2, 2))
    keep(axes, tmp_path / "s" / "figures", "loss", "sats-step1", **WORDS)
    plt.close(figure)
    return runs


def test_without_a_tracker_nothing_is_written(study, tmp_path):
    before = {path.name for path in (tmp_path / "s").rglob("*")}
    record_study(tmp_path / "s", SETTINGS.plain())
    assert {path.name for path in (tmp_path / "s").rglob("*")} == before


def test_every_run_and_the_figures_are_recorded_with_the_settings(study, tmp_path, monkeypatch):
    tracked.use(monkeypatch, "tensorboard")
    for _ in range(2):  # started again, it is the same
        record_study(tmp_path / "s", SETTINGS.plain())
    for run in study:
        assert tracked.read_tensorboard(run) == tracked.in_float32(tracked.expected(run))
    found = tracked.accumulator(tmp_path / "s" / "figures")
    (name,) = [path.stem for path in (tmp_path / "s" / "figures").glob("*.png")]
    assert found.Tags()["images"] == [name]
    assert len(found.Images(name)) == 1
    settings = found.Tensors("config/text_summary")[0].tensor_proto.string_val[0]
    assert json.loads(settings)["preset"] == "tiny"
