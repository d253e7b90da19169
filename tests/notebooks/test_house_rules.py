"""What every reader of a lesson may rely on. That the lessons run and draw is tested in test_every_notebook."""

import ast
import dis
import json
import re
import subprocess
import sys

import nbformat
import pytest

from satkit.experiments.settings import FIELDS, STUDY
from satkit.notebooks.blank import CALL, CHECK, TEACH
from satkit.notebooks.finding import list_notebooks, list_solutions, notebook_folder, number_of, promise
from satkit.notebooks.parameters import TAG, check_house_rules, parameters, setting_parameter

LESSONS = sorted(path.stem for path in list_notebooks())
NOTEBOOKS = [*list_notebooks(), *list_solutions()]
MOST_LINES = 20
MOST_COLUMNS = 88  # as in notebooks/.ruff.toml


def read(name):
    return nbformat.read(str(notebook_folder() / f"{name}.ipynb"), as_version=4)


def prose(name):
    return "\n\n".join(cell.source for cell in read(name).cells if cell.cell_type == "markdown")


def code(name):
    return [cell for cell in read(name).cells if cell.cell_type == "code"]


@pytest.mark.parametrize("name", LESSONS)
class TestEveryLesson:
    def test_is_a_valid_notebook_for_python3_without_outputs(self, name):
        notebook = read(name)
        nbformat.validate(notebook, relax_add_props=False)
        assert notebook.metadata.kernelspec.name == "python3"
        for cell in code(name):
            assert cell.outputs == []
            assert cell.execution_count is None

    def test_has_a_different_id_for_every_cell(self, name):
        ids = [cell.id for cell in read(name).cells]
        assert len(set(ids)) == len(ids)

    def test_has_one_parameters_cell_before_all_other_code(self, name):
        tagged = ["parameters" in cell.metadata.get("tags", []) for cell in code(name)]
        assert tagged == [True] + [False] * (len(tagged) - 1)
        check_house_rules(notebook_folder() / f"{name}.ipynb")

    def test_opens_with_its_number_its_promise_its_time_and_its_needs(self, name):
        first = read(name).cells[0]
        assert first.cell_type == "markdown"
        assert first.source.startswith(f"# {number_of(notebook_folder() / name)} · ")
        assert promise(notebook_folder() / f"{name}.ipynb")
        for word in ("Time", "Needs"):
            assert f"**{word}** — " in first.source

    def test_has_a_hidden_hint_for_every_exercise(self, name):
        exercises = re.split(r"\*\*(?:Exercises|Further reading)\*\*", prose(name))[1]
        numbered = re.split(r"^\d\. ", exercises, flags=re.MULTILINE)[1:]
        assert numbered
        for exercise in numbered:
            hint = re.search(r"<details><summary>Hint</summary>(.+?)</details>", exercise, re.DOTALL)
            assert hint, exercise
            assert hint[1].strip()

    def test_has_two_to_six_cells_that_teach_each_with_one_short_check_right_below(self, name):
        kinds = [set(cell.metadata.get("tags", [])) & {TEACH, CHECK} for cell in read(name).cells]
        taught = [number for number, kind in enumerate(kinds) if TEACH in kind]
        assert 2 <= len(taught) <= 6
        assert [number + 1 for number in taught] == [number for number, kind in enumerate(kinds) if CHECK in kind]
        for number in taught:
            lines = read(name).cells[number + 1].source.splitlines()
            assert CALL.fullmatch(lines[-1])
            assert len(lines) in (1, 3)

    def test_has_three_questions_with_short_answers_hidden_below(self, name):
        questions = re.split(r"\*\*(?:Questions|Exercises)\*\*", prose(name))[1]
        numbered = re.split(r"^\d\. ", questions, flags=re.MULTILINE)[1:]
        assert len(numbered) == 3
        for question in numbered:
            answer = re.search(r"<details><summary>Answer</summary>(.+?)</details>", question, re.DOTALL)
            assert answer, question
            assert 5 <= len(answer[1].split()) <= 45

    def test_names_no_absolute_path(self, name):
        for cell in read(name).cells:
            assert not re.search(r"(?<![\w.>)\]/:-])(/(home|root|tmp|work|usr|Users|mnt|data)/|[A-Z]:\\)", cell.source)

    def test_has_cells_that_fit_on_a_screen(self, name):
        for cell in code(name)[1:]:
            assert 1 <= len(cell.source.strip().splitlines()) <= MOST_LINES, cell.source

    def test_next_names_a_lesson(self, name):
        named = re.findall(r"`(\d\d[a-z]?_\w+)`", prose(name).split("**Next**")[1])
        assert named
        assert set(named) <= set(LESSONS)

    def test_commands_in_it_name_parameters_of_their_notebook(self, name):
        from satkit.notebooks.finding import find_notebook
        from satkit.notebooks.parameters import parse_assignments

        commands = re.findall(r"satkit run (\d\d[a-z]?)((?: -p \S+)*)", prose(name).replace("</code>", " "))
        for number, values in commands:
            path = find_notebook(number)
            parse_assignments(path, re.findall(r"-p (\S+)", values))

    def test_declares_settings_as_they_are_defined(self, name):
        declared = parameters(notebook_folder() / f"{name}.ipynb")
        for key in declared.keys() & FIELDS.keys():
            assert declared[key] == setting_parameter(key)
            assert declared[key].help == setting_parameter(key).help
        assert "preset" not in declared or {"study", "data", "root", "seed"} <= declared.keys()
        if "study" in declared:
            assert declared["study"].help == STUDY
            assert declared["study"].default == ""


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.parent.name + path.stem)
def test_every_line_of_code_below_the_parameters_has_at_most_88_characters(path):
    for cell in without_parameters(path)["cells"]:
        for line in cell["source"].splitlines() if cell["cell_type"] == "code" else ():
            assert len(line) <= MOST_COLUMNS, line


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.parent.name + path.stem)
def test_code_below_the_parameters_is_as_the_formatter_writes_it(path):
    """Asked here, because the formatter would move the help of a parameter to where papermill does not see it."""
    command = [sys.executable, "-m", "ruff", "format", "--diff", "--stdin-filename", str(path), "-"]
    notebook = json.dumps(without_parameters(path))
    done = subprocess.run(command, input=notebook, capture_output=True, encoding="utf-8", check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def without_parameters(path):
    notebook = nbformat.read(str(path), as_version=4)
    return {**notebook, "cells": [cell for cell in notebook.cells if TAG not in cell.metadata.get("tags", [])]}


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.parent.name + path.stem)
def test_the_code_of_a_notebook_has_no_lint_pragma_and_no_plumbing_of_progress(path):
    for cell in nbformat.read(str(path), as_version=4).cells:
        assert cell.cell_type != "code" or not re.search(r"noqa|lambda total, label", cell.source), cell.source


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.parent.name + path.stem)
def test_no_cell_below_the_parameters_gives_a_value_to_a_setting_that_is_no_parameter(path):
    """`Lesson(globals())` would take it for a setting when the notebook is run again in the same kernel."""
    cells = [cell for cell in nbformat.read(str(path), as_version=4).cells if cell.cell_type == "code"]
    if any("Lesson(globals())" in cell.source for cell in cells):
        assert not assigned(cells) & {*FIELDS, "study"} - parameters(path).keys()


def assigned(cells):
    """The names that cells define, at their top level."""
    compiled = [compile(cell.source, "cell", "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT) for cell in cells]
    return {each.argval for code in compiled for each in dis.get_instructions(code) if each.opname == "STORE_NAME"}
