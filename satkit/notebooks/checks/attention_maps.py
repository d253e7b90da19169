"""Checks of lesson 03: the attention matrix, its sums, effective keys, and which classes a query prefers."""

import numpy as np
import torch

from satkit.analysis import labels_of_keys, labels_of_queries
from satkit.notebooks.checks.checking import Names, called, listed, must, same, wants


@wants(
    tap="the tap of stage 1, the first of view.taps",
    A="its attention matrix for all heads, a tensor (head, query, key)",
)
def attention_matrix(at: Names) -> None:
    """Against the weights that the tap computes itself."""
    must(at.tap is at.view.taps[0], "tap must be the tap of stage 1, it is another one.")
    same("A", at.A, at.tap.weights()[0], "head query key", sums="key")


@wants(
    rows="what every row of the first head's A sums to, a tensor (query)",
    columns="what every column of it sums to, a tensor (key)",
)
def sums(at: Names) -> None:
    """Sums of the weights that the tap computes itself."""
    A = at.view.taps[0].weights()[0, 0]
    same("rows", at.rows, torch.stack([row.sum() for row in A]), "query")
    same("columns", at.columns, torch.stack([column.sum() for column in A.T]), "key")


@wants(effective_keys="a function of a tap: for every head, to how many keys a query attends, mean over the queries")
def effective_keys(at: Names) -> None:
    """Entropies of single rows, for the first and the last stage."""
    for tap in (at.view.taps[0], at.view.taps[-1]):
        found = called("effective_keys", at.effective_keys, tap)
        expected = [_effective(A).mean() for A in listed(tap.weights()[0])]
        same(f"effective_keys of {tap.name}", listed(found), np.array(expected), "head")


def _effective(A: np.ndarray) -> np.ndarray:
    """To how many keys each query attends."""
    logs = np.log(A, out=np.zeros_like(A), where=A > 0)
    return np.exp(-(A * logs).sum(axis=-1))


@wants(
    preference="a function of a tap and labels: an array (2, kind), the attention of queries on objects that keys of "
    "their own class, of other classes and of background get, summed; and the same if it were even"
)
def preference(at: Names) -> None:
    """With a loop over the queries, on the last stage."""
    tap = at.view.taps[-1]
    found = called("preference", at.preference, tap, at.labels)
    same("preference of the last stage", found, _preference(tap, at.labels, at.now.seen), "measured_or_even kind")


def _preference(tap, labels: np.ndarray, classes) -> np.ndarray:
    at_query, at_key = labels_of_queries(tap, labels).ravel(), labels_of_keys(tap, labels).ravel()
    A, total = tap.weights()[0].mean(dim=0).cpu().double().numpy(), np.zeros((2, 3))
    for row, own in zip(A, at_query):
        if own in classes:
            kinds = [at_key == own, np.isin(at_key, classes) & (at_key != own), at_key == 0]
            total += [[row[kind].sum() for kind in kinds], [kind.mean() for kind in kinds]]
    return total


@wants(
    effective_keys="a function of queries, keys and a factor of their products: to how many keys each query attends, "
    "(head, query)"
)
def without_divisor(at: Names) -> None:
    """Exercise 2: with the factor 1 and with the usual one."""
    tap = at.view.taps[0]
    Q, K = tap.queries[0], tap.keys[0]
    for factor in (1.0, Q.shape[-1] ** -0.5):
        scores = np.einsum("hqd,hkd->hqk", Q.cpu().double().numpy(), K.cpu().double().numpy()) * factor
        A = np.exp(scores - scores.max(axis=-1, keepdims=True))
        expected = torch.from_numpy(_effective(A / A.sum(axis=-1, keepdims=True)))
        same(
            f"effective_keys with the factor {factor:.2g}",
            called("effective_keys", at.effective_keys, Q, K, factor),
            expected,
        )


@wants(
    tap="the tap of stage 1, the first of view.taps",
    columns="the column sums of the first head's attention in it, a tensor (key)",
    favourite="row and column of the key with the largest of them, in the grid of the keys",
)
def favourite(at: Names) -> None:
    """Exercise 4: column by column."""
    tap = at.view.taps[0]
    must(at.tap is tap, "tap must be the tap of stage 1, it is another one.")
    expected = torch.stack([column.sum() for column in tap.weights()[0, 0].T])
    same("columns", at.columns, expected, "key")
    largest = max(range(len(expected)), key=lambda key: float(expected[key]))
    width = tap.key_grid[1]
    same("favourite", at.favourite, (largest // width, largest % width))
