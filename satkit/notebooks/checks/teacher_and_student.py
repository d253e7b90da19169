"""Checks of lesson 08: attention on the query's own class, attention that has moved, and which part prevents drift."""

import numpy as np
import torch

from satkit.notebooks.checks.checking import Names, same, wants
from satkit.strategies import resize_labels


@wants(
    own="for every stage, whether a key is of the class of our pixel, an array (key row, key column)",
    on_own="the share of the query's attention that such keys get, by stage, then by model as in views",
)
def own_class(at: Names) -> None:
    """Key by key, from the whole matrices."""
    taps = at.taught.taps
    own = [_at_keys(tap, at.labels) == at.labels[at.pixel] for tap in taps]
    same("own", at.own, own, "row column")
    rows = [[_row(view.taps[s], at.queries[s]).mean(axis=0) for view in at.views.values()] for s in range(len(taps))]
    expected = [[sum(row[there.ravel()]) for row in models] for models, there in zip(rows, own)]
    same("on_own", np.asarray(at.on_own, dtype=float), np.array(expected), "stage model")


@wants(
    moved="by student, for every stage, the share of the query's attention that has moved, an array (head)",
)
def moved(at: Names) -> None:
    """What has been gained where something was gained: half of the whole difference."""
    expected = {who: [_gained(at, who, s) for s in range(len(at.queries))] for who in at.compared}
    same("moved", at.moved, expected, "head")


def _gained(at: Names, who: str, s: int) -> np.ndarray:
    now, before = (_row(view.taps[s], at.queries[s]) for view in (at.views[who], at.views["teacher"]))
    return np.maximum(now - before, 0).sum(axis=1)


def _row(tap, query) -> np.ndarray:
    """A query's attention, (head, key)."""
    return tap.weights()[0, :, query[0] * tap.query_grid[1] + query[1]].cpu().double().numpy()


def _at_keys(tap, labels: np.ndarray) -> np.ndarray:
    return resize_labels(torch.from_numpy(np.array(labels, order="C"))[None], tap.key_grid)[0].numpy()


@wants(
    prevented="by stage, which share of fine-tuning's drift pseudo-labels and distillation prevent, an array (stage)",
    beyond="by stage, which further share of it the student of this lesson prevents, an array (stage)",
)
def shares_prevented(at: Names) -> None:
    """Stage by stage: what is left of the drift, and the two shares, make one."""
    free, without, with_it = (at.by_stage[name] for name in ("fine-tuning", "pseudo+distillation", at.strategy))
    left = [each / whole for each, whole in zip(without, free)]
    same("prevented", at.prevented, np.array([1 - each for each in left]), "stage")
    last = [each / whole for each, whole in zip(with_it, free)]
    same("beyond", at.beyond, np.array([one - other for one, other in zip(left, last)]), "stage")


@wants(
    moved="for every query of the stage, the share of its attention that has moved, an array (query row, query column)"
)
def moved_queries(at: Names) -> None:
    """Exercise 3: what has been gained where something was gained, query by query."""
    before, now = (tap.weights()[0].mean(dim=0).cpu().double().numpy() for tap in at.taps)
    gained = [sum(value for value in row if value > 0) for row in now - before]
    same("moved", at.moved, np.array(gained).reshape(at.taps[0].query_grid), "row column")
