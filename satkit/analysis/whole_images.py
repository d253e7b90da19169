"""The prediction of one whole image of any size, prepared as the evaluation of a model prepares its test images.

Scores of published protocols are of the square in the centre of an image. Here the whole image is predicted: resized as
the evaluation does it, in windows of the size of that square, and the labels are enlarged to the image's own size.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from satkit.analysis.images import prediction
from satkit.data.transforms import CentreCrop, resize_image, resize_labels
from satkit.evaluation.conventions import CHOICES
from satkit.evaluation.predict import SILENT, out_of_memory
from satkit.models import Segmenter
from satkit.utils.errors import UsageError, unknown

MOST_WHOLE = 1024 * 1024  # pixels of an image that is predicted in one forward pass, if nothing else is asked for


@dataclass(frozen=True)
class Preparation:
    """How the evaluation of a model prepares its images.

    Attributes:
        evaluation: "full", "windows" or "centre", see `satkit.evaluation.conventions.Protocol`.
        size: Side of a training crop in pixels.

    Raises:
        UsageError: For another choice, or a size below 1.
    """

    evaluation: str
    size: int

    def __post_init__(self):
        if self.evaluation not in CHOICES["evaluation"]:
            raise unknown("evaluation", self.evaluation, CHOICES["evaluation"])
        if self.size < 1:
            raise UsageError(f"The crop of a model must have a side of 1 pixel or more, got {self.size}.")

    def resized(self, height: int, width: int) -> tuple[int, int]:
        """Height and width at which an image is predicted."""
        return CentreCrop(self.size).resized(height, width) if self.evaluation == "centre" else (height, width)

    def window(self, height: int, width: int, whole: bool = False) -> int | None:
        """Side of the windows that an image is predicted in; None for one forward pass.

        Args:
            whole: Whether an image that the evaluation would take as a whole is taken so at any size.
        """
        return self.size if self.evaluation != "full" or self.is_large(height, width, whole) else None

    def is_large(self, height: int, width: int, whole: bool = False) -> bool:
        """Whether an image is predicted in windows for its size alone."""
        return self.evaluation == "full" and not whole and height * width > MOST_WHOLE


def predict_image(
    model: Segmenter, image: np.ndarray, how: Preparation, whole: bool = False, report: Callable[..., None] = SILENT
) -> np.ndarray:
    """Class of every pixel of an image, uint8 (height, width) at its own size.

    Args:
        image: uint8 of shape (height, width, 3).
        whole: As in `Preparation.window`.
        report: Called with "5 of 24" between the windows of an image.

    Raises:
        BackboneError: If the image is too small.
        UsageError: If one forward pass of it needs more memory than there is.
    """
    size = image.shape[:2]
    resized, window = how.resized(*size), how.window(*size, whole)
    shown = image if resized == size else resize_image(image, *resized)
    try:
        labels = prediction(model, shown, window, lambda _, windows: report(windows))
    except RuntimeError as error:
        if window is not None or not out_of_memory(error):
            raise
        raise UsageError(
            f"An image of {size[1]} x {size[0]} pixels needs more memory than there is. Leave --whole out, so that it "
            "is predicted in windows, or save it smaller."
        ) from error
    return labels if resized == size else resize_labels(labels, *size)
