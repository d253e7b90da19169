"""satkit sweep: its words arrive as a grid, its lines are runs of their own, and what is wrong is one sentence."""

import os
import re
import shlex
import signal
import subprocess
import sys

import pytest
from command_line import one_sentence
from notebook_files import wait_for, write
from places import ROOT

from satkit.studies.sweep import Sweep
from satkit.studies.sweep_choice import target
from satkit.studies.sweep_run import DONE, FAILED, RUNNING, WAITING, runs_in

PARAMETERS = 'seed: int = 0  # decides the result\nname: str = "a"  # any text\nmore: dict = {}  # anything'
SLEEPS = "import json, os, time\ntime.sleep(wait)"
LEAVES = "assert seed != 2, 'two'\njson.dump({'all': seed / 10}, open(os.environ['SATKIT_RESULT'], 'w'))"


@pytest.fixture
def notebook(tmp_path):
    """A notebook with three parameters."""
    return str(write(tmp_path / "mine.ipynb", "print(seed)", parameters=PARAMETERS))


@pytest.fixture
def executed(monkeypatch):
    """The parameters of the notebooks that would be executed."""
    found = []
    monkeypatch.setattr("satkit.studies.sweep_targets.run_notebook", lambda *words, **_: found.append(words[2]))
    return found


@pytest.mark.usefixtures("runs")
class TestLines:
    def test_a_dry_run_prints_a_line_per_run_and_nothing_else_and_writes_nothing(self, satkit_says, runs, notebook):
        code, out, error = satkit_says("sweep", notebook, "-p", "name=b c", "--grid", "seed=0,2", "--dry-run")
        assert (code, error) == (0, "")
        folder = out.split()[-1]
        assert out == "".join(
            f"satkit sweep {notebook} -p 'name=b c' -p seed={seed} --out {folder}\n" for seed in (0, 2)
        )
        assert folder.startswith(f"{runs}/sweep-")
        assert not runs.exists()

    def test_every_line_is_a_run_and_the_sweep_then_has_nothing_left(self, satkit_says, notebook, tmp_path, executed):
        grid = tmp_path / "grid.yaml"
        grid.write_text('name: ["it\'s", "1,2"]\nmore: [{a: [1, "x y"]}, {}]\n')
        words = ("sweep", notebook, "--grid-file", str(grid), "--out", "mine")
        lines = satkit_says(*words, "--dry-run")[1].splitlines()
        assert len(lines) == 4
        for line in reversed(lines):
            code, out, _ = satkit_says(*shlex.split(line)[1:])
            assert code == 0
            assert ": done, took 0 s. Its files: " in out
        assert len(executed) == 4
        assert {"name": "it's", "more": {"a": [1, "x y"]}} in executed
        code, out, _ = satkit_says(*words)
        assert code == 0
        assert "4 runs, 0 to do" in out
        assert len(executed) == 4

    def test_a_failed_run_is_told_again_and_retried_on_request(self, satkit_says, notebook, monkeypatch, executed):
        def fails(*words, **_):
            raise ValueError("no")

        line = ("sweep", notebook, "-p", "seed=1", "--out", "mine")
        with monkeypatch.context() as patch:
            patch.setattr("satkit.studies.sweep_targets.run_notebook", fails)
            with pytest.raises(ValueError):
                satkit_says(*line)
        code, _, error = satkit_says(*line)
        assert code == 1
        assert "This run has failed before: ValueError: no." in one_sentence(error)
        assert satkit_says("sweep", notebook, "--grid", "seed=1", "--out", "mine", "--dry-run", "--retry-failed")[
            1
        ].endswith("mine --retry-failed\n")
        assert satkit_says(*line, "--retry-failed")[0] == 0
        assert executed == [{"seed": 1}]

    def test_a_training_gets_its_settings_and_its_study_in_the_sweep(self, satkit_says, monkeypatch, runs):
        asked = []
        monkeypatch.setattr("satkit.studies.sweep_targets.train", lambda *words: asked.append(words))
        assert satkit_says("sweep", "train", "-p", "preset=smoke", "-p", "strategy=mib", "--out", "x")[0] == 0
        assert asked == [(str(runs / "x" / "scenes-15-5-smoke-seed0"), {"preset": "smoke"}, "mib")]


@pytest.mark.usefixtures("runs")
@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("train --grid sede=0-4", "Unknown parameter 'sede'. Did you mean 'seed'?"),
        ("train --grid seed=", "--grid seed=: the value is empty."),
        ("train --grid strategy=sats,stas", "Unknown strategy 'stas'. Did you mean 'sats'?"),
        ("train -p preset=smoke --grid task=15-5,15-7", "task 15-7"),
        ("train --grid preset=smok", "Unknown preset 'smok'"),
        ("train --grid-file nowhere.yaml", "There is no grid file nowhere.yaml."),
        ("trian --grid seed=0", "Unknown notebook 'trian'."),
        ("07 --grid stpe=1", "Unknown parameter 'stpe'. Did you mean 'step'?"),
        ("train --grid seed=0,1 --jobs none", "--jobs must be a whole number, got 'none'"),
        ("train --grid seed=0,1 --jobs 0", "--jobs and --threads must be 1 or more"),
        ("train --grid seed=0,1 --resources GPU=1", "--resources are those of the workers of a cluster"),
        ("train --grid seed=0,1 --jobs 2 --scheduler tcp://x:1", "--jobs is for runs on this machine"),
        ("train --grid seed=0,1 --track tensorbord", "Unknown tracker 'tensorbord'"),
    ],
)
def test_bad_input_is_one_sentence_before_anything_is_made(satkit_says, words, said, runs):
    code, out, error = satkit_says("sweep", *words.split())
    assert (code, out) == (2, "")
    assert said in one_sentence(error.splitlines(keepends=True)[-1])  # images may be drawn before
    assert not runs.exists()


@pytest.mark.usefixtures("runs")
def test_a_scheduler_that_cannot_be_reached_is_one_sentence(satkit_says, monkeypatch, notebook, runs):
    pytest.importorskip("distributed", reason='python -m pip install "dask[distributed]"')
    monkeypatch.setattr("satkit.studies.sweep_workers.CONNECT_SECONDS", 1.0)
    code, out, error = satkit_says("sweep", notebook, "--grid", "seed=0,1", "--scheduler", "tcp://127.0.0.1:1")
    assert (code, out) == (2, "")
    assert "No Dask scheduler answers at 'tcp://127.0.0.1:1'" in one_sentence(error)
    assert not runs.exists()


@pytest.mark.usefixtures("runs")
def test_runs_are_given_to_so_many_jobs_and_a_failure_is_told_by_the_exit_code(satkit_says, monkeypatch, notebook):
    asked = []
    monkeypatch.setattr(
        Sweep, "carry_out", lambda sweep, workers, retry: asked.append((len(sweep.runs), workers.slots, retry))
    )
    assert satkit_says("sweep", notebook, "--grid", "seed=0-4", "--jobs", "3", "--retry-failed")[0] == 1
    assert satkit_says("sweep", notebook, "--grid", "seed=0-4")[0] == 1
    assert satkit_says("sweep", notebook, "--threads", "2")[0] == 1
    assert asked == [(5, 3, True), (5, 1, False), (1, 1, False)]


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="signals are sent as POSIX does")
def test_a_sweep_that_is_stopped_in_the_middle_goes_on_and_repeats_nothing(tmp_path):
    """Real processes: three short runs of which one fails, and one that is at work when the sweep is stopped."""
    parameters = "seed: int = 0  # decides the result\nwait: float = 0.0  # seconds"
    path, out = write(tmp_path / "mine.ipynb", SLEEPS, LEAVES, parameters=parameters), tmp_path / "sweep"
    grid = tmp_path / "grid.yaml"
    grid.write_text("- {seed: [1, 2, 3]}\n- {seed: 4, wait: 600}\n")
    command = [sys.executable, "-m", "satkit", "sweep", str(path), "--grid-file", str(grid), "--out", str(out)]
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    process = subprocess.Popen([*command, "--jobs", "2"], env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE)

    def states():
        return sorted((state.values["seed"], state.state) for state in runs_in(out).values()) if out.exists() else []

    try:
        before = [(1, DONE), (2, FAILED), (3, DONE), (4, RUNNING)]
        wait_for(lambda: states() == before, seconds=400)
        process.send_signal(signal.SIGTERM)
        said = process.communicate(timeout=200)[1].decode()
    finally:
        process.kill()
    assert process.returncode == 143
    assert "run the same command again to go on" in said
    assert states() == [*before[:3], (4, WAITING)]
    (failed,) = [state for state in runs_in(out).values() if state.state == FAILED]
    assert failed.why == "cell In [4] (assert seed != 2, 'two'): AssertionError: two."
    began = {state.values["seed"]: state.began for state in runs_in(out).values()}
    grid.write_text("- {seed: [1, 2, 3]}\n")
    code = subprocess.run(command, env=env, capture_output=True, timeout=400).returncode
    assert code == 1
    assert {state.values["seed"]: state.began for state in runs_in(out).values()} == began


@pytest.mark.slow
def test_two_smoke_trainings_share_a_base_step_that_is_trained_once(tmp_path):
    words = ["sweep", "train", "-p", "preset=smoke", "--grid", "strategy=fine-tuning,sats", "--jobs", "2"]
    done = subprocess.run(
        [sys.executable, "-m", "satkit", *words, "--out", str(tmp_path / "sweep")],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=570,
    )
    assert done.returncode == 0, done.stderr
    logs = [path.read_text() for path in (tmp_path / "sweep").glob("*/run.log")]
    assert sum(bool(re.search("^base step", log, re.MULTILINE)) for log in logs) == 1, logs
    assert not any("Fatal" in log for log in logs)
    sweep = Sweep(
        target("train"),
        [{"preset": "smoke", "strategy": name} for name in ("fine-tuning", "sats")],
        str(tmp_path / "sweep"),
    )
    assert [run.state.state for run in sweep.runs] == [DONE, DONE]
    assert all(0 <= run.state.scores["all"] <= 1 for run in sweep.runs)
    assert (tmp_path / "sweep" / "scenes-15-5-smoke-seed0" / "base" / "steps" / "0" / "manifest.json").exists()
