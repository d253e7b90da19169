"""Self-attention transfer, the loss of SATS (Qiu et al., Pattern Recognition 138, 2023, arXiv 2203.07667).

A *region* is the set of pixels of one class in one image. Its *relation* is its mean attention row: what the region
attends to on average. Class-specific region pooling computes the relation of every region in the teacher and in the
student, and the loss is the distance between the two:

    relation[c, h] = mean over queries q of class c of attention[h, q]
    loss = mean over stages, images, regions c and heads h of || student[c, h] - teacher[c, h] ||_2

Background and IGNORE are not regions; an image without any region counts zero. The distance is computed in float32,
because real drifts are smaller than the rounding error of bfloat16.

Where the paper and its released code differ: the code reads memory laid out (batch, head, query, key) as if it were
(batch, query, head, key), which mixes heads and queries in every stage with more than one head. `layout="paper"` is the
paper's definition and the default; `layout="as_released"` is what the code computes.

Two variants ask less of new classes than the paper does. `over="old"` leaves out the regions of new classes, which the
teacher has never learnt. `distance="asymmetric"` counts only attention that the teacher gave and the student has lost.
Of the latter, only the idea of an asymmetric distance is from Pelosin et al. (CVPR workshops 2022, arXiv 2203.13167):
theirs compares other pooled maps, and no code is theirs.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import ClassVar

import torch
from torch import Tensor

from satkit.data.labels import BACKGROUND
from satkit.models.attention_taps import AttentionTap
from satkit.models.relation_difference import Membership, relation_difference
from satkit.strategies.contracts import LossInputs, Term, one_of, positive
from satkit.utils.errors import UsageError
from satkit.utils.precision import full_precision

# Distances between relations; all but the last depend on their difference only, student minus teacher.
OF_DIFFERENCE = {
    "l2": lambda difference: torch.linalg.vector_norm(difference, dim=-1),
    "asymmetric": lambda difference: torch.linalg.vector_norm(difference.neg().relu(), dim=-1),
    "l1": lambda difference: difference.abs().sum(dim=-1),
    "squared": lambda difference: difference.square().sum(dim=-1),
}
DISTANCES = (*OF_DIFFERENCE, "kl")


def resize_labels(labels: Tensor, grid: tuple[int, int]) -> Tensor:
    """Labels (batch, *grid): each grid cell takes the label of the pixel at its centre."""
    rows, columns = (centres(*sizes, labels.device) for sizes in zip(grid, labels.shape[-2:], strict=True))
    return labels[:, rows][:, :, columns]


@lru_cache(maxsize=64)
def centres(cells: int, pixels: int, device: torch.device) -> Tensor:
    """Number of the pixel at the centre of each of `cells` cells in a row of pixels."""
    with torch.inference_mode(False):
        return ((torch.arange(cells, device=device) + 0.5) * pixels / cells).long()


def region_pool(tap: AttentionTap, labels: Tensor, classes: tuple[int, ...]) -> tuple[Tensor, Tensor]:
    """The relation of every class region: its mean attention row, per head.

    Args:
        tap: The attention of one block.
        labels: Label maps (batch, height, width) of any size; may hold BACKGROUND and IGNORE.
        classes: Class indices to pool, each one region.

    Returns:
        Relations (batch, region, head, key), zero where a region is absent, and present (batch, region).
    """
    inside = regions_at(tap.query_grid, labels, classes)  # (batch, region, query)
    size = inside.sum(dim=-1, keepdim=True)
    return tap.pool(inside / size.clamp(min=1)), size.squeeze(-1) > 0


def relation_distance(
    student: AttentionTap,
    teacher: AttentionTap,
    labels: Tensor,
    classes: tuple[int, ...],
    distance: str = "l2",
    pool: Callable = region_pool,
    known: dict[tuple[int, int], Membership] | None = None,
) -> tuple[Tensor, Tensor]:
    """Distance between the student's and the teacher's relation of every class region, per head.

    `AttentionTransfer` is a weighted mean of these distances; figures and measurements call the same function. The
    distance is that between `region_pool` of the student and of the teacher, computed in one go where possible.

    Args:
        student: Attention of one block of the student.
        teacher: The same of the teacher.
        labels: As in `region_pool`.
        classes: As in `region_pool`.
        distance: One of `DISTANCES`.
        pool: Computes relations and presence from a tap, labels and classes.
        known: Memberships by their grid, for stages that share labels and classes; what is missing is added.

    Returns:
        Distances (batch, region, head), without a meaning where a region is absent, and present (batch, region).
    """
    if pool is region_pool and distance in OF_DIFFERENCE and isinstance(student, AttentionTap):
        known, grid = {} if known is None else known, student.query_grid
        if grid not in known:
            dtype = torch.promote_types(student.queries.dtype, torch.float32)
            known[grid] = Membership.of(regions_at(grid, labels, classes), dtype)
        each = OF_DIFFERENCE[distance](relation_difference(student, teacher, known[grid]))  # (batch, some region, head)
        return known[grid].spread(each), known[grid].present
    ours, present = pool(student, labels, classes)
    theirs, _ = pool(teacher, labels, classes)
    if distance == "kl":
        return (theirs * (theirs.clamp(min=1e-8).log() - ours.clamp(min=1e-8).log())).sum(dim=-1), present
    return OF_DIFFERENCE[distance](ours - theirs), present


def regions_at(grid: tuple[int, int], labels: Tensor, classes: tuple[int, ...]) -> Tensor:
    """Which cells of a grid belong to which class: bool (batch, region, cell)."""
    at_cell = resize_labels(labels, grid).flatten(1)
    return at_cell[:, None] == torch.tensor(classes, device=labels.device)[:, None]


def region_map(inputs: LossInputs, regions: str) -> Tensor:
    """The label maps whose classes are the regions: uint8 (batch, height, width).

    Args:
        regions: "targets": the targets of the loss. "teacher": the teacher's prediction wherever the annotator shows
            background, so that old classes are regions in strategies without pseudo-labels too.
    """
    if regions == "targets":
        return inputs.targets
    guess = inputs.teacher.classes().to(inputs.labels.dtype)
    return torch.where(inputs.labels == BACKGROUND, guess, inputs.labels)


def to_key_regions(relations: Tensor, inside: Tensor) -> Tensor:
    """Relations (batch, row, head, key) summed over the keys of each region (batch, region, key), and over the rest."""
    mass = torch.einsum("brhk,bck->brhc", relations, inside.to(relations.dtype))
    rest = relations.sum(dim=-1, keepdim=True) - mass.sum(dim=-1, keepdim=True)
    return torch.cat([mass, rest], dim=-1)  # (batch, row, head, region + 1)


CHOICES = {
    "pooling": ("class", "image", "none"),
    "layout": ("paper", "as_released"),
    "distance": DISTANCES,
    "keys": ("each", "regions"),
    "regions": ("targets", "teacher"),
    "over": ("seen", "old"),
}


@dataclass(frozen=True)
class AttentionTransfer(Term):
    """Distance between the student's and the teacher's relations.

    Attributes:
        weight: Factor of the term; 20 in the paper for VOC.
        pooling: "class" for a region per class (the method), "image" for the whole image as one region, "none" for
            every query by itself (the paper's ablations).
        layout: "paper" or "as_released".
        distance: "l2" (the method), "l1", "squared" (l2 without the root), "kl", from teacher to student, or
            "asymmetric", l2 of relu(teacher - student).
        keys: "each" compares every key (the method); "regions" first sums the attention on the keys of each class
            region, so that a relation is how much one region attends to another. Key regions have the classes that
            `over` and `background` name; all other keys are summed as one rest.
        regions: "targets" or "teacher", see `region_map`.
        over: "seen" for regions of all classes seen so far (the method), "old" for those of earlier steps only; "old"
            needs pooling="class". With regions="targets", it needs targets that show old classes (pseudo-labels).
        background: Whether background is also a region, whatever `over` is.
        stages: Numbers of the stages to compare, from 1 as in the names of the taps; empty for all.
        heads: Numbers of the heads to compare, from 1; empty for all.
    """

    weight: float = 20.0
    pooling: str = "class"
    layout: str = "paper"
    distance: str = "l2"
    keys: str = "each"
    regions: str = "targets"
    over: str = "seen"
    background: bool = False
    stages: tuple[int, ...] = ()
    heads: tuple[int, ...] = ()

    name: ClassVar[str] = "attention"
    needs_teacher: ClassVar[bool] = True
    needs_attention: ClassVar[bool] = True
    trains_backbone: ClassVar[bool] = True

    def __post_init__(self):
        positive(self, "weight", self.weight)
        for setting, choices in CHOICES.items():
            one_of(setting, getattr(self, setting), choices)
        if self.over == "old" and self.pooling != "class":
            raise UsageError(
                f"Attention transfer with over='old' needs pooling='class', got pooling={self.pooling!r}, which has no "
                "regions of old classes; leave over='old' out."
            )

    @property
    def needs_old_targets(self) -> bool:
        """Whether the term is zero where the targets show no old class."""
        return self.over == "old" and self.regions == "targets" and not self.background

    def __call__(self, inputs: LossInputs) -> Tensor:
        if not inputs.student.attention:
            raise RuntimeError(
                "Attention transfer needs the attention of student and teacher: run both with attention=True."
            )
        pairs = list(zip(inputs.student.attention, inputs.teacher.attention, strict=True))
        labels = region_map(inputs, self.regions)
        classes = inputs.step.old if self.over == "old" else inputs.step.seen
        classes = (BACKGROUND,) * self.background + classes
        chosen, known = numbered(pairs, self.stages, "stage"), {}
        return self.weight * torch.stack([self.stage(*pair, labels, classes, known) for pair in chosen]).mean()

    def averaged_over(self, inputs: LossInputs) -> int:
        return len(inputs.labels)

    def stage(
        self,
        student: AttentionTap,
        teacher: AttentionTap,
        labels: Tensor,
        classes: tuple[int, ...],
        known: dict[tuple[int, int], Membership] | None = None,
    ) -> Tensor:
        """The loss of one stage, without the weight; known: see `relation_distance`."""
        usual = (self.pooling, self.layout, self.keys) == ("class", "paper", "each")
        pool = region_pool if usual else self.pool
        distance, present = relation_distance(student, teacher, labels, classes, self.distance, pool, known)
        heads = numbered(range(distance.shape[-1]), self.heads, "head")
        distance = distance[..., heads].mean(dim=-1)  # (batch, region)
        return ((distance * present).sum(dim=1) / present.sum(dim=1).clamp(min=1)).mean()

    def pool(self, tap: AttentionTap, labels: Tensor, classes: tuple[int, ...]) -> tuple[Tensor, Tensor]:
        """Relations (batch, region, head, key or key region) and present (batch, region)."""
        read = AsReleased(tap) if self.layout == "as_released" else tap
        if self.pooling == "class":
            relations, present = region_pool(read, labels, classes)
        elif self.pooling == "image":
            relations, present = region_pool(read, torch.zeros_like(labels), (0,))
        else:
            relations = read.weights().transpose(1, 2)  # (batch, query, head, key)
            present = relations.new_ones(relations.shape[:2], dtype=torch.bool)
        if self.keys == "regions":
            relations = to_key_regions(relations, regions_at(tap.key_grid, labels, classes))
        return relations, present


def numbered(items: Sequence, numbers: tuple[int, ...], kind: str) -> list:
    """The items with these numbers, counted from 1; all of them if no numbers are given.

    Raises:
        UsageError: For a number that does not exist.
    """
    wrong = [number for number in numbers if not 1 <= number <= len(items)]
    if wrong:
        raise UsageError(
            f"Attention transfer was asked for {kind} {wrong[0]}, but there are the {kind}s 1..{len(items)} here. "
            "A head must exist in every stage that is compared."
        )
    return [items[number - 1] for number in numbers] if numbers else list(items)


@dataclass(frozen=True)
class AsReleased:
    """A tap as the released code reads it: heads and queries are interchanged in memory."""

    tap: AttentionTap

    @property
    def query_grid(self) -> tuple[int, int]:
        return self.tap.query_grid

    def weights(self) -> Tensor:
        weights = self.tap.weights()
        batch, heads, queries, keys = weights.shape
        return weights.reshape(batch, queries, heads, keys).transpose(1, 2)

    def pool(self, membership: Tensor) -> Tensor:
        with full_precision(membership):
            return torch.einsum("brq,bhqk->brhk", membership, self.weights())
