"""Checks of lesson 06: hidden objects, the cross-entropy of a batch, and what a class is taken for."""

import numpy as np
import torch

from satkit.data.labels import IGNORE
from satkit.notebooks.checks.checking import Names, called, same, wants
from satkit.strategies.terms.classification import all_channels

MOST = 200  # images that are looked at


@wants(hidden="for each of the first 200 images, or of all: whether it shows a class that comes later, a list")
def hidden(at: Names) -> None:
    """Label by label."""
    later = set(at.plan.scenario.added)
    some = range(min(MOST, len(at.complete)))
    expected = [bool(later & set(np.unique(at.complete.labels(index)).tolist())) for index in some]
    same("hidden", list(map(bool, at.hidden)), expected)


@wants(
    p="the probabilities of the fresh model for the batch, a tensor (batch, class, height, width)",
    counts="whether a pixel counts, that is, is not void, a tensor (batch, height, width)",
    by_hand="the cross-entropy of the labels, a tensor of one number",
)
def cross_entropy(at: Names) -> None:
    """Probabilities with exponentials, the loss as a sum over classes."""
    with torch.no_grad():
        q = all_channels(at.fresh.eval()(at.images)).double()
    p = (q - q.amax(dim=1, keepdim=True)).exp()
    p = p / p.sum(dim=1, keepdim=True)
    same("p", at.p, p, "batch class height width", sums="class")
    same("counts", at.counts, at.labels != IGNORE, "batch height width")
    total = sum(-p[:, c].log()[at.labels == c].sum() for c in range(p.shape[1]))
    same("by_hand", at.by_hand, total / at.labels.numel())


@wants(
    score="the IoU of every class, an array (class)",
    wrong="how many % of the pixels of each class are wrongly taken for each other one, an array (class, taken for)",
)
def mistakes(at: Names) -> None:
    """With loops over both classes."""
    M, classes = at.M, range(len(at.M))
    union = [M[c].sum() + M[:, c].sum() - M[c, c] for c in classes]
    same("score", at.score, np.array([M[c, c] / union[c] if M[c].any() else np.nan for c in classes]), "class")
    wrong = [[0 if c == j else 100 * M[c, j] / max(1, M[c].sum()) for j in classes] for c in classes]
    same("wrong", at.wrong, np.array(wrong), "class taken_for")


@wants(
    taken_for_background="a function of a trained base step: by the name of a class, how many % of its pixels are "
    "called background, a dict"
)
def taken_for_background(at: Names) -> None:
    """Exercise 3: class by class."""
    M, scenario = at.first.run.load_confusion(0), at.first.plan.scenario
    expected = {scenario.names[c]: float(100 * M[c, 0] / max(1, sum(M[c]))) for c in scenario.base}
    same("taken_for_background", called("taken_for_background", at.taken_for_background, at.first), expected)
