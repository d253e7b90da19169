"""Blank notebooks lack the cells that teach and nothing else: what others need is asked for, and checked at once."""

import json

import nbformat
import pytest
from check_cells import imported, loaded, stored

from satkit.notebooks.blank import ASKED, CHECK, GIVEN, TEACH, YOURS, blank_exercises, blank_lesson, blanked, tags
from satkit.notebooks.checks import attention_maps
from satkit.notebooks.finding import NotebookError, find_notebook, list_notebooks, list_solutions
from satkit.notebooks.runner import NotebookFailed, run_notebook
from satkit.utils.files import read_json, write_json

LESSONS = [path.stem for path in list_notebooks()]
WITH_CHECKS = [path.stem for path in list_solutions() if "satkit.notebooks.checks" in path.read_text(encoding="utf-8")]
GIVEN_BY_IPYTHON = {"__name__", "display"}


def blank(name):
    notebook = read_json(find_notebook(name))
    return blank_exercises(notebook) if name.startswith("solutions/") else blank_lesson(notebook)


def code(notebook):
    return [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]


def source(cell):
    return "".join(cell["source"])


def asked_for(cell):
    """The names that a blank cell asks for."""
    lines = source(cell).partition(ASKED)[2].splitlines()
    return {line[2:].partition(":")[0] for line in lines if line.startswith("# ") and not line.startswith("#  ")}


@pytest.mark.parametrize("name", [*LESSONS, *(f"solutions/{stem}" for stem in WITH_CHECKS)])
class TestEveryBlankNotebook:
    def test_a_check_stands_right_below_every_empty_cell_and_asks_for_a_name_that_is_not_there_yet(self, name):
        cells, known = code(blank(name)), set()
        places = [number for number, cell in enumerate(cells) if TEACH in tags(cell)]
        assert places
        assert [number + 1 for number in places] == [n for n, cell in enumerate(cells) if CHECK in tags(cell)]
        for cell in cells:
            assert TEACH not in tags(cell) or asked_for(cell) - known
            known |= stored(source(cell)) | asked_for(cell)

    def test_no_other_cell_needs_a_name_that_nobody_was_asked_for(self, name):
        known = set(GIVEN_BY_IPYTHON)
        for cell in code(blank(name)):
            known |= imported(source(cell))
            missing = loaded(source(cell)) - known
            assert not missing, (source(cell), missing)
            known |= stored(source(cell)) | asked_for(cell)

    def test_it_is_a_valid_notebook_with_short_lines_and_without_a_word_of_the_solution(self, name):
        notebook, whole = blank(name), read_json(find_notebook(name))
        nbformat.validate(nbformat.from_dict(notebook), relax_add_props=False)
        assert len({cell["id"] for cell in notebook["cells"]}) == len(notebook["cells"])
        taught = {cell["id"]: source(cell).splitlines() for cell in code(whole) if TEACH in tags(cell)}
        for cell in code(notebook):
            if TEACH in tags(cell):
                left = [line for line in source(cell).splitlines() if line and not line.startswith("#")]
                assert all(line.lstrip().startswith(("import ", "from ", ")")) or line.endswith(",") for line in left)
                assert max(map(len, source(cell).splitlines())) <= 120
                assert taught[cell["id"]]


@pytest.mark.parametrize("name", LESSONS)
def test_a_blank_lesson_that_is_filled_in_is_the_lesson(name):
    whole, empty = read_json(find_notebook(name)), blank(name)
    solved = {cell["id"]: cell for cell in whole["cells"] if TEACH in tags(cell)}
    assert [solved.get(cell["id"], cell) for cell in empty["cells"]] == whole["cells"]


def test_a_blank_cell_has_its_imports_and_says_what_is_to_be_defined():
    cell = {"cell_type": "code", "id": "a", "metadata": {}, "source": ["import torch\n", "\n", "A = torch.ones(3)\n"]}
    assert source(blanked(cell, {"A": "three ones"})) == f"import torch\n\n{ASKED}\n# A: three ones"
    assert source(blanked(cell, {})) == f"import torch\n\n{YOURS}"
    before = {"source": ["import math\n", "import torch\n", "x = 1"]}
    assert source(blanked(cell, {}, [before])).startswith("import math\nimport torch\n\n")


def test_a_cell_that_teaches_without_a_check_below_is_refused():
    cell = {"cell_type": "code", "id": "a", "metadata": {"tags": [TEACH]}, "source": ["x = 1"]}
    other = {"cell_type": "code", "id": "b", "metadata": {}, "source": ["y = 1"]}
    with pytest.raises(NotebookError, match="Below the cell a, which is tagged 'teach', a check cell must stand"):
        blank_lesson({"cells": [cell, other]})


def test_exercises_have_the_words_and_what_is_given_and_no_answers():
    notebook = blank("solutions/03")
    prose = "\n".join(source(cell) for cell in notebook["cells"] if cell["cell_type"] == "markdown")
    assert prose.startswith("# 03 · Attention maps: exercises")
    assert prose.count("## Exercise ") == 4
    assert "## Questions" not in prose
    assert "> Leave out the division by" in prose
    assert "To fewer, with every head" not in prose
    kinds = [tags(cell) & {TEACH, CHECK, GIVEN} for cell in code(notebook)]
    assert {frozenset(kind) for kind in kinds} == {frozenset(), *(frozenset({each}) for each in (TEACH, CHECK, GIVEN))}
    assert sum(YOURS in source(cell) for cell in code(notebook)) == 2  # exercises without a definite answer


def test_solutions_without_a_check_make_no_exercises():
    assert blank_exercises(read_json(find_notebook("solutions/02"))) is None


@pytest.mark.slow
class TestRun:
    """A blank lesson as `satkit run` runs it."""

    def short(self, notebook, calls):
        """A lesson to its first two checks and no further, which is enough to see where it stops."""
        places = [n for n, cell in enumerate(notebook["cells"]) if CHECK in tags(cell)]
        return {**notebook, "cells": notebook["cells"][: places[calls - 1] + 1]}

    def test_it_stops_at_the_first_check_with_one_sentence_and_the_exit_code_1(self, tmp_path):
        path = tmp_path / "blank.ipynb"
        write_json(path, self.short(blank("03"), 1))
        with pytest.raises(NotebookFailed, match=r"NotRight: A is missing. The cell above must define it") as caught:
            run_notebook(path, tmp_path / "executed.ipynb", {}, env={"SATKIT_RUNS": str(tmp_path)})
        assert caught.value.exit_code == 1
        assert caught.value.source.startswith("from satkit.notebooks.checks import attention_maps as check")

    def test_it_goes_on_where_the_cells_are_filled_in(self, tmp_path):
        whole, empty = read_json(find_notebook("03")), blank("03")
        solved = {cell["id"]: cell for cell in whole["cells"] if TEACH in tags(cell)}
        filled = {**empty, "cells": [solved.get(cell["id"], cell) for cell in empty["cells"]]}
        path = tmp_path / "filled.ipynb"
        write_json(path, self.short(filled, 2))
        result = run_notebook(path, tmp_path / "executed.ipynb", {}, env={"SATKIT_RUNS": str(tmp_path)})
        said = json.dumps(read_json(result.output))
        for check in (attention_maps.attention_matrix, attention_maps.sums):
            assert f"Right: {', '.join(check.wants)}." in said
