"""JupyterLab opens on the first lesson: where it may be edited, or on copies."""

import sys

import pytest

from satkit.notebooks import play as module
from satkit.notebooks.finding import list_notebooks
from satkit.notebooks.play import first_lesson, play


@pytest.fixture
def started(monkeypatch):
    """Command lines that were started instead of JupyterLab."""
    commands = []
    monkeypatch.setattr(module.subprocess, "call", lambda command: commands.append(command) or 0)
    return commands


def test_in_a_source_tree_the_lessons_themselves_are_opened(started, capsys):
    assert play(["--no-browser"]) == 0
    assert started == [[sys.executable, "-P", "-m", "jupyterlab", str(list_notebooks()[0]), "--no-browser"]]
    assert "00_start_here.ipynb" in capsys.readouterr().out


@pytest.mark.parametrize("where", ["installed", "read-only"])
def test_where_they_cannot_be_edited_copies_are_made_once(tmp_path, monkeypatch, capsys, where):
    monkeypatch.chdir(tmp_path)
    if where == "installed":
        monkeypatch.setattr(module, "source_tree", lambda: None)
    else:
        monkeypatch.setattr(module.os, "access", lambda path, mode: False)
    lesson = first_lesson()
    assert lesson.resolve() == tmp_path / "satkit-lessons" / "00_start_here.ipynb"
    assert "satkit-lessons" in capsys.readouterr().out
    lesson.write_text("mine")
    assert first_lesson().read_text() == "mine"  # nothing is overwritten
    assert capsys.readouterr().out == ""
