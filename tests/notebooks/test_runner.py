"""Notebooks are found, checked and run as asked, and a run that did not get to its end never counts as one that did."""

import json
import logging
import os
import signal
import subprocess
import sys
import tempfile
import textwrap
import time
from pathlib import Path

import nbformat
import pytest
from notebook_files import PYTHON3, printed, wait_for, write

import satkit
from satkit.notebooks import finding, kernel
from satkit.notebooks.finding import NotebookError, find_notebook
from satkit.notebooks.parameters import Parameter, check_house_rules, check_parameters, parameters, parse_assignments
from satkit.notebooks.runner import NotebookFailed, run_notebook
from satkit.utils.errors import UsageError

PARAMETERS = """
# What a run needs.
seed: int = 0  # decides every random number
rate: float = 1e-3  # learning rate
name: str = "sats"  # the strategy
resume: bool = True  # go on where it stopped
steps: list = [1, 2]  # which steps

more: dict = {"a": 1}  # anything else
"""
LESSONS = ("00_start_here", "06_train_base_step", "07_train_next_step", "11_why_forgetting")


@pytest.fixture
def lessons(tmp_path, monkeypatch):
    """A folder of lessons in place of the real one."""
    folder = tmp_path / "lessons"
    for name in LESSONS:
        write(folder / f"{name}.ipynb")
    write(folder / "solutions" / "07_train_next_step.ipynb")
    monkeypatch.setattr(finding, "notebook_folder", lambda: folder)
    return folder


@pytest.fixture
def temporary(monkeypatch):
    """An empty folder for temporary files whose path is short enough for sockets."""
    with tempfile.TemporaryDirectory(prefix="t-") as folder:
        monkeypatch.setattr(tempfile, "tempdir", folder)
        yield Path(folder)


def test_real_lessons_folder_is_found():
    assert finding.notebook_folder().name in ("notebooks", "_notebooks")


def test_lessons_are_listed_in_order_without_solutions(lessons):
    assert [path.stem for path in finding.list_notebooks()] == list(LESSONS)


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("07", "07_train_next_step.ipynb"),
        ("7", "07_train_next_step.ipynb"),
        ("07_train_next_step", "07_train_next_step.ipynb"),
        ("07_train_next_step.ipynb", "07_train_next_step.ipynb"),
        ("next", "07_train_next_step.ipynb"),
        ("WHY", "11_why_forgetting.ipynb"),
        ("solutions/07", "solutions/07_train_next_step.ipynb"),
    ],
)
def test_lesson_is_found_by_number_name_or_part(lessons, name, found):
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
        ("", "Unknown notebook ''"),
        ("train", "Several notebooks match 'train': 06_train_base_step, 07_train_next_step"),
        ("elsewhere/a.ipynb", "There is no file elsewhere/a.ipynb"),
    ],
)
def test_unknown_notebook_is_a_usage_error_with_a_hint(lessons, name, message):
    with pytest.raises(UsageError, match=message):
        find_notebook(name)


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


def test_impossible_outputs_and_timeouts_are_usage_errors_and_harm_nothing(tmp_path):
    path = write(tmp_path / "a.ipynb", parameters=PARAMETERS)
    before = path.read_bytes()
    (tmp_path / "folder.ipynb").mkdir()
    with pytest.raises(UsageError, match="a path of its own.* is the notebook itself"):
        run_notebook(path, path, {})
    with pytest.raises(UsageError, match="is a folder"):
        run_notebook(path, tmp_path / "folder.ipynb", {})
    with pytest.raises(UsageError, match="ending in .ipynb, got"):
        run_notebook(path, tmp_path / "a.html", {})
    with pytest.raises(UsageError, match="cannot be made"):
        run_notebook(path, path / "below" / "b.ipynb", {})
    with pytest.raises(UsageError, match="positive number of seconds, got 0"):
        run_notebook(path, tmp_path / "b.ipynb", {}, timeout=0)
    with pytest.raises(UsageError, match="Did you mean 'seed'"):
        run_notebook(path, tmp_path / "b.ipynb", {"sede": 1})
    assert path.read_bytes() == before
    assert not (tmp_path / "b.ipynb").exists()


@pytest.mark.slow
def test_notebook_runs_with_its_parameters_environment_and_folder(tmp_path, temporary, monkeypatch):
    work = tmp_path / "work"
    work.mkdir()
    monkeypatch.chdir(work)
    monkeypatch.setenv("JPY_SESSION_NAME", "of the notebook that starts it")
    monkeypatch.setenv("MPLBACKEND", "Agg")
    odd = "\"'\\ {name} \n é #"
    source = """
    import json, os, sys, satkit
    names = ("SATKIT_PROGRESS", "SATKIT_STATIC", "JPY_SESSION_NAME", "MPLBACKEND")
    facts = {"values": [seed, rate, name, resume, steps, more], "folder": os.getcwd(), "python": sys.executable}
    print(json.dumps({**facts, "environment": [os.environ.get(name) for name in names], "satkit": satkit.__file__}))
    """
    path = write(tmp_path / "{in}" / "a.ipynb", textwrap.dedent(source), "", parameters=PARAMETERS)
    output = tmp_path / "{out}" / "{seed}" / "b.ipynb"
    files = []

    def poll():
        files.append(sorted(file.name for file in temporary.glob("*/*")))

    values = {"seed": 3, "rate": 1, "name": odd, "resume": False, "steps": ["a", [1.5]], "more": {"b": None}}
    result = run_notebook(path, output, values, on_poll=poll, env={"SATKIT_PROGRESS": "p.json"})
    assert result.output == output
    assert result.parameters == values
    assert result.seconds > 0
    assert any({"k-1", "kernel.json"} <= set(names) for names in files) or sys.platform == "win32"
    assert list(temporary.iterdir()) == []
    facts = json.loads(printed(output))
    assert facts["values"] == [3, 1, odd, False, ["a", [1.5]], {"b": None}]
    assert facts["folder"] == str(work) == os.getcwd()
    assert facts["python"] == sys.executable
    assert facts["satkit"] == satkit.__file__
    assert facts["environment"][:3] == ["p.json", "1", None]
    assert "inline" in facts["environment"][3]
    assert "SATKIT_PROGRESS" not in os.environ


@pytest.mark.slow
def test_relative_output_is_below_the_caller_and_tcp_works_where_socket_paths_are_too_long(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(kernel, "ADDRESS_LENGTH", 0)
    path = write(tmp_path / "a.ipynb", "print('here')")
    result = run_notebook(path, "out/b.ipynb", {})
    assert result.output == tmp_path / "out" / "b.ipynb"
    assert printed(result.output) == "here\n"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("source", "timeout", "error", "reason"),
    [
        ("\n# divide\nx = 1 / 0", None, "ZeroDivisionError", "division by zero"),
        ("# divide\nimport sys; sys.exit(0)", None, "SystemExit", "the cell ended the notebook early"),
        ("# divide\nexit()", None, "SystemExit", "the cell ended the notebook early"),
        ("# divide\nimport os; os.kill(os.getpid(), 9)", None, "KernelDied", r"the kernel died \(out of memory\?\)"),
        ("# divide\nimport os; os.kill(os.getpid(), 11)", None, "KernelDied", "the kernel died of SIGSEGV"),
        ("# divide\nimport time; time.sleep(60)", 1, "CellTimeout", "the cell took longer than 1 s"),
    ],
    ids=["exception", "sys-exit", "exit", "killed", "crashed", "timeout"],
)
def test_failed_run_names_the_cell_and_keeps_the_partial_notebook(
    tmp_path, monkeypatch, capfd, source, timeout, error, reason
):
    monkeypatch.setattr(logging.getLogger(), "handlers", [])  # as in a program that has set up no logging
    path = write(tmp_path / "lesson.ipynb", "print('before')", source, "print('after')", parameters="a: int = 1")
    output = tmp_path / "out" / "lesson.ipynb"
    pattern = rf"lesson failed in cell In \[4\] \(# divide\): {error}: {reason}.*is kept: .*out"
    with pytest.raises(NotebookFailed, match=pattern) as caught:
        run_notebook(path, output, {"a": 2}, timeout=timeout)
    failure = caught.value
    assert (failure.notebook, failure.cell, failure.source) == ("lesson", 4, "# divide")
    assert (failure.error, failure.output) == (error, output)
    assert printed(output).startswith("before\n")
    assert "after" not in printed(output)
    if error == "ZeroDivisionError":
        outputs = [item for cell in nbformat.read(str(output), 4).cells for item in cell.get("outputs", [])]
        assert outputs[-1].ename == error
    assert capfd.readouterr() == ("", "")


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no socket files")
def test_sockets_move_to_tmp_where_the_usual_folder_has_too_long_a_path(tmp_path, monkeypatch):
    long = tmp_path / ("long" * 30)
    long.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(long))
    with kernel.Kernel() as started:
        assert started.folder.parent == Path("/tmp")
        assert len(started.address) < 100
    assert not started.folder.exists()


@pytest.mark.slow
def test_kernel_that_does_not_start_is_named_as_such(tmp_path, monkeypatch):
    path = write(tmp_path / "a.ipynb", "print('before')")
    monkeypatch.setattr(kernel, "COMMAND", ("-c", "raise SystemExit('no room here')"))
    with pytest.raises(NotebookFailed, match="a failed: KernelNotStarted: the kernel did not start: no room here"):
        run_notebook(path, tmp_path / "b.ipynb", {})


@pytest.mark.slow
def test_error_in_on_poll_stops_the_kernel_and_is_passed_on(tmp_path):
    started = tmp_path / "started"
    finished = tmp_path / "finished"
    sleep = f"import time; time.sleep(60); open({str(finished)!r}, 'w').close()"
    path = write(tmp_path / "a.ipynb", START.format(str(started)), sleep)

    def poll():
        if started.exists():
            raise KeyError("poll")

    with pytest.raises(KeyError, match="poll"):
        run_notebook(path, tmp_path / "b.ipynb", {}, on_poll=poll)
    assert not finished.exists()
    assert not is_running(int(started.read_text()))


RUNNER = """
import sys
from satkit.notebooks.runner import run_notebook

try:
    run_notebook(sys.argv[1], sys.argv[2], {})
except KeyboardInterrupt:
    print("interrupted")
"""
START = """
import os, pathlib, signal, time
print("begun")
started = pathlib.Path({!r})
pathlib.Path(str(started) + "~").write_text(str(os.getpid()))
os.replace(str(started) + "~", started)
"""
INTERRUPTED = """
try:
    time.sleep(60)
except KeyboardInterrupt:
    print("checkpoint saved")
    raise
"""
STUBBORN = """
end = time.time() + 60
while time.time() < end:
    try:
        time.sleep(60)
    except KeyboardInterrupt:
        pass
"""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="signals are sent as POSIX does")
@pytest.mark.parametrize("source", [INTERRUPTED, STUBBORN], ids=["one", "two-for-a-stubborn-cell"])
def test_ctrl_c_ends_the_kernel_keeps_the_partial_notebook_and_is_passed_on(tmp_path, temporary, source):
    started, output = tmp_path / "started", tmp_path / "out" / "b.ipynb"
    path = write(tmp_path / "a.ipynb", START.format(str(started)) + source, "print('after')")
    runner = subprocess.Popen(
        [sys.executable, "-c", RUNNER, str(path), str(output)],
        env={**os.environ, "PYTHONPATH": str(Path(satkit.__file__).parent.parent), "TMPDIR": str(temporary)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        wait_for(started.exists)
        assert list(temporary.iterdir())
        time.sleep(0.3)  # the cell goes on to its sleep
        runner.send_signal(signal.SIGINT)
        if source is STUBBORN:
            time.sleep(1.0)
            assert runner.poll() is None
            runner.send_signal(signal.SIGINT)
        said, errors = runner.communicate(timeout=60)
    finally:
        runner.kill()
    assert (said, errors, runner.returncode) == ("interrupted\n", "", 0)
    assert not is_running(int(started.read_text()))
    assert list(temporary.iterdir()) == []
    assert printed(output) == ("begun\ncheckpoint saved\n" if source is INTERRUPTED else "begun\n")


def is_running(process: int) -> bool:
    """Whether a process with this number exists and has not ended."""
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    status = Path(f"/proc/{process}/stat")
    return not (status.exists() and status.read_text().rsplit(")", 1)[1].split()[0] == "Z")
