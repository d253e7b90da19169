"""Checks of lesson 02: the curve of the old classes, where their pixels went, and the numbers of a stability gap."""

import numpy as np

from satkit.notebooks.checks.checking import Names, called, same, wants

MADE_UP = np.array([0.8, 0.5, 0.1, 0.3, 0.4])  # falls by 70 points, and comes back by 30


@wants(
    curve="a function of matrices by iteration (one a half of the images), of classes and of the halves that count: "
    "the mean IoU after each iteration, an array"
)
def curve(at: Names) -> None:
    """Class by class, for both halves and for one."""
    for parts in ((0, 1), (1,)):
        expected = [_mean_iou(sum(Ms[part] for part in parts), at.now.old) for Ms in at.seen.values()]
        found = called("curve", at.curve, at.seen, at.now.old, parts)
        same(f"curve with the halves {parts}", found, np.array(expected), "iteration")


def _mean_iou(M: np.ndarray, classes) -> float:
    there = [c for c in classes if M[c].any()]
    return float(np.mean([M[c, c] / (M[c].sum() + M[:, c].sum() - M[c, c]) for c in there] or [np.nan]))


@wants(
    shares="% of the pixels of old classes by what they are called, an array (iteration, kind): right, another old "
    "class, background, a new class"
)
def old_pixels(at: Names) -> None:
    """Counted with loops over the old classes and over what their pixels are called."""
    kinds = {c: 1 for c in at.now.old} | {0: 2} | {c: 3 for c in at.now.new}
    counts = np.zeros((len(at.seen), 4))
    for row, Ms in enumerate(at.seen.values()):
        M = sum(Ms)
        for c in at.now.old:
            for j in range(len(M)):
                counts[row, 0 if j == c else kinds[j]] += M[c, j]
    same("shares", at.shares, 100 * counts / counts.sum(axis=1, keepdims=True), "iteration kind")


@wants(fall_and_gap="a function of a curve: how far it fell (d), and how far below its end it was (g), in points")
def fall_and_gap(at: Names) -> None:
    """On the curve of fine-tuning, and on one that comes back."""
    for name, each in (("a curve that comes back", MADE_UP), ("the curve of fine-tuning", at.a)):
        lowest = min(each[n] for n in range(1, len(each)))
        found = called("fall_and_gap", at.fall_and_gap, each)
        same(f"fall_and_gap of {name}", found, (100 * (lowest - each[0]), 100 * (lowest - each[-1])))
