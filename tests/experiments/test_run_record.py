"""What a tracker has of a run is what its files say, also of one that was killed; and the run is the same without."""

import os
import subprocess
import sys

import pytest
import tracked
from tiny_studies import Interrupted, learn, opened, same_outcome

from satkit.experiments import checkpoints
from satkit.experiments.run_record import write_record

pytestmark = pytest.mark.usefixtures("tiny_preset")
TRACKERS = [(name, standing_in) for name in tracked.READERS for standing_in in (False, True)]
TRACKERS = [each for each in TRACKERS if each != ("tensorboard", True)]
ON_POSIX = pytest.mark.skipif(os.name == "nt", reason="processes are killed as on POSIX")


@pytest.fixture(params=TRACKERS, ids=lambda each: each[0] + " standing in" * each[1])
def reader(request, monkeypatch):
    """The expected curves of a run, and those that the tracker has."""
    name, standing_in = request.param
    tracked.use(monkeypatch, name, standing_in)
    rounded = tracked.in_float32 if name == "tensorboard" else dict
    return lambda run: (rounded(tracked.expected(run)), tracked.READERS[name](run))


def test_the_curves_of_every_run_are_those_of_its_history_and_its_scores(tmp_path, reader, undisturbed):
    base, sats = learn(tmp_path)
    for run, tags in ((base, {"step00/loss/total", "step00/lr", "step00/miou/old", "step00/miou/all"}), (sats, set())):
        wanted, found = reader(run)
        assert found == wanted
        assert tags <= found.keys()
    assert {"step01/loss/attention", "step01/miou/new", "step00/loss/cross-entropy"} <= found.keys()
    assert "step00/miou/new" not in found  # there are no new classes yet
    assert [at for at, _ in found["step01/loss/total"]] == [5, 6, 7, 8]
    assert same_outcome(sats, undisturbed[1])
    assert sats.config == undisturbed[1].config  # and so is its hash


def test_a_step_that_was_interrupted_goes_on_in_the_same_record(tmp_path, reader, monkeypatch):
    def stop(iteration):
        monkeypatch.setattr(checkpoints, "CHECKPOINT_SECONDS", 3600.0)
        if iteration.number == 3:
            raise Interrupted

    monkeypatch.setattr(checkpoints, "CHECKPOINT_SECONDS", -1.0)
    experiment = opened(tmp_path)
    with pytest.raises(Interrupted):
        experiment.learn(0, stop)
    assert [at for at, _ in reader(experiment.run)[1]["step00/loss/total"]] == [1, 2, 3]
    wanted, found = reader(learn(tmp_path, strategies=())[0])
    assert found == wanted


@ON_POSIX
@pytest.mark.slow
@pytest.mark.parametrize("tracker", tracked.READERS)
def test_a_step_that_was_killed_goes_on_in_the_same_record(tmp_path, monkeypatch, tracker):
    tracked.use(monkeypatch, tracker)
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(path for path in sys.path if path))
    base = learn(tmp_path, strategies=())[0]
    tracked.training_that_is_killed(tmp_path, step=1, at=3)
    sats = opened(tmp_path, "sats").run
    if tracker == "tensorboard":  # which shows every iteration at once
        assert [at for at, _ in tracked.read_tensorboard(sats)["step01/loss/total"]] == [5, 6, 7]
    assert learn(tmp_path)[1].folder == sats.folder
    rounded = tracked.in_float32 if tracker == "tensorboard" else dict
    for run in (base, sats):
        assert tracked.READERS[tracker](run) == rounded(tracked.expected(run))


def test_a_run_that_was_trained_without_a_tracker_is_recorded_afterwards(tmp_path, reader, monkeypatch):
    with monkeypatch.context() as patch:
        patch.delenv("SATKIT_TRACK")
        sats = learn(tmp_path)[1]
        write_record(sats)
        assert not list(sats.folder.glob("*tfevents*")) + list(sats.folder.glob("wandb"))
    write_record(sats)
    write_record(sats)
    wanted, found = reader(sats)
    assert found == wanted


def test_no_tracker_is_loaded_unless_it_is_asked_for():
    words = "import sys, satkit.experiments.experiment, satkit.studies.study, satkit.cli.parser\n"
    words += "print({'tensorboard', 'wandb', 'trackio'} & sys.modules.keys())"
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    said = subprocess.run([sys.executable, "-c", words], env=env, capture_output=True, text=True, check=True)
    assert said.stdout.strip() == "set()"
