"""Checks of lesson 00: predictions of four models, and the two scores of a confusion matrix."""

import numpy as np

from satkit.analysis import prediction
from satkit.notebooks.checks.checking import Names, same, wants


@wants(
    seen="what four models predict for every picture: SATS after step 0, then each model of kit after step 1; by "
    "model, then by picture, an array (row, column)"
)
def predictions(at: Names) -> None:
    """The predictions of the four models, in their order."""
    models = [at.kit["sats"].model(0), *(each.model(1) for each in at.kit.values())]
    same("seen", at.seen, [[prediction(model, each) for each in at.pictures] for model in models], "row column")


@wants(
    M="the confusion matrix of step 0 of the run first, an array (true class, called class)",
    accuracy="its pixel accuracy, a share in [0, 1]",
    miou="its mean IoU over all classes, background included, a share in [0, 1]",
)
def scores(at: Names) -> None:
    """Both scores, with one loop over the classes."""
    M = at.first.run.load_confusion(0)
    same("M", at.M, M, "true called")
    same("accuracy", at.accuracy, sum(M[c, c] for c in range(len(M))) / M.sum())
    there = [c for c in range(len(M)) if M[c].any()]
    same("miou", at.miou, np.mean([M[c, c] / (M[c].sum() + M[:, c].sum() - M[c, c]) for c in there]))
