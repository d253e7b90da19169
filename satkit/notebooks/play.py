"""Opening JupyterLab on the first lesson."""

import os
import subprocess
from collections.abc import Sequence
from pathlib import Path

from satkit.notebooks.export import export
from satkit.notebooks.finding import list_notebooks
from satkit.utils.assets import python_command, source_tree

COPIES = "satkit-lessons"  # in the working directory


def play(options: Sequence[str] = ()) -> int:
    """Open JupyterLab on the first lesson, and wait until it ends; returns its exit code.

    Args:
        options: Further options for JupyterLab.
    """
    lesson = first_lesson()
    print(f"Opening {lesson}. Ctrl-C ends JupyterLab.", flush=True)
    return subprocess.call(python_command("-m", "jupyterlab", str(lesson), *options))


def first_lesson() -> Path:
    """The first lesson where it may be edited: in the source tree, or a copy where that cannot be written."""
    lesson = list_notebooks()[0]
    if source_tree() and os.access(lesson, os.W_OK) and os.access(lesson.parent, os.W_OK):
        return lesson
    folder = Path(COPIES)
    if not (folder / lesson.name).exists():
        export(folder)
        print(f"The lessons that come with satkit stay as they are; yours are in {folder.absolute()}.")
    return folder / lesson.name
