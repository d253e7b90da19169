"""A training that is watched: it draws, stops on demand, goes on from its checkpoint, and comes out the same."""

import asyncio
import shutil
import threading

import numpy as np
import pytest

from satkit.experiments.experiment import Experiment
from satkit.experiments.settings import Settings
from satkit.experiments.study_folder import StudyFolder, silent
from satkit.utils.files import load_tensors
from satkit.widgets import watch_training

SETTINGS = Settings(preset="smoke")


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    """A function that gives SATS with a finished base step, in a study of the given name."""
    folder = tmp_path_factory.mktemp("studies")
    StudyFolder(folder / "first", SETTINGS).train_base("sats", silent)

    def begin(name):
        if not (folder / name).exists():
            (folder / name).mkdir()
            shutil.copytree(folder / "first" / "base", folder / name / "base")
        return StudyFolder(folder / name, SETTINGS).experiment("sats")

    return begin


def watched(*arguments, **choices):
    """What `await watch_training(...)` gives in a cell."""
    return asyncio.run(watch_training(*arguments, **choices))


def at_every_iteration(monkeypatch, act):
    """Do something after every iteration of a training, before those who watch it are told."""
    train = Experiment.train

    def trained(experiment, *arguments):
        *others, report = arguments
        return train(experiment, *others, lambda iteration: (act(iteration), report(iteration)))

    monkeypatch.setattr(Experiment, "train", trained)


def weights(run):
    return load_tensors(run.step_folder(1) / "model.safetensors")[0]


@pytest.mark.slow
def test_watching_changes_nothing_in_the_result(study):
    experiment = study("watched")
    run = experiment.run
    watch = watched(experiment, 1, every=3, images=10)
    unwatched = study("unwatched")
    unwatched.learn(1)
    other = unwatched.run
    ours, theirs = weights(run), weights(other)
    assert ours.keys() == theirs.keys()
    for name, tensor in ours.items():
        assert tensor.equal(theirs[name]), name
    assert run.result() == other.result() | {"machine": run.result()["machine"]}
    assert watch.student is not None
    assert not watch.stopped
    assert "finished: mean IoU on all test images old" in watch.text
    curves = watch.arrays()
    assert curves["measured at"].tolist() == [0, 3, 6, 9, 12, 15, 18, 20]
    assert len(curves["old classes"]) == len(curves["new classes"]) == 8
    assert {"total", "cross-entropy", "distillation", "attention"} <= set(curves)


@pytest.mark.slow
def test_the_stop_button_leaves_a_checkpoint_and_the_same_call_goes_on(study, monkeypatch):
    experiment = study("stopped")
    run = experiment.run
    shown = []
    monkeypatch.setattr("satkit.widgets.training.display", lambda watch, **_: shown.append(watch))

    def press_stop(iteration):
        if iteration.number == 7:
            button = shown[0].stop_button
            threading.Thread(target=button.click).start()  # from where messages of the front end arrive
            while not button.disabled:
                pass

    at_every_iteration(monkeypatch, press_stop)
    watch = watched(experiment, 1, images=5)
    assert watch.stopped
    assert watch.student is None
    assert watch.stop_button.disabled
    assert "stopped after iteration 7 of 20; a checkpoint is kept" in watch.text
    assert not run.is_done(1)
    assert experiment.checkpoint(1).iteration == 7
    monkeypatch.undo()
    again = watched(experiment, 1, images=5)
    assert not again.stopped
    assert run.is_done(1)
    unwatched = study("not stopped")
    unwatched.learn(1)
    other = unwatched.run
    for name, tensor in weights(run).items():
        assert tensor.equal(weights(other)[name]), name


@pytest.mark.slow
def test_an_interrupt_of_the_kernel_keeps_a_checkpoint_and_stops_the_cells_below(study, monkeypatch):
    experiment = study("interrupted")
    run = experiment.run
    reached = threading.Event()
    at_every_iteration(monkeypatch, lambda iteration: reached.set())

    async def cell():
        task = asyncio.create_task(watch_training(experiment, 1, images=5))
        await asyncio.to_thread(reached.wait, 60)
        task.cancel()  # as ipykernel does on an interrupt
        await task

    with pytest.raises(asyncio.CancelledError):
        asyncio.run(cell())
    assert not run.is_done(1)
    assert 1 <= experiment.checkpoint(1).iteration < 20


@pytest.mark.slow
def test_a_finished_step_shows_its_curves_at_once(study):
    experiment = study("finished")
    run = experiment.run
    experiment.learn(1)
    watch = watched(experiment, 1)
    assert "finished: mean IoU on all test images" in watch.text
    np.testing.assert_allclose(watch.arrays()["total"], [row["total"] for row in run.history(1)])


@pytest.mark.parametrize(
    ("step", "choices", "message"),
    [
        (9, {}, "has the steps 0..1, got step 9"),
        (1, {"every": 0}, "at least 1, got 0 and 80"),
        (1, {"images": 0}, "at least 1, got 1 and 0"),
    ],
)
def test_bad_choices_are_refused_before_anything_is_trained(study, step, choices, message):
    experiment = study("bad")
    with pytest.raises(ValueError, match=message):
        watched(experiment, step, **choices)


def test_a_step_whose_teacher_is_missing_is_refused(study, tmp_path):
    empty = Experiment.open(study("bad").plan, tmp_path / "empty")
    with pytest.raises(ValueError, match="Step 0 of .* is not finished"):
        watched(empty, 1)
