"""Every lesson and every solution, as people run them: alone, interrupted, again, from its folder and from the root.

Each has an empty folder of runs to itself. In a kernel in the notebook's own folder the cells are run until one of them
takes long and is interrupted; then all of them from top to bottom, and once more. Then papermill runs the notebook from
the root of the project. Two notebooks at a time, each on one thread.
"""

import json
import re
from concurrent.futures import ThreadPoolExecutor

import nbformat
import pytest
from kernels import Reader

from satkit.notebooks.finding import list_notebooks, list_solutions
from satkit.notebooks.parameters import parameters
from satkit.notebooks.runner import run_notebook
from satkit.studies.saved_figures import kept_figures

pytestmark = [pytest.mark.slow, pytest.mark.notebooks]

WIDGET = "application/vnd.jupyter.widget-view+json"
NOTEBOOKS = {path.stem: path for path in list_notebooks()}
NOTEBOOKS |= {f"solutions/{path.stem}": path for path in list_solutions()}


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    """A folder for every notebook."""
    return {name: tmp_path_factory.mktemp(name.replace("/", "-")) for name in NOTEBOOKS}


@pytest.fixture(scope="module")
def work(folders):
    """What became of each notebook, as a future by name."""
    with ThreadPoolExecutor(max_workers=2) as pool:
        yield {name: pool.submit(use, path, folders[name]) for name, path in NOTEBOOKS.items()}
        pool.shutdown(cancel_futures=True)


def use(path, folder):
    """Use a notebook in every way; gives its executed copy, and what its cells said before, twice."""
    values = {"preset": "smoke"} if "preset" in parameters(path) else {}
    env = {"SATKIT_RUNS": str(folder / "runs"), "SATKIT_STATIC": "1", "OMP_NUM_THREADS": "1"}
    reader = Reader(path, env, values)
    try:
        reader.lose_patience()
        first, second = reader.run_all(), reader.run_all()
    finally:
        reader.close()
    result = run_notebook(path, folder / "executed.ipynb", values, env=env)
    return nbformat.read(str(result.output), 4), first, second


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_it_runs_alone_after_an_interrupt_twice_and_from_the_root(work, name):
    executed, first, second = work[name].result()
    assert executed.cells
    assert first.strip()
    assert second.strip()


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_it_draws_for_everybody_and_does_not_complain(work, name):
    drawn = 0
    for cell in work[name].result()[0].cells:
        outputs = cell.get("outputs", [])
        assert not [item for item in outputs if item.output_type == "error"], cell.source
        assert not [item.text for item in outputs if item.get("name") == "stderr"], cell.source
        said = json.dumps([item.get("text", "") for item in outputs])
        assert "Traceback" not in said
        assert "Warning" not in said
        pictures = [item for item in outputs if "image/png" in item.get("data", {})]
        drawn += len(pictures)
        widgets = [item for item in outputs if WIDGET in item.get("data", {})]
        assert bool(widgets) == ("interactive" in cell.metadata.get("tags", [])), cell.source
        if widgets:
            assert pictures, f"nothing to see without a front end: {cell.source}"
            assert drawn > len(pictures), f"nobody without a mouse has seen a picture yet: {cell.source}"
    assert drawn >= (1 if "/" in name else 2)


def test_pictures_that_are_kept_state_what_they_show(work, folders):
    """Every kept picture but those of whole images has numbers in its alt text."""
    for future in work.values():
        future.result()
    kept = [
        figure
        for folder in folders.values()
        for place in (folder / "runs").glob("*/figures")
        for figure, _ in kept_figures(place)
    ]
    assert {figure.name[:2] for figure in kept} >= {"10", "11", "12", "13", "14", "15", "16", "20", "21", "30", "31"}
    for figure in kept:
        assert re.search(r"\d\.\d|\d %|from \d", figure.alt) or figure.name[:2] in ("11", "12"), figure.alt


@pytest.mark.parametrize("name", ["06_train_base_step", "07_train_next_step"])
def test_a_lesson_on_a_finished_step_shows_the_same_scores(work, name):
    _, first, second = work[name].result()
    scores = [re.findall(r"\d+\.\d %", text) for text in (first, second)]
    assert scores[0] == scores[1]
    assert len(scores[0]) >= 3
