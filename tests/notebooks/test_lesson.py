"""A lesson takes its settings from its parameters, and trains into the study of these settings."""

from dataclasses import replace

import pytest

from satkit.experiments.run_folder import runs_root
from satkit.experiments.study_folder import stored_settings
from satkit.notebooks.lesson import Lesson


@pytest.fixture(autouse=True)
def _own_runs(tmp_path, monkeypatch):
    monkeypatch.setenv("SATKIT_RUNS", str(tmp_path))


def test_other_settings_have_a_study_of_their_own_named_after_them():
    lesson = Lesson({"study": "mine", "preset": "smoke"})
    other = lesson.with_settings(seed=1, setting="disjoint")
    assert other.settings == replace(lesson.settings, seed=1, setting="disjoint")
    assert other.study.folder == runs_root() / "scenes-15-5-smoke-seed1-disjoint"


def test_a_setting_can_go_back_to_its_default():
    assert Lesson({"preset": "smoke", "seed": 1}).with_settings(preset="quick", seed=0).settings == Lesson({}).settings


@pytest.mark.slow
def test_a_base_step_is_trained_once_and_said_to_be_in_its_study(capsys):
    lesson = Lesson({"study": "mine", "preset": "smoke"})
    first = lesson.trained_base()
    assert "study mine (scenes 15-5, preset smoke, seed 0)" in capsys.readouterr().out
    assert stored_settings(lesson.study.folder) == lesson.settings
    finished = first.run.step_folder(0) / "metrics.json"
    written = finished.stat().st_mtime_ns
    assert Lesson({"study": "mine"}).trained_base().run.folder == first.run.folder
    assert finished.stat().st_mtime_ns == written
