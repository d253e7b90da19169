"""The values of a notebook's parameters are checked before a kernel starts."""

import pytest

from satkit.experiments.settings import Settings
from satkit.experiments.study_folder import StudyFolder
from satkit.notebooks.finding import find_notebook
from satkit.notebooks.values import check_values
from satkit.utils.errors import UsageError


def test_what_contradicts_the_study_that_a_lesson_declares_is_refused(tmp_path, monkeypatch):
    monkeypatch.setenv("SATKIT_RUNS", str(tmp_path))
    lesson = find_notebook("00")
    check_values(lesson, {"preset": "quick"})
    StudyFolder("first-look", Settings(preset="smoke")).remember_settings()
    check_values(lesson, {"preset": "smoke"})
    check_values(lesson, {"preset": "quick", "study": "other"})
    with pytest.raises(UsageError, match="preset: smoke in the study, quick asked for"):
        check_values(lesson, {"preset": "quick"})
