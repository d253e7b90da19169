"""Checks of lesson 11b: the drift of a class's relation, means of stored rows, and which of two changes comes first."""

import numpy as np

from satkit.analysis import labels_of_queries
from satkit.notebooks.checks.checking import Names, must, same, wants

COLUMNS = ("lost", "drift", "shown", "known", "known_before", "new")  # of the means that the lesson shows


@wants(
    by_hand="for every head, how far the relation of class c has moved from theirs to ours: the distance in an image, "
    "as a mean over the images in pairs, an array (head)"
)
def by_hand(at: Names) -> None:
    """From the whole attention matrices, image by image."""
    same("by_hand", at.by_hand, np.mean([_moved(at.c, *pair) for pair in at.pairs], axis=0), "head")


def _moved(c: int, labels: np.ndarray, theirs, ours) -> np.ndarray:
    """Distances between the mean attention rows of a class, (head,)."""
    queries = np.flatnonzero(labels_of_queries(theirs, labels).ravel() == c)
    before, after = (
        sum(tap.weights()[0, :, int(q)].cpu().double().numpy() for q in queries) / len(queries)
        for tap in (theirs, ours)
    )
    return np.sqrt(((after - before) ** 2).sum(axis=1))


@wants(
    mean="the means over classes and seeds, a table of pandas: a row for every strategy and world, sorted by lost; the "
    "columns of rows that hold numbers, and beside them lost (the IoU before minus the IoU after) and drift (mean over "
    "all columns drift_s...)"
)
def means(at: Names) -> None:
    """Row by row, for the columns that the lesson shows."""
    rows: dict[tuple, list[dict]] = {}
    for row in at.rows.to_dict("records"):
        drifts = [value for name, value in row.items() if name.startswith("drift_s")]
        own = {**row, "lost": row["iou_before"] - row["iou_after"], "drift": sum(drifts) / len(drifts)}
        rows.setdefault((row["strategy"], row["world"]), []).append(own)
    must(
        sorted(map(str, at.mean.index)) == sorted(map(str, rows)),
        f"mean must have a row for every strategy and world, {len(rows)} in all, it has {len(at.mean)}.",
    )
    for column in COLUMNS:
        must(column in at.mean, f"mean has no column {column}.")
        expected = [np.mean([row[column] for row in group]) for group in rows.values()]
        same(f"the column {column} of mean", at.mean.loc[list(rows), column].to_numpy(), np.array(expected), "run")
    must(list(at.mean["lost"]) == sorted(at.mean["lost"]), "The rows of mean are not sorted by lost, smallest first.")


@wants(
    gone="for every iteration in curves[one], which share of the mIoU at the beginning is gone, an array (iteration)",
    there="for every iteration in curves[one], which share of the drift at the end is there, an array (iteration)",
)
def shares(at: Names) -> None:
    """Iteration by iteration."""
    _, found, moved = at.curves[at.one]
    same("gone", at.gone, np.array([1 - each / found[0] if found[0] else 0.0 for each in found]), "iteration")
    same("there", at.there, np.array([each / moved[-1] if moved[-1] else 0.0 for each in moved]), "iteration")


@wants(
    by_stage="how far the relations of the old classes have drifted under every strategy of short (rows) in the stages "
    "1 to 4 (columns), a mean over all rows of the strategy and all heads of the stage, an array"
)
def drift_by_stage(at: Names) -> None:
    """Exercise 1: value by value."""
    expected = np.zeros((len(at.short), 4))
    for row, name in enumerate(at.short):
        for stage in range(4):
            heads = [column for column in at.rows if column.startswith(f"drift_s{stage + 1}h")]
            its = zip(at.rows["strategy"], *(at.rows[column] for column in heads))
            expected[row, stage] = np.mean([values for strategy, *values in its if strategy == name])
    same("by_stage", at.by_stage, expected, "strategy stage")


@wants(
    orders="for drift, cosine and cka_embedding, in this order, the rank correlation of the means with those of lost: "
    "a dict by name"
)
def orders(at: Names) -> None:
    """Exercise 2: the correlation of ranks, which are counted."""
    lost = _ranks(at.mean["lost"])
    expected = {each: _correlation(_ranks(at.mean[each]), lost) for each in ("drift", "cosine", "cka_embedding")}
    same("orders", at.orders, expected)


def _ranks(values) -> np.ndarray:
    return np.array([sum(other < value for other in values) for value in values], dtype=float)


def _correlation(one: np.ndarray, other: np.ndarray) -> float:
    one, other = one - one.mean(), other - other.mean()
    return float((one * other).sum() / np.sqrt((one**2).sum() * (other**2).sum()))
