"""A notebook that was interrupted runs again, and once more in the same kernel; it also runs from the project's root.

Two notebooks are repeated in every run of the tests, a lesson that looks at models and one that trains; the others by
the full test command, see CONTRIBUTING.
"""

import re
from contextlib import chdir

import nbformat
import pytest
from every_notebook import NOTEBOOKS, environment, values
from kernels import Reader
from places import ROOT

from satkit.notebooks.runner import run_notebook

ALWAYS = ("03_attention_maps", "07_train_next_step")
TRAINED = ("06_train_base_step", "07_train_next_step")

pytestmark = [
    pytest.mark.slow,
    pytest.mark.notebooks,
    pytest.mark.parametrize(
        "name", [pytest.param(name, marks=[] if name in ALWAYS else pytest.mark.full) for name in NOTEBOOKS]
    ),
]


def test_it_runs_after_an_interrupt_and_once_more_in_the_same_kernel(name, tmp_path):
    path = NOTEBOOKS[name]
    reader = Reader(path, environment(tmp_path), values(path))
    try:
        reader.lose_patience()
        first, second = reader.run_all(), reader.run_all()
    finally:
        reader.close()
    assert first.strip()
    assert second.strip()
    if name in TRAINED:  # the second time on a finished step, which shows the same scores
        scores = [re.findall(r"\d+\.\d %", text) for text in (first, second)]
        assert scores[0] == scores[1]
        assert len(scores[0]) >= 3


def test_it_runs_from_the_root_of_the_project(name, tmp_path):
    path = NOTEBOOKS[name]
    with chdir(ROOT):
        result = run_notebook(path, tmp_path / "executed.ipynb", values(path), env=environment(tmp_path))
    assert all(cell.execution_count for cell in nbformat.read(str(result.output), 4).cells if cell.cell_type == "code")
