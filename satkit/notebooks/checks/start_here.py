"""Checks of lesson 00: predictions of several models, and the two scores of a confusion matrix."""

import numpy as np

from satkit.analysis import prediction
from satkit.notebooks.checks.checking import Names, same, wants


@wants(
    seen="what the models predict for every picture: the last of kit after step 0, then each of kit after the last "
    "step; by model, then by picture, an array (row, column)"
)
def predictions(at: Names) -> None:
    """The predictions of all models, in their order."""
    kit = list(at.kit.values())
    models = [kit[-1].model(0), *(each.model(at.later.index) for each in kit)]
    same("seen", at.seen, [[prediction(model, each) for each in at.pictures] for model in models], "row column")


@wants(
    M="the confusion matrix of the first model of kit after the last step, an array (true class, called class)",
    accuracy="its pixel accuracy, a share in [0, 1]",
    miou="its mean IoU over all classes, background included, a share in [0, 1]",
)
def scores(at: Names) -> None:
    """Both scores, with one loop over the classes."""
    M = next(iter(at.kit.values())).run.load_confusion(at.later.index)
    same("M", at.M, M, "true called")
    same("accuracy", at.accuracy, sum(M[c, c] for c in range(len(M))) / M.sum())
    there = [c for c in range(len(M)) if M[c].any()]
    same("miou", at.miou, np.mean([M[c, c] / (M[c].sum() + M[:, c].sum() - M[c, c]) for c in there]))
