"""Studies of a few iterations: learnt whole, and compared bit for bit."""

import numpy as np
import torch
from tiny import SETTINGS

from satkit.experiments.shared_base import open_study


class Interrupted(Exception):
    """Stands for whatever stops a training from outside."""


def learn(study, strategies=("sats",), settings=SETTINGS):
    """A whole study; returns its runs, the base first."""
    base, run = open_study(study, settings)
    base.learn(run, 0)
    runs = [run]
    for name in strategies:
        experiment, run = open_study(study, settings, name)
        for step in experiment.steps:
            experiment.learn(run, step.index)
        runs.append(run)
    return runs


def weights(run, step):
    return run.load_model(step).state_dict()


def same(one, other):
    return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)


def same_outcome(run, expected):
    """Whether two runs hold the same weights, scores and history, bit for bit."""
    assert run.steps_done() == expected.steps_done()
    return (
        all(
            same(weights(run, step), weights(expected, step))
            and np.array_equal(run.load_confusion(step), expected.load_confusion(step))
            for step in range(expected.steps_done())
        )
        and (run.folder / "history.csv").read_bytes() == (expected.folder / "history.csv").read_bytes()
    )
