"""A notebook runs as it was asked to, and a run that did not get to its end never counts as one that did."""

import json
import logging
import os
import sys
import textwrap

import nbformat
import pytest
from notebook_files import PARAMETERS, printed, write

import satkit
from satkit.notebooks import kernel
from satkit.notebooks.runner import NotebookFailed, run_notebook
from satkit.utils.errors import UsageError


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
    with pytest.raises(UsageError, match="cannot be written"):  # before a kernel starts
        run_notebook(path, "/proc/b.ipynb", {})
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
    cells = []
    seen = {"on_poll": poll, "on_cell": lambda *at: cells.append(at)}
    result = run_notebook(path, output, values, env={"SATKIT_PROGRESS": "p.json"}, **seen)
    assert cells == [(1, 3), (2, 3), (3, 3)]  # one is blank, and the parameters get a cell of their own
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
