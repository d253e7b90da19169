"""Checks of lesson 04: relations with loops and as one product, and attention against the share of the keys."""

import numpy as np
import torch

from satkit.analysis import labels_of_keys, relation_matrix
from satkit.notebooks.checks.checking import Names, called, same, wants
from satkit.strategies import region_pool, resize_labels

MOST = 200  # images whose regions are counted
AXES = ("region head key", "key")  # and the one over which a relation sums to 1


@wants(
    with_loops="a function of A, y and classes: the relations, a tensor (region, head, key)",
    r="what it gives for the A, y and classes above",
)
def with_loops(at: Names) -> None:
    """Against `region_pool`."""
    expected = _relations(at)
    same("with_loops(A, y, classes)", called("with_loops", at.with_loops, at.A, at.y, at.classes), expected, *AXES)
    same("r", at.r, expected, *AXES)


def _relations(at: Names) -> torch.Tensor:
    return region_pool(at.tap, torch.from_numpy(at.labels)[None].to(at.A.device), at.classes)[0][0]


@wants(
    inside="whether a query is inside a region, a tensor (region, query)",
    M="1/|R_c| inside the region and 0 outside, a tensor (region, query)",
    by_einsum="the relations as a product of M and A, a tensor (region, head, key)",
)
def by_einsum(at: Names) -> None:
    """The memberships entry by entry, the relations against `region_pool`."""
    y = at.y.tolist()
    inside = torch.tensor([[each == c for each in y] for c in at.classes])
    same("inside", at.inside, inside, "region query")
    same("M", at.M, torch.stack([row / float(sum(row)) for row in inside.float()]), "region query", sums="query")
    same("by_einsum", at.by_einsum, _relations(at), *AXES)


@wants(
    share="the share of the keys that background and each region hold, an array (column)",
    ratio="each number of matrix as a multiple of what even attention would give, an array (region, column)",
)
def even_attention(at: Names) -> None:
    """Keys are counted one by one."""
    at_key = labels_of_keys(at.tap, at.labels).ravel().tolist()
    share = np.array([sum(each == c for each in at_key) / len(at_key) for c in (0, *at.classes)])
    same("share", at.share, share, "column")
    matrix = relation_matrix(at.tap, at.labels, at.now.seen)
    ratio = [[value / part if part else np.nan for value, part in zip(row, share)] for row in matrix]
    same("ratio", at.ratio, np.array(ratio), "region column")


@wants(
    lost="the pixels of every region without a query on the 4 x 4 grid, a list of whole numbers",
    held="the pixels of every region that has one, a list",
)
def lost_and_held(at: Names) -> None:
    """Exercise 4: region by region."""
    expected = {"lost": [], "held": []}
    for index in range(min(MOST, len(at.tests))):
        truth = at.tests.labels(index)
        left = set(resize_labels(torch.from_numpy(truth)[None], (4, 4)).unique().tolist())
        for c in at.now.seen:
            size = int((truth == c).sum())
            if size:
                expected["held" if c in left else "lost"].append(size)
    for name, sizes in expected.items():
        same(f"{name}, sorted,", sorted(getattr(at, name)), sorted(sizes))
