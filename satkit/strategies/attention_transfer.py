"""Self-attention transfer, the loss of SATS (Qiu et al., Pattern Recognition 138, 2023, arXiv 2203.07667).

A *region* is the set of pixels of one class in one image. Its *relation* is its mean attention row: what the region as
a whole looks at. Class-specific region pooling computes the relation of every region in the teacher and in the student,
and the loss is the distance between the two:

    relation[c, h] = mean over queries q of class c of attention[h, q]
    loss = mean over stages, images, regions c and heads h of || student[c, h] - teacher[c, h] ||_2

Background and IGNORE are no regions; an image without any region counts zero. The distance is taken in float32: at the
size of real drifts it would otherwise drown in the rounding error of bfloat16.

Where the paper and its released code differ: the code reads memory laid out (batch, head, query, key) as if it were
(batch, query, head, key), which mixes heads and places in every stage of more than one head. `layout="paper"` is the
paper's definition and the default; `layout="as_released"` is what the code computes.
"""

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from satkit.choices import unknown
from satkit.models.attention import AttentionTap
from satkit.strategies.strategy import LossInputs, positive

POOLINGS = ("class", "image", "none")
LAYOUTS = ("paper", "as_released")


def resize_labels(labels: Tensor, grid: tuple[int, int]) -> Tensor:
    """Labels (batch, *grid): each grid cell takes the label of the pixel at its centre."""
    rows, columns = (
        ((torch.arange(cells, device=labels.device) + 0.5) * pixels / cells).long()
        for cells, pixels in zip(grid, labels.shape[-2:], strict=True)
    )
    return labels[:, rows][:, :, columns]


def region_pool(tap: AttentionTap, labels: Tensor, classes: tuple[int, ...]) -> tuple[Tensor, Tensor]:
    """The relation of every class region: its mean attention row, per head.

    Args:
        tap: The attention of one block.
        labels: Label maps (batch, height, width) of any size; may hold BACKGROUND and IGNORE.
        classes: Class indices to pool, each one region.

    Returns:
        Relations (batch, region, head, key), zero where a region is absent, and present (batch, region).
    """
    at_query = resize_labels(labels, tap.query_grid).flatten(1)  # (batch, query)
    inside = at_query[:, None] == torch.tensor(classes, device=labels.device)[:, None]  # (batch, region, query)
    size = inside.sum(dim=-1, keepdim=True)
    return tap.pool(inside / size.clamp(min=1)), size.squeeze(-1) > 0


@dataclass(frozen=True)
class AttentionTransfer:
    """Distance between the student's and the teacher's relations.

    Attributes:
        weight: Factor of the term; 20 in the paper for VOC.
        pooling: "class" for a region per class (the method), "image" for the whole image as one region, "none" for
            every query by itself (the paper's ablations).
        layout: "paper" or "as_released".
    """

    weight: float = 20.0
    pooling: str = "class"
    layout: str = "paper"

    name: ClassVar[str] = "attention"
    needs_teacher: ClassVar[bool] = True
    needs_attention: ClassVar[bool] = True

    def __post_init__(self):
        positive(self, "weight", self.weight)
        if self.pooling not in POOLINGS:
            raise unknown("pooling", self.pooling, POOLINGS)
        if self.layout not in LAYOUTS:
            raise unknown("layout", self.layout, LAYOUTS)

    def __call__(self, inputs: LossInputs) -> Tensor:
        if not inputs.student.attention:
            raise RuntimeError(
                "Attention transfer needs the attention of student and teacher: run both with attention=True."
            )
        pairs = zip(inputs.student.attention, inputs.teacher.attention, strict=True)
        return self.weight * torch.stack([self.stage(*pair, inputs) for pair in pairs]).mean()

    def stage(self, student: AttentionTap, teacher: AttentionTap, inputs: LossInputs) -> Tensor:
        """The loss of one stage, without the weight."""
        relations, present = self.pool(student, inputs)
        taught, _ = self.pool(teacher, inputs)
        distance = torch.linalg.vector_norm(relations - taught, dim=-1).mean(dim=-1)  # (batch, region)
        return ((distance * present).sum(dim=1) / present.sum(dim=1).clamp(min=1)).mean()

    def pool(self, tap: AttentionTap, inputs: LossInputs) -> tuple[Tensor, Tensor]:
        """Relations (batch, region, head, key) and present (batch, region)."""
        if self.layout == "as_released":
            tap = AsReleased(tap)
        if self.pooling == "class":
            return region_pool(tap, inputs.targets, inputs.step.seen)
        if self.pooling == "image":
            return region_pool(tap, torch.zeros_like(inputs.targets), (0,))
        rows = tap.weights().transpose(1, 2)  # (batch, query, head, key)
        return rows, rows.new_ones(rows.shape[:2], dtype=torch.bool)


@dataclass(frozen=True)
class AsReleased:
    """A tap read as the released code reads it: heads and queries interchanged in memory."""

    tap: AttentionTap

    @property
    def query_grid(self) -> tuple[int, int]:
        return self.tap.query_grid

    def weights(self) -> Tensor:
        weights = self.tap.weights()
        batch, heads, queries, keys = weights.shape
        return weights.reshape(batch, queries, heads, keys).transpose(1, 2)

    def pool(self, membership: Tensor) -> Tensor:
        with torch.autocast(membership.device.type, enabled=False):
            return torch.einsum("brq,bhqk->brhk", membership, self.weights())
