"""A training that is stopped at random iterations has the loss curves of one that nobody stops, to the bit.

The full form has 50 stops by each of three signals, with and without workers:
`pytest -m full tests/experiments/test_stopped.py`.
"""

import os
import signal
import sys

import kill_harness
import pytest
import stop_harness
from tiny_studies import same_outcome

pytestmark = [pytest.mark.slow, pytest.mark.skipif(os.name == "nt", reason="signals are sent as POSIX does")]
SIGNALS = (signal.SIGKILL, signal.SIGTERM, signal.SIGINT) if os.name != "nt" else ()
WORKERS = (0, 2)
STOPS = 50


@pytest.fixture(autouse=True)
def _paths_of_the_server(monkeypatch):
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(path for path in sys.path if path))


@pytest.fixture(scope="module")
def expected(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", os.pathsep.join(path for path in sys.path if path))
        yield stop_harness.undisturbed(tmp_path_factory.mktemp("studies") / "whole")


def compare(folder, expected, number, workers, stops, seed):
    """Train with stops, compare with a training without, and give the number of stops."""
    done = stop_harness.stopped(folder, number, workers, stops, seed)
    found = stop_harness.runs(folder)
    assert len(found) == len(expected) == 2
    assert [run.history() for run in found] == [run.history() for run in expected]
    assert all(same_outcome(one, other) for one, other in zip(found, expected, strict=True))
    assert kill_harness.problems(folder) == []
    assert kill_harness.leftovers(folder) == []
    return done


@pytest.mark.parametrize(("number", "workers"), [(signal.SIGINT, 2), (signal.SIGTERM, 0)])
def test_a_stopped_training_has_the_curves_of_an_undisturbed_one(tmp_path, expected, number, workers):
    assert compare(tmp_path / "stopped", expected, number, workers, stops=2, seed=1) >= 1


@pytest.mark.full
@pytest.mark.parametrize("number", SIGNALS)
@pytest.mark.parametrize("workers", WORKERS)
def test_fifty_stops_by_every_signal_with_and_without_workers_change_nothing(tmp_path, expected, number, workers):
    done, trainings = 0, 0
    while done < STOPS:
        trainings += 1
        stops = min(3, STOPS - done)
        done += compare(tmp_path / f"stopped{trainings}", expected, number, workers, stops, seed=trainings)
    print(f"{signal.Signals(number).name}, {workers} workers: {done} stops in {trainings} trainings")


def test_a_training_that_went_on_with_another_random_state_would_be_noticed(tmp_path, expected):
    """The control: the comparison does see the smallest thing that a checkpoint could forget."""
    stop_harness.stopped(tmp_path, signal.SIGKILL, 0, stops=2, seed=3, forgetful=True)
    found = stop_harness.runs(tmp_path)
    assert not all(same_outcome(one, other) for one, other in zip(found, expected, strict=True))
