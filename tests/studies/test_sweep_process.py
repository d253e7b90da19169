"""Runs as processes, here and on a real Dask cluster: what they are given, how they are stopped, who is refused."""

import io
import json
import os
import signal
import socket
import sys
import threading
import time

import pytest
from notebook_files import wait_for, write
from sweeps import Told

import satkit
from satkit.studies import sweep_process
from satkit.studies.sweep import Sweep
from satkit.studies.sweep_process import (
    dask_cluster,
    end_with_parent,
    processes_here,
    read_resources,
    run_one,
    shares_of_graphics,
    thread_variables,
)
from satkit.studies.sweep_run import DONE, LOG, RUNNING, SweepRun
from satkit.studies.sweep_targets import target
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
        python("print(json.dumps([sys.argv[1:], os.environ['MINE'], os.getsid(0)]))\nsys.exit(3)")
        code = run_one(["sweep", "x"], str(tmp_path / "run"), {"MINE": "1"}, str(tmp_path / "stop"), satkit.__version__)
        words, mine, session = json.loads((tmp_path / "run" / LOG).read_text())
        assert (code, mine) == (3, "1")
        assert words == ["-P", "-m", "satkit", "sweep", "x", "--worker"]
        assert session != os.getsid(0)

    def test_a_sweep_that_is_stopped_closes_the_input_of_its_runs_once(self, tmp_path, python):
        python("sys.stdin.buffer.read()\nprint('saved')\nsys.exit(143)")
        stop = tmp_path / "stop"
        threading.Timer(0.3, stop.touch).start()
        assert run_one([], str(tmp_path / "run"), {}, str(stop), satkit.__version__) == 143
        assert (tmp_path / "run" / LOG).read_text() == "saved\n"

    def test_a_run_that_does_not_end_is_killed_in_the_end(self, tmp_path, python, monkeypatch):
        monkeypatch.setattr(sweep_process, "STOP_SECONDS", 0.1)
        python("import time\ntime.sleep(600)")
        (tmp_path / "stop").touch()
        assert run_one([], str(tmp_path / "run"), {}, str(tmp_path / "stop"), satkit.__version__) == -signal.SIGKILL

    def test_another_version_of_satkit_is_refused(self, tmp_path):
        with pytest.raises(UsageError, match=f"this worker has {satkit.__version__} and the sweep was started with 99"):
            run_one([], str(tmp_path), {}, str(tmp_path / "stop"), "99")


def test_a_process_whose_parent_has_ended_gets_a_signal(monkeypatch):
    sent = threading.Event()
    monkeypatch.setattr(os, "kill", lambda pid, number: (pid, number) == (os.getpid(), signal.SIGTERM) and sent.set())
    end_with_parent(io.BytesIO())
    assert sent.wait(10)


class TestHere:
    def test_the_cores_are_shared_by_the_jobs(self):
        cores = os.cpu_count() or 1
        for jobs, threads, count in ((1, 0, cores), (2, 0, max(1, cores // 2)), (99 * cores, 0, 1), (2, 3, 3)):
            with processes_here(jobs, threads) as workers:
                assert workers.environment == thread_variables(count)
                assert workers.slots == jobs

    def test_every_job_has_a_gpu_of_its_own_in_turn(self, monkeypatch):
        monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
        monkeypatch.setattr("torch.cuda.device_count", lambda: 2)
        assert [share["CUDA_VISIBLE_DEVICES"] for share in shares_of_graphics(3)] == ["0", "1", "0"]
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "5,7")
        assert [share["CUDA_VISIBLE_DEVICES"] for share in shares_of_graphics(2)] == ["5", "7"]
        monkeypatch.setattr("torch.cuda.device_count", lambda: 1)
        assert shares_of_graphics(2) == []

    def test_a_share_is_given_to_one_run_at_a_time(self, tmp_path, monkeypatch):
        monkeypatch.setattr(sweep_process, "shares_of_graphics", lambda jobs: [{"GPU": str(n)} for n in range(jobs)])
        held, twice = set(), []

        def run(words, folder, environment, stop, version):
            twice.append(environment["GPU"] in held)
            held.add(environment["GPU"])
            time.sleep(0.05)
            held.remove(environment["GPU"])
            return 0

        monkeypatch.setattr(sweep_process, "run_one", run)
        with processes_here(2) as workers:
            runs = [SweepRun(Told(), {"seed": seed}, tmp_path) for seed in range(6)]
            assert [each.result() for each in [workers.submit(run, tmp_path / "stop") for run in runs]] == [0] * 6
        assert twice == [False] * 6

    @pytest.mark.parametrize(("jobs", "threads"), [(0, 0), (-1, 0), (1, -1)])
    def test_less_than_one_is_refused(self, jobs, threads):
        with pytest.raises(UsageError, match="must be 1 or more"), processes_here(jobs, threads):
            pass


def test_resources_are_names_with_numbers():
    assert read_resources("GPU=1, MEMORY=8e9") == {"GPU": 1.0, "MEMORY": 8e9}
    assert read_resources("") == {}
    with pytest.raises(UsageError, match="--resources takes NAME=NUMBER, as in GPU=1, got 'GPU'"):
        read_resources("GPU")


def test_a_package_that_is_missing_is_named_with_the_way_to_get_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "distributed", None)
    said = r"extra cluster of satkit, or only: python -m pip install .dask\[distributed"
    with pytest.raises(UsageError, match=said), dask_cluster("tcp://127.0.0.1:1", {}):
        pass


@pytest.mark.parametrize("address", ["tcp://127.0.0.1:1", "nowhere", "http://127.0.0.1:80", "", "silent"])
def test_a_scheduler_that_does_not_answer_is_one_sentence_within_seconds(address, monkeypatch):
    pytest.importorskip("distributed", reason='python -m pip install "dask[distributed]"')
    monkeypatch.setattr(sweep_process, "CONNECT_SECONDS", 1.0)
    with socket.create_server(("127.0.0.1", 0)) as silent:  # takes connections and says nothing
        address = f"tcp://127.0.0.1:{silent.getsockname()[1]}" if address == "silent" else address
        began = time.monotonic()
        with pytest.raises(UsageError, match="No Dask scheduler answers at") as error, dask_cluster(address, {}):
            pass
    assert time.monotonic() - began < 15
    assert "\n" not in str(error.value)


@pytest.mark.slow
def test_on_a_cluster_every_run_is_done_once_although_a_worker_is_killed(tmp_path):
    distributed = pytest.importorskip("distributed", reason='python -m pip install "dask[distributed]"')
    path = write(
        tmp_path / "slow.ipynb",
        "import json, os, time\ntime.sleep(2)",
        "json.dump({'all': seed / 10}, open(os.environ['SATKIT_RESULT'], 'w'))",
        parameters="seed: int = 0  # decides the result",
    )
    sweep = Sweep(target(str(path)), [{"seed": seed} for seed in range(4)], str(tmp_path / "sweep"))
    local = dict(n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None, host="127.0.0.1")
    with distributed.LocalCluster(**local) as cluster:
        killed = []

        def kill():
            wait_for(lambda: any(run.state.state == RUNNING for run in sweep.runs))
            killed.append(cluster.workers[0].pid)
            os.kill(killed[0], signal.SIGKILL)

        killer = threading.Thread(target=kill)
        killer.start()
        with dask_cluster(cluster.scheduler_address, {}, threads=1) as workers:
            assert sweep.carry_out(workers)
        killer.join()
    assert killed
    assert [run.state.state for run in sweep.runs] == [DONE] * 4
    assert [run.state.scores["all"] for run in sweep.runs] == [0.0, 0.1, 0.2, 0.3]
