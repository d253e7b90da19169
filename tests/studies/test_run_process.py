"""A run as a process: what it is given, how it is stopped, and how it ends with whoever has started it."""

import json
import os
import signal
import subprocess
import sys
import threading

import pytest

import satkit
from satkit.studies import run_process
from satkit.studies.run_process import LOG, check_version, end_with_parent, run_one
from satkit.utils.errors import UsageError

POSIX = pytest.mark.skipif(os.name != "posix", reason="a script that stands for the interpreter")


@pytest.fixture
def python(tmp_path, monkeypatch):
    """Lets a script stand for the interpreter."""

    def stands(source):
        script = tmp_path / "python"
        script.write_text(f"#!{sys.executable}\nimport json, os, sys\n{source}")
        script.chmod(0o755)
        monkeypatch.setattr("satkit.utils.assets.sys.executable", str(script))

    return stands


@POSIX
class TestRunOne:
    def test_a_run_gets_its_words_and_variables_and_a_session_of_its_own(self, tmp_path, python):
        python("print(json.dumps([sys.argv[1:], os.environ['MINE'], os.getsid(0), os.getcwd()]))\nsys.exit(3)")
        given = ({"MINE": "1"}, str(tmp_path / "stop"), satkit.__version__, str(tmp_path))
        code = run_one(["sweep", "x"], str(tmp_path / "run"), *given)
        words, mine, session, where = json.loads((tmp_path / "run" / LOG).read_text())
        assert (code, mine, where) == (3, "1", str(tmp_path))
        assert words == ["-P", "-m", "satkit", "sweep", "x", "--worker"]
        assert session != os.getsid(0)

    def test_a_sweep_that_is_stopped_closes_the_input_of_its_runs_once(self, tmp_path, python):
        python("sys.stdin.buffer.read()\nprint('saved')\nsys.exit(143)")
        stop = tmp_path / "stop"
        threading.Timer(0.3, stop.touch).start()
        assert run_one([], str(tmp_path / "run"), {}, str(stop), satkit.__version__) == 143
        assert (tmp_path / "run" / LOG).read_text() == "saved\n"

    def test_a_run_that_does_not_end_is_killed_in_the_end(self, tmp_path, python, monkeypatch):
        monkeypatch.setattr(run_process, "STOP_SECONDS", 0.1)
        python("import time\ntime.sleep(600)")
        (tmp_path / "stop").touch()
        assert run_one([], str(tmp_path / "run"), {}, str(tmp_path / "stop"), satkit.__version__) == -signal.SIGKILL

    def test_another_version_of_satkit_is_refused(self, tmp_path):
        with pytest.raises(UsageError, match=f"this worker has {satkit.__version__} and the sweep was started with 99"):
            run_one([], str(tmp_path), {}, str(tmp_path / "stop"), "99")


def test_a_process_whose_parent_has_ended_gets_a_signal(monkeypatch):
    sent = threading.Event()
    monkeypatch.setattr(os, "kill", lambda pid, number: (pid, number) == (os.getpid(), signal.SIGTERM) and sent.set())
    source, held = os.pipe()
    end_with_parent(source)
    os.write(held, b"any")
    assert not sent.wait(0.2)
    os.close(held)
    assert sent.wait(10)


def test_a_process_that_watches_its_parent_ends_by_itself_without_a_word():
    code = "from satkit.studies.run_process import end_with_parent; end_with_parent(); import time; time.sleep(0.3)"
    pipes = dict(stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    process = subprocess.Popen([sys.executable, "-c", code], **pipes)
    assert (process.wait(60), process.stdout.read()) == (0, b"")
    process.stdin.close()


def test_the_same_version_is_accepted():
    check_version(satkit.__version__)


def test_the_function_for_workers_loads_no_library():
    """A worker of a cluster imports it, and nothing of what a training needs."""
    code = "import sys, satkit.studies.run_process; print({'torch', 'numpy', 'papermill'} & set(sys.modules))"
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert said.stdout == "set()\n"
