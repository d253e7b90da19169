"""Checks of lesson 09: IoU from a confusion matrix, how much of a class is forgotten, and what is called background."""

import numpy as np

from satkit.evaluation.metrics import forgetting as forgetting_of
from satkit.evaluation.metrics import iou
from satkit.notebooks.checks.checking import Names, called, same, wants


@wants(
    hits="pixels of each class that are called by its name, an array (class)",
    are="pixels that are of the class, an array (class)",
    called="pixels that are called so, an array (class)",
    by_hand="the IoU of each class, an array (class); 0 where nothing is, or is called, of the class",
)
def iou_by_hand(at: Names) -> None:
    """Class by class."""
    M, classes = at.M, range(len(at.M))
    same("hits", at.hits, np.array([M[c, c] for c in classes]), "class")
    same("are", at.are, np.array([sum(M[c, j] for j in classes) for c in classes]), "class")
    same("called", at.called, np.array([sum(M[i, c] for i in classes) for c in classes]), "class")
    same("by_hand", at.by_hand, np.where(at.are > 0, np.nan_to_num(iou(M)), 0.0), "class")


@wants(
    best="the index of the old class that the base step of the first strategy knows best",
    F="by strategy, how far that class has fallen from its best earlier step, a share; a dict",
)
def forgetting(at: Names) -> None:
    """Against `forgetting` of the library, for all strategies."""
    base = np.nan_to_num([next(iter(at.tables.values()))[0, c] for c in at.scenario.base])
    same("best", at.best, int(at.scenario.base[int(np.argmax(base))]))
    expected = {name: float(forgetting_of(table, at.scenario)[at.best]) for name, table in at.tables.items()}
    same("F", at.F, expected)


@wants(
    to_background="by strategy, the share of the old classes' pixels that are called background, after the base step "
    "and after the last: a dict of two numbers each"
)
def to_background(at: Names) -> None:
    """Class by class."""
    expected = {name: [_share(M, at.old) for M in matrices] for name, matrices in at.ends.items()}
    same("to_background", at.to_background, expected)


def _share(M: np.ndarray, old) -> float:
    return float(sum(M[c, 0] for c in old) / sum(M[c].sum() for c in old))


@wants(
    recall_and_precision="a function of a confusion matrix: recall and precision of the old classes, an array (2, "
    "class), NaN where there is nothing to divide by"
)
def recall_and_precision(at: Names) -> None:
    """Exercise 3: pixel counts of each class, before and after."""
    for step in (0, at.last.index):
        M = at.trained["fine-tuning"].run.load_confusion(step)
        pairs = [(M[c, c], M[c].sum(), M[:, c].sum()) for c in at.old]
        expected = [[hit / of[part] if of[part] else np.nan for hit, *of in pairs] for part in (0, 1)]
        found = called("recall_and_precision", at.recall_and_precision, M)
        same(f"recall_and_precision after step {step}", found, np.array(expected), "recall_or_precision class")
