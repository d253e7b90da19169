"""Checks of lesson 05b: a tap cut off from the network, lengths of gradients, a step downhill, and noise in queries."""

from dataclasses import replace

import torch

from satkit.notebooks.checks.checking import Names, called, must, same, wants
from satkit.strategies import AttentionTransfer

STEP = 1e-3  # size of a step that is compared
CHANGED = "Run the cells from the training batch on again."


@wants(
    cut="a function of a tap: the same tap, but its queries and keys are not joined to the network and get a gradient "
    "of their own"
)
def cut(at: Names) -> None:
    """For every stage: the values of the tap, as leaves of the graph."""
    for tap in at.learnt.attention:
        found = called("cut", at.cut, tap)
        for part in ("queries", "keys"):
            ours, theirs = getattr(found, part), getattr(tap, part)
            same(f"{part} of cut({tap.name})", ours, theirs, "batch head position channel")
            must(ours is not theirs, f"The {part} of cut({tap.name}) are still those of the tap itself.")
            must(ours.requires_grad, f"The {part} of cut({tap.name}) get no gradient.")
            must(ours.is_leaf, f"The {part} of cut({tap.name}) are still joined to the network.")
        must(found.query_grid == tap.query_grid, f"cut({tap.name}) has another grid of queries.")


@wants(
    gradient_lengths="a function of a relation r and the relation near, tensors (key): their distance, the length of "
    "the gradient of the distance with respect to r, and that of the gradient of its square, three numbers"
)
def gradient_lengths(at: Names) -> None:
    """Against the derivatives: 1, and twice the distance, however far the two are from each other."""
    for share in (1.0, 0.1, -2.0):
        distance = float((share * (at.far - at.near)).norm())
        found = called("gradient_lengths", at.gradient_lengths, at.near + share * (at.far - at.near), at.near)
        same("what gradient_lengths gives", found, (distance, 1.0, 2 * distance))


@wants(
    after="a function of a size: the attention term after one step of this size against the gradient, with a copy of "
    "the student, a number"
)
def after(at: Names) -> None:
    """Against a student that is given other parameters for one call; the student itself must stay as it is."""
    before = {name: value.clone() for name, value in at.student.state_dict().items()}
    found = {size: called("after", at.after, size) for size in (STEP, 0.0)}
    now = at.student.state_dict()
    changed = [name for name, value in before.items() if not torch.equal(value, now[name])]
    if changed:
        at.student.load_state_dict(before)
    must(not changed, "after has changed the student itself; it must change a copy.")
    for size, value in found.items():
        same(f"after({size:g})", value, _term_after(at, size))


@torch.no_grad()
def _term_after(at: Names, size: float) -> float:
    """The term of a student whose parameters have gone a step against the gradient."""
    pairs = zip(at.student.named_parameters(), at.gradient, strict=True)
    moved = {name: value - size * slope for (name, value), slope in pairs if slope is not None}
    learnt = torch.func.functional_call(at.student, moved, (at.images,), {"attention": True})
    return float(at.term(replace(at.inputs, student=learnt)))


@wants(
    with_noise="a function of one tensor a stage, true where a query is to be noise, (batch, query): the inputs of the "
    "loss with such queries in every head of the student, and all else as it was"
)
def with_noise(at: Names) -> None:
    """For the queries inside of regions and for those outside: what must change, and what must stay."""
    taps = at.learnt.attention
    before = [tap.queries.detach().clone() for tap in taps]
    for places in (at.inside, [~there for there in at.inside]):
        found = called("with_noise", at.with_noise, *places)
        kept = all(torch.equal(tap.queries, queries) for tap, queries in zip(taps, before, strict=True))
        must(kept, f"with_noise has changed the student's own queries; it must change a copy. {CHANGED}")
        for tap, other, there in zip(taps, found.student.attention, places, strict=True):
            _noise_only(tap, other, there)
        same("targets of with_noise", found.targets, at.inputs.targets)
        for tap, other in zip(at.inputs.teacher.attention, found.teacher.attention, strict=True):
            same(f"queries of the teacher in {tap.name}", other.queries, tap.queries)


def _noise_only(tap, other, there: torch.Tensor) -> None:
    """Queries are others where they are to be noise, in every head and channel, and nowhere else."""
    same(f"keys of {tap.name}", other.keys, tap.keys)
    must(other.queries.shape == tap.queries.shape, f"The queries of {tap.name} have another shape than before.")
    new, old = (each.detach().transpose(1, 2).cpu() for each in (other.queries, tap.queries))  # (batch, query, ...)
    must(torch.equal(new[~there], old[~there]), f"Queries of {tap.name} have changed that were to stay.")
    left = int((new[there] == old[there]).sum())
    must(left == 0, f"Queries of {tap.name} have stayed that were to be noise.")
    values = new[there]
    alike = values.numel() > 1 and bool((values == values.flatten()[0]).all())
    must(not alike, f"The new queries of {tap.name} are all the same, which is no noise.")


@wants(
    as_mean="a function of a distance (itself a function of differences, over their last axis): its mean over stages, "
    "images, regions and heads, a tensor of one number"
)
def mean_of_means(at: Names) -> None:
    """Exercise 1: for the length and for the square."""
    kinds = {"l2": lambda gap: gap.norm(dim=-1), "squared": lambda gap: gap.square().sum(dim=-1)}
    for kind, distance in kinds.items():
        expected = AttentionTransfer(1, distance=kind)(at.inputs)
        same(f"as_mean of the distance {kind}", called("as_mean", at.as_mean, distance), expected)
