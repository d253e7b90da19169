"""Values of parameters are checked before a kernel starts, each by what its name means."""

import json

import pytest

from satkit.experiments.settings import Settings
from satkit.experiments.study_folder import StudyFolder
from satkit.notebooks.finding import find_notebook, read_notebook
from satkit.notebooks.values import check_values
from satkit.utils.errors import UsageError


@pytest.mark.parametrize(
    ("notebook", "values", "said"),
    [
        ("07", {"strategy": "satz"}, "Unknown strategy 'satz'"),
        ("05b", {"rival": "satz"}, "Unknown strategy 'satz'"),
        ("06", {"base_of": "satz"}, "Unknown strategy 'satz'"),
        ("09", {"strategies": ["sats", "satz"]}, "Unknown strategy 'satz'"),
        ("07", {"preset": "fast"}, "Unknown preset 'fast'"),
        ("07", {"weights": {"attention": "much"}}, "A weight must be a finite number"),
        ("07", {"strategy": "mib", "weights": {"attention": 5}}, "'attention' is not a term of MiB"),
    ],
)
def test_a_value_that_cannot_work_is_refused(notebook, values, said):
    with pytest.raises(UsageError, match=said):
        check_values(find_notebook(notebook), values)


def test_values_that_can_are_accepted(tmp_path, monkeypatch):
    monkeypatch.setenv("SATKIT_RUNS", str(tmp_path))
    check_values(find_notebook("07"), {"strategy": "sats", "weights": {"attention": 5}, "step": 1, "seed": 2})
    check_values(find_notebook("06"), {"base_of": ""})
    check_values(find_notebook("10"), {"studies": []})
    assert not list(tmp_path.iterdir())


def test_what_contradicts_the_study_that_a_lesson_declares_is_refused(tmp_path, monkeypatch):
    monkeypatch.setenv("SATKIT_RUNS", str(tmp_path))
    own, lesson = read_notebook(find_notebook("06")), tmp_path / "own.ipynb"
    cell = next(cell for cell in own["cells"] if "parameters" in cell["metadata"].get("tags", ()))
    cell["source"] = "".join(cell["source"]).replace('study: str = ""', 'study: str = "first-look"')
    lesson.write_text(json.dumps(own))
    check_values(lesson, {"preset": "quick"})
    StudyFolder("first-look", Settings(preset="smoke")).remember_settings()
    check_values(lesson, {"preset": "smoke"})
    check_values(lesson, {"preset": "quick", "study": "other"})
    with pytest.raises(UsageError, match="preset: smoke in the study, quick asked for"):
        check_values(lesson, {"preset": "quick"})
