"""Predictions and the confusion matrix of a model; every score is computed from the latter."""

from collections.abc import Iterable

import numpy as np
import torch
from torch import Tensor

from satkit.data.labels import IGNORE
from satkit.models import Segmenter


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
def predict(student: Segmenter, images: Tensor) -> Tensor:
    """Most likely class of every pixel, uint8 (batch, height, width), in evaluation mode."""
    was_training = student.training
    student.eval()
    predicted = student(images).classes()
    student.train(was_training)
    return predicted.to(torch.uint8)


def evaluate(student: Segmenter, batches: Iterable[tuple], num_outputs: int) -> np.ndarray:
    """The confusion matrix of a student over whole images.

    Args:
        student: Any segmenter with `num_outputs` output channels.
        batches: Yields images, labels and more, see `evaluation_batches`.
        num_outputs: Background and every class seen so far.
    """
    device = next(student.parameters()).device
    total = torch.zeros(num_outputs, num_outputs, dtype=torch.int64, device=device)
    for images, labels, *_ in batches:
        total += confusion_matrix(labels.to(device), predict(student, images.to(device)), num_outputs)
    return total.cpu().numpy()
