"""Kernels that are forked: at once, apart from each other, and gone when their server's user is."""

import json
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
from satkit.notebooks.warm_kernels import LOADED, POSSIBLE, WarmKernels, warm_kernels

pytestmark = [pytest.mark.slow, pytest.mark.skipif(not POSSIBLE, reason="kernels are forked on Linux only")]
SEEN = """
import os, sys
print(all(name in sys.modules for name in {loaded!r}), "mine" in globals(), os.environ.get("OWN"), os.getcwd())
mine = 1
import matplotlib; print(matplotlib.get_backend())
"""


@pytest.fixture(scope="module")
def warm():
    with WarmKernels() as server:
        yield server


def exists(process: int) -> bool:
    """Whether a process is there and has not ended."""
    stat = Path(f"/proc/{process}/stat")
    return stat.exists() and stat.read_text().rsplit(")", 1)[1].split()[0] != "Z"


def test_kernels_have_everything_loaded_and_nothing_in_common(warm, tmp_path, monkeypatch):
    path = write(tmp_path / "a.ipynb", SEEN.format(loaded=LOADED))
    for own in ("first", "second"):
        (tmp_path / own).mkdir()
        monkeypatch.chdir(tmp_path / own)
        result = run_notebook(path, tmp_path / f"{own}.ipynb", {}, env={"OWN": own}, warm=warm)
        said, backend = printed(result.output).splitlines()
        assert said == f"True False {own} {tmp_path / own}"
        assert "inline" in backend


def test_figures_are_shown_as_in_a_kernel_that_started_by_itself(warm, tmp_path):
    drawn = "from satkit import plots\nimport matplotlib.pyplot as plt\nplots.use_style()\nplt.plot([1, 2]); None"
    path, shown = write(tmp_path / "a.ipynb", drawn, "figure, ax = plt.subplots()", "print(plt.get_fignums())"), {}
    for name, server in (("warm", warm), ("usual", None)):
        result = run_notebook(path, tmp_path / f"{name}.ipynb", {}, warm=server)
        cells = json.loads(result.output.read_text(encoding="utf-8"))["cells"]
        shown[name] = [[sorted(output.get("data", {})) for output in cell.get("outputs", [])] for cell in cells]
        assert printed(result.output).strip() == "[]"  # drawn and closed after each cell
    assert shown["warm"] == shown["usual"]
    assert sum("image/png" in data for cell in shown["usual"] for data in cell) == 2


def test_a_kernel_trains_as_one_that_started_by_itself(warm, tmp_path):
    training = """
from satkit.experiments.settings import Settings
from satkit.experiments.study_folder import StudyFolder
study = StudyFolder({folder!r}, Settings(preset="smoke"))
print(study.trained("fine-tuning").run.result()["all"])
"""
    scores = []
    for name, server in (("warm", warm), ("usual", None)):
        path = write(tmp_path / f"{name}.ipynb", training.format(folder=str(tmp_path / name)))
        result = run_notebook(path, tmp_path / f"{name}-out.ipynb", {}, warm=server)
        scores.append(printed(result.output).splitlines()[-1])  # below the lines of progress
    assert scores[0] == scores[1]


def test_what_ends_a_kernel_is_named(warm, tmp_path):
    for source, said in (
        ("import os, signal; os.kill(os.getpid(), signal.SIGKILL)", "KernelDied: the kernel died .out of memory"),
        ("1 / 0", "ZeroDivisionError: division by zero"),
        ("exit()", "SystemExit: the cell ended the notebook early"),
    ):
        path = write(tmp_path / "a.ipynb", "print('before')", source)
        with pytest.raises(NotebookFailed, match=said):
            run_notebook(path, tmp_path / "b.ipynb", {}, warm=warm)


def test_an_interrupt_reaches_the_cell(warm, tmp_path):
    started = tmp_path / "started"
    wait = f"""
import time
open({str(started)!r}, "w").close()
try:
    time.sleep(60)
except KeyboardInterrupt:
    print("checkpoint saved")
    raise
"""
    path = write(tmp_path / "a.ipynb", wait)

    def poll():
        if started.exists():
            raise KeyError("poll")

    with pytest.raises(KeyError, match="poll"):
        run_notebook(path, tmp_path / "b.ipynb", {}, on_poll=poll, warm=warm)
    assert "checkpoint saved" in printed(tmp_path / "b.ipynb")


RUNNER = """
import sys
from satkit.notebooks.runner import run_notebook
from satkit.notebooks.warm_kernels import WarmKernels
with WarmKernels() as server:
    print(server._process.pid, flush=True)
    run_notebook(sys.argv[1], sys.argv[2], {}, warm=server)
"""


@pytest.mark.parametrize("killed", ["the process that asked", "the server"])
def test_no_kernel_outlives_its_server_and_no_server_its_user(tmp_path, killed):
    started = tmp_path / "started"
    wait = f"import os, time; open({str(started)!r}, 'w').write(str(os.getpid())); time.sleep(600)"
    path = write(tmp_path / "a.ipynb", wait)
    runner = subprocess.Popen(
        [sys.executable, "-c", RUNNER, str(path), str(tmp_path / "b.ipynb")],
        env={**os.environ, "PYTHONPATH": str(Path(satkit.__file__).parent.parent)},
        stdout=subprocess.PIPE,
        text=True,
    )
    server = int(runner.stdout.readline())
    wait_for(lambda: started.exists() and started.read_text())
    kernel = int(started.read_text())
    assert exists(server)
    assert exists(kernel)
    os.kill(server if killed == "the server" else runner.pid, signal.SIGKILL)
    runner.communicate()
    wait_for(lambda: not exists(server) and not exists(kernel))


def test_a_kernel_that_was_asked_for_by_a_process_that_is_gone_ends_too(tmp_path):
    server = WarmKernels().__enter__()
    request = {"file": str(tmp_path / "kernel.json"), "env": dict(os.environ), "log": str(tmp_path / "log")}
    server._socket.sendall(json.dumps({**request, "folder": str(tmp_path)}).encode() + b"\n")
    server._socket.close()  # before everything is loaded, and so before the answer
    server._answers.close()
    server._process.wait(60)
    children = [path for path in Path("/proc").glob("[0-9]*/cwd") if same(path, tmp_path)]
    assert children == []


def same(link: Path, folder: Path) -> bool:
    """Whether a process works in a folder; false for one that has just ended."""
    try:
        return link.resolve(strict=True) == folder
    except OSError:
        return False


def test_a_run_that_is_stopped_while_kernels_are_loaded_does_not_wait_for_them(tmp_path):
    path = write(tmp_path / "a.ipynb", "print('begun')")

    def stop():
        raise KeyError("poll")

    with WarmKernels() as server, pytest.raises(KeyError, match="poll"):
        run_notebook(path, tmp_path / "b.ipynb", {}, on_poll=stop, warm=server)
    assert server._process.returncode == -signal.SIGKILL


def test_a_server_that_nobody_asks_ends_at_once_and_one_that_has_ended_is_named(tmp_path):
    began = time.monotonic()
    with warm_kernels() as server:
        process = server._process
    assert process.returncode == -signal.SIGKILL
    assert time.monotonic() - began < 5  # much less than loading takes, and not the ten seconds of patience
    with WarmKernels() as server:
        server._process.kill()
        with pytest.raises(RuntimeError, match="The process that starts kernels has ended"):
            server.start("file", {}, tmp_path / "log")
