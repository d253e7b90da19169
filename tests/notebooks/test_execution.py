"""An execution that is interrupted, by an error or by Ctrl-C, leaves neither a process nor a file behind."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from notebook_files import printed, wait_for, write

import satkit
from satkit.notebooks.runner import NotebookFailed, run_notebook


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


@pytest.mark.slow
def test_a_figure_that_cannot_be_drawn_fails_its_own_cell_and_nothing_runs_after_it(tmp_path):
    drawn = "import matplotlib.pyplot as plt\nplt.gca().set_title('a$^$b', parse_math=True)\nprint('cell done')"
    path = write(tmp_path / "a.ipynb", "x = 1", drawn, "print('ran on')")
    with pytest.raises(NotebookFailed) as failed:
        run_notebook(path, tmp_path / "b.ipynb", {})
    assert (failed.value.cell, failed.value.source) == (2, "import matplotlib.pyplot as plt")
    assert "ParseException" in failed.value.error or "ValueError" in failed.value.error
    assert "cell done" in printed(tmp_path / "b.ipynb")
    assert "ran on" not in printed(tmp_path / "b.ipynb")


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


UNANSWERED = """
kernel = get_ipython().kernel
def beside_the_cell(*_):
    pathlib.Path({!r}).touch()
    time.sleep(60)
kernel.finish_metadata = beside_the_cell
"""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells which signals a process ignores")
def test_a_kernel_that_an_interrupt_has_silenced_is_not_waited_for(tmp_path):
    """An interrupt beside a cell, in the kernel's own code, leaves that cell without an answer."""
    reached, began = tmp_path / "reached", []
    path = write(tmp_path / "a.ipynb", START.format(str(tmp_path / "started")) + UNANSWERED.format(str(reached)))

    def poll():
        if reached.exists():
            began.append(time.monotonic())
            raise KeyError("poll")

    with pytest.raises(KeyError, match="poll"):
        run_notebook(path, tmp_path / "b.ipynb", {}, on_poll=poll)
    assert time.monotonic() - began[0] < 15.0  # of the thirty that a training may take to save its checkpoint
    assert printed(tmp_path / "b.ipynb") == "begun\n"
    assert not is_running(int((tmp_path / "started").read_text()))


def is_running(process: int) -> bool:
    """Whether a process with this number exists and has not ended."""
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    status = Path(f"/proc/{process}/stat")
    return not (status.exists() and status.read_text().rsplit(")", 1)[1].split()[0] == "Z")
