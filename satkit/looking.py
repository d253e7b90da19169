"""What the pictures show, as arrays: attention of a query, relations of regions, predictions.

Everything here runs a model without gradients on one image and returns NumPy arrays. The relations come from the very
function that the loss calls, `region_pool`: the picture is the loss.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from satkit.choices import UsageError
from satkit.data.labels import BACKGROUND, IGNORE
from satkit.data.loading import StepImages, evaluation_batches, to_input
from satkit.evaluation import confusion_matrix, predict
from satkit.models import AttentionTap, BackboneError, Segmenter
from satkit.strategies import Strategy, region_pool, resize_labels

ENOUGH = 64  # pixels a side at which every backbone of the MiT and PVTv2 families has a patch at each stage


@dataclass(frozen=True)
class Look:
    """A model's view of one image.

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
    output = _shown(model, image, lambda images: model.eval()(images, attention=True))
    return Look(output.attention, output.classes()[0].to(torch.uint8).cpu().numpy())


@torch.no_grad()
def prediction(model: Segmenter, image: np.ndarray) -> np.ndarray:
    """Most likely class of every pixel, uint8 (height, width); works for every backbone.

    Args:
        image: uint8 of shape (height, width, 3).

    Raises:
        BackboneError: If the image is too small.
    """
    return _shown(model, image, lambda images: predict(model, images))[0].cpu().numpy()


def confusions_by_image(model: Segmenter, images: StepImages, num_outputs: int) -> np.ndarray:
    """Pixel counts `[image, truth, predicted]`, int64, of every image by itself."""
    device = next(model.parameters()).device
    counts = np.zeros((len(images), num_outputs, num_outputs), dtype=np.int64)
    for shown, labels, positions in evaluation_batches(images, 16):
        predicted = predict(model, shown.to(device)).cpu()
        for position, truth, guess in zip(positions, labels, predicted, strict=True):
            counts[position] = confusion_matrix(truth, guess, num_outputs).numpy()
    return counts


@torch.no_grad()
def targets_of(strategy: Strategy, begun, index: int) -> np.ndarray:
    """What the loss sees of an image of a step that has begun, uint8 (height, width), without augmentation.

    Args:
        strategy: The strategy of the step.
        begun: What `Experiment.begin` returned.
        index: Number of the image among the step's images.
    """
    image, labels = image_and_labels(begun.images, index)
    policy = strategy.targets
    taught = begun.teacher is not None and policy.needs_teacher
    if not taught and not getattr(policy, "in_base_step", False):
        return labels
    device = next(begun.student.parameters()).device
    shown = to_input(torch.from_numpy(np.array(image, order="C"))[None]).to(device)
    labels = torch.from_numpy(np.array(labels, order="C"))[None].to(device)
    output = begun.teacher(shown) if taught else None
    return policy(labels, output, begun.step, begun.fitted, shown)[0].cpu().numpy()


def image_and_labels(images: StepImages, index: int) -> tuple[np.ndarray, np.ndarray]:
    """An image of a step and its label map, in class indices.

    Raises:
        UsageError: If the step has no such image.
    """
    if not 0 <= index < len(images):
        raise UsageError(f"There are the images 0..{len(images) - 1}, got {index}.")
    return images.image(index), images.labels(index)


def telling_images(images: StepImages, classes, count: int = 1, among: int = 200) -> list[int]:
    """Images that show most of the given classes: numbers of images, one for each class before any comes again.

    Args:
        images: Images of a step, labels in class indices.
        classes: Class indices to look for.
        among: How many images to look through.
    """
    shares = []
    for index in range(min(among, len(images))):
        counts = np.bincount(images.labels(index).ravel(), minlength=256)
        shares.append([counts[each] for each in classes])
    shares = np.array(shares)
    chosen: list[int] = []
    while len(chosen) < min(count, len(shares)):
        best_class = int(shares.max(axis=0).argmax())
        image = int(shares[:, best_class].argmax())
        chosen.append(image)
        shares[image] = -1
        shares[:, best_class] = np.where(shares[:, best_class] >= 0, shares[:, best_class] // 4, -1)
    return chosen


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
    """What one query attends to, (key height, key width); mean over heads unless one is named.

    Raises:
        UsageError: If there is no such head.
    """
    row = _row(tap, query)
    if head is not None and not 0 <= head < len(row):
        raise UsageError(f"{tap.name} has the heads 0..{len(row) - 1}, got {head}.")
    row = row.mean(dim=0) if head is None else row[head]
    return row.reshape(tap.key_grid).cpu().numpy()


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


def relations_of(tap: AttentionTap, labels: np.ndarray, classes) -> tuple[np.ndarray, list[int]]:
    """Relations of the regions in one image, mean over heads: (region, key height, key width), and their classes."""
    classes = tuple(classes)
    relations, present = region_pool(tap, _one(labels, tap), classes)
    kept = [each for each, there in zip(classes, present[0].tolist(), strict=True) if there]
    chosen = relations[0].mean(dim=1)[present[0]]  # (region, key)
    return chosen.reshape(-1, *tap.key_grid).cpu().numpy(), kept


def relation_matrix(tap: AttentionTap, labels: np.ndarray, classes) -> np.ndarray:
    """How much of each region's attention falls on each region, (region, region + 1); background's is the first column.

    Rows are the regions present among the queries, as `relations_of` lists them. Columns are background and the same
    classes, at the keys' resolution; pixels of none of them (IGNORE) are left out.
    """
    relations, kept = relations_of(tap, labels, classes)
    at_key = labels_of_keys(tap, labels)
    columns = [relations[:, at_key == each].sum(axis=1) for each in (BACKGROUND, *kept)]
    return np.stack(columns, axis=1)


def head_drift(teacher: Look, student: Look, labels: np.ndarray, classes) -> list[np.ndarray]:
    """Distance between the relations of teacher and student by stage, (head,), mean over regions; NaN without a region.

    This is what `AttentionTransfer` is a mean of, here also for students that were trained without it.
    """
    drift = []
    for taught, learnt in zip(teacher.taps, student.taps, strict=True):
        ours, present = region_pool(learnt, _one(labels, learnt), tuple(classes))
        theirs, _ = region_pool(taught, _one(labels, taught), tuple(classes))
        distance = torch.linalg.vector_norm(ours - theirs, dim=-1)[0][present[0]]  # (region, head)
        drift.append(distance.mean(dim=0).cpu().numpy())
    return drift


def attention_drift(teacher: Look, student: Look, labels: np.ndarray, classes) -> np.ndarray:
    """As `head_drift`, mean over heads: one number per stage; 0 for a stage without a region."""
    return np.nan_to_num([np.mean(heads) for heads in head_drift(teacher, student, labels, classes)])


def middle_of(labels: np.ndarray, label: int) -> tuple[int, int]:
    """A pixel of a class deep inside its region: one of those that are left last when the region is peeled.

    Raises:
        UsageError: If no pixel has this label.
    """
    core = labels == label
    if not core.any():
        raise UsageError(f"No pixel of this image has label {label}.")
    peeled = core
    while peeled.any():
        core, padded = peeled, np.pad(peeled, 1)
        peeled = core & padded[:-2, 1:-1] & padded[2:, 1:-1] & padded[1:-1, :-2] & padded[1:-1, 2:]
    rows, columns = np.nonzero(core)
    middle = len(rows) // 2
    return int(rows[middle]), int(columns[middle])


def largest_class(labels: np.ndarray, classes) -> int:
    """The one of the classes with most pixels in a label map.

    Raises:
        UsageError: If none of them occurs.
    """
    counts = np.bincount(labels[labels != IGNORE].ravel(), minlength=256)
    classes = list(classes)
    best = max(classes, key=lambda each: counts[each])
    if counts[best] == 0:
        raise UsageError("None of these classes occurs in the image. Choose another image.")
    return best


def _shown(model: Segmenter, image: np.ndarray, forward: Callable[[Tensor], object]):
    """What `forward` makes of the image as a batch of one."""
    images = to_input(torch.from_numpy(np.array(image, order="C"))[None]).to(next(model.parameters()).device)
    try:
        return forward(images)
    except RuntimeError as error:
        if min(image.shape[:2]) >= ENOUGH:
            raise
        raise BackboneError(
            f"An image must be larger than the patches of {model.spec['backbone']}, got {image.shape[0]} x "
            f"{image.shape[1]} pixels ({str(error).rstrip('.')}). Choose a larger image."
        ) from error


def _row(tap: AttentionTap, query: tuple[int, int]) -> Tensor:
    """The attention row of one query, (head, key)."""
    return tap.weights([query[0] * tap.query_grid[1] + query[1]])[0, :, 0]


def _one(labels: np.ndarray, tap: AttentionTap) -> Tensor:
    return torch.from_numpy(np.array(labels, order="C"))[None].to(tap.queries.device)
