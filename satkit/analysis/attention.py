"""Attention and relations of one image as arrays, for figures.

Models run without gradients, and results are NumPy arrays. Relations and their distances come from the functions of the
loss, `region_pool` and `relation_distance`, so the figures show what the loss uses.
"""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from satkit.analysis.images import run_on_image
from satkit.data.labels import BACKGROUND
from satkit.models import AttentionTap, Segmenter
from satkit.strategies import region_pool, relation_distance, resize_labels
from satkit.utils.errors import UsageError


@dataclass(frozen=True)
class Look:
    """Attention and prediction of a model for one image.

    Attributes:
        taps: Attention of each stage, one image.
        prediction: Most likely class of every pixel, uint8 (height, width).
    """

    taps: tuple[AttentionTap, ...]
    prediction: np.ndarray


@torch.no_grad()
def look(model: Segmenter, image: np.ndarray) -> Look:
    """Run a model on an image, uint8 (height, width, 3), with its attention tapped.

    Raises:
        BackboneError: If the backbone has no attention to tap (`prediction` works for any), or the image is too small.
    """
    output = run_on_image(model, image, lambda images: model.eval()(images, attention=True))
    return Look(output.attention, output.classes()[0].to(torch.uint8).cpu().numpy())


def query_at(tap: AttentionTap, pixel: tuple[int, int], size: tuple[int, int]) -> tuple[int, int]:
    """Row and column of the query whose patch holds a pixel.

    Raises:
        UsageError: If the pixel is outside the image.
    """
    (row, column), (height, width) = pixel, size
    if not (0 <= row < height and 0 <= column < width):
        raise UsageError(f"The pixel must be inside the image of {height} x {width}, got row {row}, column {column}.")
    rows, columns = tap.query_grid
    return row * rows // height, column * columns // width


def attention_of(tap: AttentionTap, query: tuple[int, int], head: int | None = None) -> np.ndarray:
    """What one query attends to, (key height, key width); mean over heads unless one is given.

    Raises:
        UsageError: If there is no such head.
    """
    return _of_head(_row(tap, query), head, tap).reshape(tap.key_grid).cpu().numpy()


def heads_of(tap: AttentionTap, query: tuple[int, int]) -> np.ndarray:
    """What one query attends to with each head, (head, key height, key width); every head sums to 1."""
    rows = _row(tap, query)
    return rows.reshape(len(rows), *tap.key_grid).cpu().numpy()


def labels_of_queries(tap: AttentionTap, labels: np.ndarray) -> np.ndarray:
    """Label of every query, uint8 (query height, query width), resized by the function that the loss uses."""
    return resize_labels(_one(labels, tap), tap.query_grid)[0].to(torch.uint8).cpu().numpy()


def labels_of_keys(tap: AttentionTap, labels: np.ndarray) -> np.ndarray:
    """Label of every key, uint8 (key height, key width)."""
    return resize_labels(_one(labels, tap), tap.key_grid)[0].to(torch.uint8).cpu().numpy()


def relations_of(
    tap: AttentionTap, labels: np.ndarray, classes, head: int | None = None
) -> tuple[np.ndarray, list[int]]:
    """Relations of the regions in one image, (region, key height, key width), and their classes.

    Mean over heads unless one is given.

    Raises:
        UsageError: If there is no such head.
    """
    classes = tuple(classes)
    relations, present = region_pool(tap, _one(labels, tap), classes)
    kept = [each for each, there in zip(classes, present[0].tolist(), strict=True) if there]
    chosen = _of_head(relations[0].movedim(1, 0), head, tap)[present[0]]  # (region, key)
    return chosen.reshape(-1, *tap.key_grid).cpu().numpy(), kept


def relation_matrix(tap: AttentionTap, labels: np.ndarray, classes, head: int | None = None) -> np.ndarray:
    """How much of each region's attention falls on each region, (region, region + 1); background's is the first column.

    Rows are the regions present among the queries, as `relations_of` lists them. Columns are background and the same
    classes, at the keys' resolution; pixels of none of them (IGNORE) are left out.
    """
    relations, kept = relations_of(tap, labels, classes, head)
    at_key = labels_of_keys(tap, labels)
    columns = [relations[:, at_key == each].sum(axis=1) for each in (BACKGROUND, *kept)]
    return np.stack(columns, axis=1)


def head_drift(teacher: Look, student: Look, labels: np.ndarray, classes) -> list[np.ndarray]:
    """Distance between the relations of teacher and student by stage, (head,), mean over regions; NaN without a region.

    `AttentionTransfer` is a mean of these distances; they can be computed for students trained without it too.
    """
    drift = []
    for taught, learnt in zip(teacher.taps, student.taps, strict=True):
        distance, present = relation_distance(learnt, taught, _one(labels, learnt), tuple(classes))
        drift.append(distance[0][present[0]].mean(dim=0).cpu().numpy())
    return drift


def attention_drift(teacher: Look, student: Look, labels: np.ndarray, classes) -> np.ndarray:
    """As `head_drift`, mean over heads: one number per stage; 0 for a stage without a region."""
    return np.nan_to_num([np.mean(heads) for heads in head_drift(teacher, student, labels, classes)])


def _row(tap: AttentionTap, query: tuple[int, int]) -> Tensor:
    """The attention row of one query, (head, key)."""
    return tap.weights([query[0] * tap.query_grid[1] + query[1]])[0, :, 0]


def _of_head(values: Tensor, head: int | None, tap: AttentionTap) -> Tensor:
    """The values of one head, which are those of its place in the first dimension, or their mean."""
    if head is not None and not 0 <= head < len(values):
        raise UsageError(f"{tap.name} has the heads 0..{len(values) - 1}, got {head}.")
    return values.mean(dim=0) if head is None else values[head]


def _one(labels: np.ndarray, tap: AttentionTap) -> Tensor:
    return torch.from_numpy(np.array(labels, order="C"))[None].to(tap.queries.device)
