"""Checks of lesson 05: attention, relation, distance and loss of a stage, each against the library."""

import torch

from satkit.notebooks.checks.checking import Names, called, same, wants
from satkit.strategies import AttentionTransfer, region_pool, relation_distance


@wants(attention="a function of a tap, image b and head h: the attention of that head, a tensor (query, key)")
def attention(at: Names) -> None:
    """Against the weights that a tap computes itself, for its first and its last head."""
    for tap in (at.learnt.attention[0], at.learnt.attention[-1]):
        for h in (0, tap.queries.shape[1] - 1):
            found = called("attention", at.attention, tap, at.b, h)
            same(f"attention of {tap.name}, head {h + 1},", found, tap.weights()[at.b, h], "query key", sums="key")


@wants(relation="a function of a tap, image b, head h and class c: the mean row of the region, a tensor (key)")
def relation(at: Names) -> None:
    """Against `region_pool`, for every region of the image in the stage that is looked at."""
    tap, c = _stage(at)
    pooled = region_pool(tap, at.targets, (c,))[0][at.b, 0]
    for h in range(tap.queries.shape[1]):
        found = called("relation", at.relation, tap, at.b, h, c)
        same(f"relation of {at.names[c]}, head {h + 1},", found, pooled[h], "key", sums="key")


@wants(
    distances="a function of the student's and the teacher's tap, image b and class c: the length of the difference of "
    "their relations, a tensor (head)"
)
def distances(at: Names) -> None:
    """Against `relation_distance`, in the stage that is looked at."""
    new, c = _stage(at)
    old = at.taught.attention[at.stage - 1]
    expected = relation_distance(new, old, at.targets, (c,))[0][at.b, 0]
    same(f"distances of {at.names[c]}", called("distances", at.distances, new, old, at.b, c), expected, "head")


def _stage(at: Names) -> tuple:
    """The student's tap that is looked at, and the first class with a region there."""
    return at.learnt.attention[at.stage - 1], at.classes_in(at.at_query[at.stage - 1][at.b])[0]


@wants(
    loss_of_stage="a function of the student's tap, the teacher's tap and the targets at the queries: the loss of a "
    "stage without its weight, a number"
)
def loss_of_stage(at: Names) -> None:
    """Against `AttentionTransfer` of one stage with the weight 1, for all stages."""
    pairs = zip(at.learnt.attention, at.taught.attention, at.at_query, strict=True)
    for number, (new, old, cells) in enumerate(pairs, start=1):
        expected = float(AttentionTransfer(1, stages=(number,))(at.inputs).detach())
        same(f"loss_of_stage of {new.name}", called("loss_of_stage", at.loss_of_stage, new, old, cells), expected)


@wants(
    loss_of_stage="a function of the student's tap, the teacher's tap and the targets of the pixels: the loss of a "
    "stage without its weight, a tensor of one number"
)
def without_loops(at: Names) -> None:
    """Exercise 2: against `AttentionTransfer` of one stage with the weight 1."""
    pairs = zip(at.inputs.student.attention, at.inputs.teacher.attention, strict=True)
    for number, (new, old) in enumerate(pairs, start=1):
        found = called("loss_of_stage", at.loss_of_stage, new, old, at.inputs.targets)
        expected = AttentionTransfer(1, stages=(number,))(at.inputs)
        same(f"loss_of_stage of {new.name}", found, torch.as_tensor(expected))
