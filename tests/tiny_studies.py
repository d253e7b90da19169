"""Studies of a few iterations: learnt whole, and compared bit for bit."""

import numpy as np
import torch
from tiny import SETTINGS

from satkit.experiments.study_folder import StudyFolder, silent
from satkit.studies.attention_grid import Entry


class Interrupted(Exception):
    """Stands for whatever stops a training from outside."""


def opened(folder, strategy="", settings=SETTINGS):
    """The experiment of a strategy in a study, or of the base step."""
    study = StudyFolder(folder, settings)
    return study.experiment(strategy) if strategy else study.base()


def learn(folder, strategies=("sats",), settings=SETTINGS):
    """A whole study; returns its runs, the base first."""
    study = StudyFolder(folder, settings)
    base = study.train_base(report=silent)
    return [base.run, *(study.trained(name, report=silent).run for name in strategies)]


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


# A reference study of six runs.
FEW = [Entry(name, world, 0) for name in ("mib", "mib+attention") for world in ("habitat", "shifted")]
FEW += [Entry("dkd", "uniform", 0), Entry("joint", "habitat", 0)]
