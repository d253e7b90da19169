"""Parameters are read from their cell, explained there, and set only by their names and types."""

import json
from pathlib import Path

import pytest
from notebook_files import PARAMETERS, PYTHON3, write

from satkit.notebooks.finding import NotebookError
from satkit.notebooks.parameters import Parameter, check_house_rules, check_parameters, parameters, parse_assignments
from satkit.utils.errors import UsageError


def test_parameters_are_read_from_their_cell(tmp_path):
    path = write(tmp_path / "a.ipynb", "seed: int = 9", parameters=PARAMETERS)
    assert parameters(path) == {
        "seed": Parameter("seed", "int", 0, "decides every random number"),
        "rate": Parameter("rate", "float", 0.001, "learning rate"),
        "name": Parameter("name", "str", "sats", "the strategy"),
        "resume": Parameter("resume", "bool", True, "go on where it stopped"),
        "steps": Parameter("steps", "list", [1, 2], "which steps"),
        "more": Parameter("more", "dict", {"a": 1}, "anything else"),
    }


def test_notebook_without_parameters_cell_has_none(tmp_path):
    assert parameters(write(tmp_path / "a.ipynb", "seed: int = 9")) == {}


@pytest.mark.parametrize(
    "line",
    [
        "seed = 0",
        "seed: int",
        "seed: int | None = 0",
        "seed: list[int] = [0]",
        "seed: int = 0.5",
        "seed: int = True",
        "seed: float = 1",
        "seed: float = 1e999",
        "seed: int = max(1, 2)",
        "seed: int = None",
        "seed: dict = {1: 2}",
        "a: int = 1; seed: int = 2",
        "seed: list = [\n    1]",
        "okay: int = 2",
        "import os",
    ],
)
def test_a_parameters_line_that_is_not_understood_is_an_error_that_shows_it(tmp_path, line):
    path = write(tmp_path / "a.ipynb", parameters="okay: int = 1  # fine\n" + line)
    with pytest.raises(NotebookError, match="name: type = default") as caught:
        parameters(path)
    assert line.split("\n")[0].split("; ")[-1] in str(caught.value)


def test_unreadable_notebooks_are_named(tmp_path):
    path = tmp_path / "a.ipynb"
    with pytest.raises(NotebookError, match="a.ipynb cannot be read"):
        parameters(path)
    path.write_text("no JSON", encoding="utf-8")
    with pytest.raises(NotebookError, match="a.ipynb cannot be read"):
        parameters(path)
    path.write_text(json.dumps({"nbformat": 3, "worksheets": []}), encoding="utf-8")
    with pytest.raises(NotebookError, match="format 4, it has 3"):
        parameters(path)
    write(path, parameters="seed: int =")
    with pytest.raises(NotebookError, match="not valid Python"):
        parameters(path)
    write(path, parameters="seed: int = 1")
    notebook = json.loads(path.read_text(encoding="utf-8"))
    path.write_text(json.dumps({**notebook, "cells": notebook["cells"] * 2}), encoding="utf-8")
    with pytest.raises(NotebookError, match="must have one cell tagged 'parameters', it has 2"):
        parameters(path)


def test_house_rules_hold_for_a_plain_parameters_cell(tmp_path):
    check_house_rules(write(tmp_path / "{a}.ipynb", parameters=PARAMETERS, metadata=PYTHON3))


@pytest.mark.parametrize("line", ["seed: int = 0", 'name: str = "a # b"  # help'])
def test_house_rules_refuse_what_papermill_reads_otherwise_or_is_not_explained(tmp_path, line):
    path = write(tmp_path / "a.ipynb", parameters=line, metadata=PYTHON3)
    with pytest.raises(NotebookError, match="must be written as"):
        check_house_rules(path)


def test_house_rules_want_the_kernel_python3(tmp_path):
    with pytest.raises(NotebookError, match="must name python3 as its kernel"):
        check_house_rules(write(tmp_path / "a.ipynb", parameters=PARAMETERS))


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("seed=3", 3),
        ("seed=-3", -3),
        ("rate=2", 2.0),
        ("rate=1e-3", 0.001),
        ("rate=.5", 0.5),
        ("name=007", "007"),
        ("name=", ""),
        ("name=a=b, c", "a=b, c"),
        ("name=True", "True"),
        ("resume=false", False),
        ("resume=True", True),
        ('steps=["sats", 2, null]', ["sats", 2, None]),
        ('more={"a": [1.5]}', {"a": [1.5]}),
    ],
)
def test_assignments_are_read_as_the_declared_type(tmp_path, text, value):
    path = write(tmp_path / "a.ipynb", parameters=PARAMETERS)
    values = parse_assignments(path, [text])
    assert values == {text.partition("=")[0]: value}
    assert type(*values.values()) is type(value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("seed=1e3", "'seed' must be of type int, got '1e3'"),
        ("seed=1_000", "of type int"),
        ("seed=", "of type int"),
        ("rate=fast", "of type float"),
        ("rate=nan", "of type float"),
        ("rate=1e999", "finite numbers"),
        ("resume=1", "true or false"),
        ("steps=1,2", "of type list .JSON"),
        ('steps={"a": 1}', "of type list"),
        ("more=[]", "of type dict"),
        ("more={'a': 1}", "of type dict"),
        ("steps=[NaN]", "finite numbers"),
        ("sed=1", "Unknown parameter 'sed'. Did you mean 'seed'?.*Choose one of: seed, rate"),
        ("seed", "name=value, got 'seed'"),
    ],
)
def test_wrong_assignments_are_usage_errors(tmp_path, text, message):
    path = write(tmp_path / "a.ipynb", parameters=PARAMETERS)
    with pytest.raises(UsageError, match=message):
        parse_assignments(path, [text])


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("order=dog,dining table", ["dog", "dining table"]),
        ('order=["sofa, couch"]', ["sofa, couch"]),
        ("order=3,1,2", [3, 1, 2]),
        ("order=[3,1,2]", [3, 1, 2]),
    ],
)
def test_a_class_order_is_a_list_of_labels_or_of_names(tmp_path, text, value):
    path = write(tmp_path / "a.ipynb", parameters="order: list = []  # the class order")
    assert parse_assignments(path, [text]) == {"order": value}


def test_repeated_assignment_is_a_usage_error(tmp_path):
    path = write(tmp_path / "a.ipynb", parameters=PARAMETERS)
    with pytest.raises(UsageError, match="'seed' is given more than once"):
        parse_assignments(path, ["seed=1", "seed=2"])


def test_values_of_the_declared_types_and_an_int_for_a_float_are_accepted(tmp_path):
    path = write(tmp_path / "a.ipynb", parameters=PARAMETERS)
    check_parameters(path, {"seed": 1, "rate": 1, "name": "a", "resume": False, "steps": [], "more": {}})
    check_parameters(path, {})


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("seed", True),
        ("seed", 1.0),
        ("seed", "1"),
        ("rate", True),
        ("rate", float("nan")),
        ("name", Path("a")),
        ("resume", 1),
        ("steps", (1, 2)),
        ("steps", [Path("a")]),
        ("more", {1: 2}),
        ("sed", 1),
    ],
)
def test_values_of_other_types_or_names_are_usage_errors(tmp_path, name, value):
    path = write(tmp_path / "a.ipynb", parameters=PARAMETERS)
    with pytest.raises(UsageError, match=f"arameter '{name}'"):
        check_parameters(path, {name: value})


def test_setting_a_parameter_of_a_notebook_without_any_is_a_usage_error(tmp_path):
    with pytest.raises(UsageError, match="a has no parameters, so 'seed' cannot be set"):
        check_parameters(write(tmp_path / "a.ipynb"), {"seed": 1})
