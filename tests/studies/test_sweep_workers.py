"""Workers of this machine and of a real Dask cluster: what runs are given, and who is refused."""

import os
import signal
import socket
import sys
import threading
import time

import pytest
from notebook_files import wait_for, write
from sweeps import Told

from satkit.studies import sweep_workers
from satkit.studies.sweep import Sweep
from satkit.studies.sweep_choice import target
from satkit.studies.sweep_run import DONE, RUNNING, SweepRun
from satkit.studies.sweep_workers import (
    dask_cluster,
    processes_here,
    read_resources,
    shares_of_graphics,
    thread_variables,
)
from satkit.utils.errors import UsageError


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
        monkeypatch.setattr(sweep_workers, "shares_of_graphics", lambda jobs: [{"GPU": str(n)} for n in range(jobs)])
        held, twice = set(), []

        def run(words, folder, environment, *others):
            twice.append(environment["GPU"] in held)
            held.add(environment["GPU"])
            time.sleep(0.05)
            held.remove(environment["GPU"])
            return 0

        monkeypatch.setattr(sweep_workers, "run_one", run)
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
    monkeypatch.setattr(sweep_workers, "CONNECT_SECONDS", 1.0)
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
            wait_for(lambda: any(run.state.state == RUNNING for run in sweep.runs), seconds=400)
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


TWELVE = [
    {"preset": "smoke", "strategy": strategy, "seed": seed}
    for strategy in ("fine-tuning", "pseudo+distillation", "sats", "mib")
    for seed in (0, 1, 2)
]


def twelve(folder, workers):
    """Scores of twelve trainings by their parameters, and how many seconds they took."""
    sweep, began = Sweep(target("train"), TWELVE, str(folder)), time.monotonic()
    assert sweep.carry_out(workers)
    scores = {run.label: run.state.scores for run in sweep.runs}
    return scores, time.monotonic() - began, sweep


@pytest.mark.full
def test_twelve_trainings_on_a_cluster_have_the_results_of_those_here_although_a_worker_is_killed(tmp_path):
    distributed = pytest.importorskip("distributed", reason='python -m pip install "dask[distributed]"')
    with processes_here(2, threads=1) as workers:
        here, _, _ = twelve(tmp_path / "here", workers)
    local = dict(n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None, host="127.0.0.1")
    with distributed.LocalCluster(**local) as cluster:

        def kill():
            wait_for(lambda: len(list((tmp_path / "there").glob("*/run.log"))) > 4, seconds=1800)
            os.kill(cluster.workers[0].pid, signal.SIGKILL)

        killer = threading.Thread(target=kill)
        killer.start()
        with dask_cluster(cluster.scheduler_address, {}, threads=1) as workers:
            there, _, _ = twelve(tmp_path / "there", workers)
        killer.join()
    assert there == here


@pytest.mark.full
@pytest.mark.skipif((os.cpu_count() or 1) < 2, reason="needs two cores")
def test_two_jobs_are_faster_than_one(tmp_path):
    if os.getloadavg()[0] > 0.5:
        pytest.skip("the cores are not idle, so that no time can be compared")
    seconds = []
    for jobs in (1, 2):
        with processes_here(jobs, threads=1) as workers:
            seconds.append(twelve(tmp_path / str(jobs), workers)[1])
    assert seconds[0] / seconds[1] >= 1.6
