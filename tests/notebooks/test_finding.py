"""A notebook is found by its path, its number, its name or a part of it; anything else is an error with a hint."""

import pytest
from notebook_files import write

from satkit.notebooks import finding
from satkit.notebooks.finding import find_notebook
from satkit.utils.errors import UsageError

LESSONS = ("00_start_here", "06_train_base_step", "07_train_next_step", "07b_train_longer", "11_why_forgetting")


@pytest.fixture
def lessons(tmp_path, monkeypatch):
    """A folder of lessons in place of the real one."""
    folder = tmp_path / "lessons"
    for name in LESSONS:
        write(folder / f"{name}.ipynb")
    write(folder / "solutions" / "07_train_next_step.ipynb")
    write(folder / "solutions" / "07b_train_longer.ipynb")
    monkeypatch.setattr(finding, "notebook_folder", lambda: folder)
    return folder


def test_real_lessons_folder_is_found():
    assert finding.notebook_folder().name in ("notebooks", "_notebooks")


def test_lessons_are_listed_in_order_without_solutions(lessons):
    assert [path.stem for path in finding.list_notebooks()] == list(LESSONS)


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("07", "07_train_next_step.ipynb"),
        ("7", "07_train_next_step.ipynb"),
        ("07b", "07b_train_longer.ipynb"),
        ("7B", "07b_train_longer.ipynb"),
        ("07b_train_longer", "07b_train_longer.ipynb"),
        ("07_train_next_step", "07_train_next_step.ipynb"),
        ("07_train_next_step.ipynb", "07_train_next_step.ipynb"),
        ("next", "07_train_next_step.ipynb"),
        ("WHY", "11_why_forgetting.ipynb"),
        ("solutions/07", "solutions/07_train_next_step.ipynb"),
        ("solutions/07b", "solutions/07b_train_longer.ipynb"),
    ],
)
def test_lesson_is_found_by_number_with_its_letter_name_or_part(lessons, name, found):
    assert find_notebook(name) == lessons / found


def test_existing_file_is_found_by_its_path(lessons, tmp_path, monkeypatch):
    own = write(tmp_path / "work" / "07_train_next_step.ipynb")
    assert find_notebook(own) == own
    monkeypatch.chdir(own.parent)
    assert find_notebook("07_train_next_step.ipynb") == own


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("07_train_nxt_step", "Unknown notebook '07_train_nxt_step'. Did you mean '07_train_next_step'?"),
        ("08", "Unknown notebook '08'.*Choose one of: 00_start_here"),
        ("11b", "Unknown notebook '11b'"),
        ("", "Unknown notebook ''"),
        ("train", "Several notebooks match 'train': 06_train_base_step, 07_train_next_step, 07b_train_longer"),
        ("elsewhere/a.ipynb", "There is no file elsewhere/a.ipynb"),
    ],
)
def test_unknown_notebook_is_a_usage_error_with_a_hint(lessons, name, message):
    with pytest.raises(UsageError, match=message):
        find_notebook(name)
