"""Images for figures: which to choose, their labels and targets, and what a model predicts."""

from collections.abc import Callable, Iterable

import numpy as np
import torch
from torch import Tensor

from satkit.data.batches import evaluation_batches, to_input
from satkit.data.labels import IGNORE
from satkit.data.step_images import StepImages
from satkit.evaluation.predict import SILENT, confusion_matrix, predict
from satkit.models import BackboneError, Segmenter
from satkit.training import StepSetup
from satkit.utils.errors import UsageError

LARGE_ENOUGH = 64  # pixels a side from which every MiT and PVTv2 has a patch at each stage


@torch.no_grad()
def prediction(
    model: Segmenter, image: np.ndarray, window: int | None = None, report: Callable[..., None] = SILENT
) -> np.ndarray:
    """Most likely class of every pixel, uint8 (height, width); works for every backbone.

    Args:
        image: uint8 of shape (height, width, 3).
        window: Side in pixels of the windows that a larger image is predicted in; None for one forward pass.
        report: See `satkit.evaluation.predict.predict`.

    Raises:
        BackboneError: If the image is too small.
    """
    return run_on_image(model, image, lambda images: predict(model, images, window, report))[0].cpu().numpy()


def confusions_by_image(
    model: Segmenter, images: StepImages, num_outputs: int, window: int | None = None
) -> np.ndarray:
    """Pixel counts `[image, truth, predicted]`, int64, for every image separately; for `window` see `prediction`."""
    device = next(model.parameters()).device
    counts = np.zeros((len(images), num_outputs, num_outputs), dtype=np.int64)
    for shown, labels, positions in evaluation_batches(images, 16):
        predicted = predict(model, shown.to(device), window).cpu()
        for position, truth, guess in zip(positions, labels, predicted, strict=True):
            counts[position] = confusion_matrix(truth, guess, num_outputs).numpy()
    return counts


@torch.no_grad()
def targets_of(setup: StepSetup, images: StepImages, index: int) -> np.ndarray:
    """The targets of an image in a step that has begun, uint8 (height, width), without augmentation.

    Args:
        setup: The step as `Experiment.begin` gives it.
        images: The images of the step.
        index: Number of the image among them.
    """
    image, labels = image_and_labels(images, index)
    policy = setup.strategy.targets
    taught = setup.teacher is not None and policy.needs_teacher
    if not taught and not policy.in_base_step:
        return labels
    device = next(setup.student.parameters()).device
    shown = to_input(torch.from_numpy(np.array(image, order="C"))[None]).to(device)
    labels = torch.from_numpy(np.array(labels, order="C"))[None].to(device)
    output = setup.teacher(shown) if taught else None
    return policy(labels, output, setup.step, setup.state.targets or {}, shown)[0].cpu().numpy()


def image_and_labels(images: StepImages, index: int) -> tuple[np.ndarray, np.ndarray]:
    """An image of a step and its label map, in class indices.

    Raises:
        UsageError: If the step has no such image.
    """
    if not 0 <= index < len(images):
        raise UsageError(f"There are the images 0..{len(images) - 1}, got {index}.")
    return images.image(index), images.labels(index)


def informative_images(images: StepImages, classes, count: int = 1, among: int = 200) -> list[int]:
    """Numbers of images with many pixels of the given classes; every class gets one image before any gets a second.

    Args:
        images: Images of a step, labels in class indices.
        classes: Class indices to look for.
        among: How many images are searched, from the first.
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


def varied_image(images: StepImages, among: int = 200) -> int:
    """Number of the image that shows most classes; of several the one whose smallest class is largest.

    Args:
        among: How many images are searched, from the first.
    """

    def variety(index: int) -> tuple[int, int]:
        counts = np.bincount(images.labels(index).ravel(), minlength=256)[1:IGNORE]
        return int((counts > 0).sum()), int(counts[counts > 0].min(initial=images.labels(index).size))

    return max(range(min(among, len(images))), key=variety)


def middle_of(labels: np.ndarray, label: int) -> tuple[int, int]:
    """A pixel of a class far from the border of its region.

    Raises:
        UsageError: If no pixel has this label.
    """
    core = labels == label
    if not core.any():
        raise UsageError(f"No pixel of this image has label {label}.")
    eroded = core
    while eroded.any():
        core, padded = eroded, np.pad(eroded, 1)
        eroded = core & padded[:-2, 1:-1] & padded[2:, 1:-1] & padded[1:-1, :-2] & padded[1:-1, 2:]
    rows, columns = np.nonzero(core)
    middle = len(rows) // 2
    return int(rows[middle]), int(columns[middle])


def main_pixel(labels: np.ndarray, first: Iterable[int], otherwise: Iterable[int]) -> tuple[int, int]:
    """A pixel in the middle of the largest object: of the classes `first` if there is one, else of the others.

    Without any object it is the middle of the image.
    """
    there = set(np.unique(labels).tolist())
    classes = [each for each in first if each in there] or [each for each in otherwise if each in there]
    if not classes:
        return labels.shape[0] // 2, labels.shape[1] // 2
    return middle_of(labels, largest_class(labels, classes))


def largest_class(labels: np.ndarray, classes) -> int:
    """The class with most pixels in a label map, among the given ones.

    Raises:
        UsageError: If none of them occurs.
    """
    counts = np.bincount(labels[labels != IGNORE].ravel(), minlength=256)
    classes = list(classes)
    best = max(classes, key=lambda each: counts[each])
    if counts[best] == 0:
        raise UsageError("None of these classes occurs in the image. Choose another image.")
    return best


def run_on_image(model: Segmenter, image: np.ndarray, forward: Callable[[Tensor], object]):
    """The result of `forward` for the image as a batch of one."""
    images = to_input(torch.from_numpy(np.array(image, order="C"))[None]).to(next(model.parameters()).device)
    try:
        return forward(images)
    except RuntimeError as error:
        if min(image.shape[:2]) >= LARGE_ENOUGH:
            raise
        raise BackboneError(
            f"An image must be larger than the patches of {model.spec['backbone']}, got {image.shape[0]} x "
            f"{image.shape[1]} pixels ({str(error).rstrip('.')}). Choose a larger image."
        ) from error
