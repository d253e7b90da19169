"""Predictions and the confusion matrix of a model; every score is computed from the latter."""

from collections.abc import Callable, Iterable

import numpy as np
import torch
from torch import Tensor

from satkit.data.labels import IGNORE
from satkit.evaluation.windows import predict_in_windows
from satkit.models import Segmenter
from satkit.utils.errors import UsageError

SILENT: Callable[..., None] = lambda *_, **__: None  # noqa: E731


def confusion_matrix(labels: Tensor, predicted: Tensor, num_outputs: int) -> Tensor:
    """Pixel counts `[truth, predicted]`, int64 of shape (num_outputs, num_outputs); IGNORE is left out.

    Raises:
        ValueError: If a label is neither below `num_outputs` nor IGNORE.
    """
    valid, left_out = labels != IGNORE, num_outputs**2
    highest = int(torch.where(valid, labels, 0).max()) if labels.numel() else 0
    if highest >= num_outputs:
        raise ValueError(
            f"Labels must be below {num_outputs} or {IGNORE}, got {highest}. "
            "Map the labels of the data set to class indices first."
        )
    pairs = torch.where(valid, labels.long() * num_outputs + predicted, left_out)
    counts = torch.bincount(pairs.flatten(), minlength=left_out + 1)[:left_out]
    return counts.view(num_outputs, num_outputs)


@torch.no_grad()
def predict(student: Segmenter, images: Tensor, window: int | None = None, report: Callable = SILENT) -> Tensor:
    """Most likely class of every pixel, uint8 (batch, height, width), in evaluation mode.

    Args:
        images: (batch, 3, height, width), normalised.
        window: Side in pixels of the windows that larger images are predicted in, one image after the other, see
            `predict_in_windows`; None for one forward pass of the whole batch.
        report: Called with the number of the image in the batch and "5 of 24", for example, between its windows.
    """
    was_training = student.training
    if was_training:  # to set the mode of every module costs a tenth of a small model's forward pass
        student.eval()
    if window is None or max(images.shape[-2:]) <= window:
        predicted = student(images).classes()
    else:
        reports = [lambda n, of, number=number: report(number, f"{n} of {of}") for number in range(len(images))]
        each = zip(images, reports, strict=True)
        predicted = torch.stack([predict_in_windows(student, image, window, within) for image, within in each])
    if was_training:
        student.train()
    return predicted.to(torch.uint8)


def evaluate(
    student: Segmenter,
    batches: Iterable[tuple],
    num_outputs: int,
    window: int | None = None,
    report: Callable[..., None] = SILENT,
) -> np.ndarray:
    """The confusion matrix of a student over whole images.

    Args:
        student: Any segmenter with `num_outputs` output channels.
        batches: Yields images, labels and more, see `evaluation_batches`.
        num_outputs: Background and every class seen so far.
        window: Side in pixels of the windows that larger images are predicted in; None for one forward pass.
        report: Called with the number of images that are done, and with `window`, such as "5 of 24", within an image.

    Raises:
        UsageError: If a forward pass of whole images needs more memory than there is.
    """
    device, done = next(student.parameters()).device, 0
    total = torch.zeros(num_outputs, num_outputs, dtype=torch.int64, device=device)
    report(done)

    def within(image: int, windows: str) -> None:
        report(done + image, window=windows)

    for images, labels, *_ in batches:
        try:
            predicted = predict(student, images.to(device), window, within)
        except RuntimeError as error:
            if window is None and out_of_memory(error):
                raise _too_large(images) from error
            raise
        total += confusion_matrix(labels.to(device), predicted, num_outputs)
        done += len(images)
        report(done)
    return total.cpu().numpy()


def out_of_memory(error: RuntimeError) -> bool:
    """Whether an error of torch means that there was not enough memory."""
    return isinstance(error, torch.OutOfMemoryError) or "DefaultCPUAllocator" in str(error)


def _too_large(images: Tensor) -> UsageError:
    height, width = images.shape[-2:]
    return UsageError(
        f"One forward pass must fit into the memory, got images of {width} x {height} pixels. Let them be predicted in "
        "windows: --protocol evaluation=windows."
    )
