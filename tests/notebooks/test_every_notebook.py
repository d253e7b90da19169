"""Every lesson and every solution runs to its end, draws, and does not complain.

One execution of a notebook, alone, in its own folder and with a folder of runs of its own, serves all checks of its
result. That folder is empty, but for notebooks that look at trained models: these find them there.
That it can be interrupted and run again: test_repetitions.
"""

import json
import re
import shutil
from contextlib import chdir

import nbformat
import pytest
from every_notebook import LOOKS, NOTEBOOKS, environment, train_usual, values

from satkit.notebooks.runner import run_notebook
from satkit.notebooks.warm_kernels import warm_kernels
from satkit.studies.saved_figures import kept_figures

pytestmark = [pytest.mark.slow, pytest.mark.notebooks]

WIDGET = "application/vnd.jupyter.widget-view+json"
# Lessons that keep figures, and the numbers with which the names of these begin.
KEPT = {
    "06_train_base_step": {"30"},
    "07_train_next_step": {"31"},
    "08_teacher_and_student": {"20", "21"},
    "09_visualising_forgetting": {"10", "11", "12", "13", "14", "15", "16"},
    "13_write_your_own_term": {"10"},
}


@pytest.fixture(scope="module")
def warm():
    """Where kernels start at once, as in a study."""
    with warm_kernels() as server:
        yield server


@pytest.fixture(scope="module")
def usual(tmp_path_factory):
    """A folder of runs with the models that lessons look at."""
    runs = tmp_path_factory.mktemp("usual")
    train_usual(runs)
    return runs


@pytest.fixture(scope="module", params=NOTEBOOKS)
def executed(request, tmp_path_factory, warm, usual):
    """A notebook that was run in its own folder: its name, its folder of runs, and its executed copy."""
    name, path = request.param, NOTEBOOKS[request.param]
    folder = tmp_path_factory.mktemp(name.replace("/", "-"))
    if name in LOOKS:
        shutil.copytree(usual, folder / "runs")
    with chdir(path.parent):
        result = run_notebook(path, folder / "executed.ipynb", values(path), env=environment(folder), warm=warm)
    return name, folder / "runs", nbformat.read(str(result.output), 4)


def test_it_runs_and_does_not_complain(executed):
    for cell in executed[2].cells:
        outputs = cell.get("outputs", [])
        assert not [item for item in outputs if item.output_type == "error"], cell.source
        assert not [item.text for item in outputs if item.get("name") == "stderr"], cell.source
        said = json.dumps([item.get("text", "") for item in outputs])
        assert "Traceback" not in said
        assert "Warning" not in said


def test_it_draws_for_everybody(executed):
    name, _, book = executed
    drawn = 0
    for cell in book.cells:
        outputs = cell.get("outputs", [])
        pictures = [item for item in outputs if "image/png" in item.get("data", {})]
        drawn += len(pictures)
        widgets = [item for item in outputs if WIDGET in item.get("data", {})]
        assert bool(widgets) == ("interactive" in cell.metadata.get("tags", [])), cell.source
        if widgets:
            assert pictures, f"nothing to see without a front end: {cell.source}"
            assert drawn > len(pictures), f"nobody without a mouse has seen a picture yet: {cell.source}"
    assert drawn >= (1 if "/" in name else 2)


def test_pictures_that_are_kept_state_what_they_show(executed):
    """Every kept picture but those of whole images has numbers in its alt text."""
    name, runs, _ = executed
    kept = [figure for place in runs.glob("*/figures") for figure, _ in kept_figures(place)]
    assert {figure.name[:2] for figure in kept} == KEPT.get(name, set())
    for figure in kept:
        assert re.search(r"\d\.\d|\d %|from \d", figure.alt) or figure.name[:2] in ("11", "12"), figure.alt
