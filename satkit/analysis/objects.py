"""What models make of single objects of an image whose objects are known, such as those of a drawn scene.

An object is named and counted as in scores: pixels that are IGNORE belong to none. Its relation is that of the region
of its class, as the loss of SATS pools it, so two objects of one class share it.
"""

from dataclasses import dataclass

import numpy as np
import torch

from satkit.analysis.attention import Look, labels_of_queries, relation_matrix
from satkit.analysis.images import run_on_image
from satkit.data.labels import BACKGROUND, IGNORE
from satkit.models import AttentionTap, Segmenter


@dataclass(frozen=True)
class CloseLook(Look):
    """A `Look` with more of what the model says.

    Attributes:
        probability: Of the most likely class of every pixel, float32 (height, width).
        outputs: Number of classes that the model knows, with background.
    """

    probability: np.ndarray
    outputs: int


@dataclass(frozen=True)
class ObjectAnswer:
    """What a model makes of an object.

    Attributes:
        called: Class index that most of its visible pixels are called.
        share: Part of its visible pixels that are called so.
        probability: Mean probability of these pixels.
        iou: Pixels of the object that are called its class, as a part of these, of its other pixels, and of those
            around it that are called its class too: connected with it, and on no other object of the class.
    """

    called: int
    share: float
    probability: float
    iou: float


@torch.no_grad()
def look_closely(model: Segmenter, image: np.ndarray) -> CloseLook:
    """Run a model on an image, uint8 (height, width, 3), with its attention tapped and its probabilities kept.

    Raises:
        BackboneError: As `look`.
    """
    output = run_on_image(model, image, lambda images: model.eval()(images, attention=True))
    probability = output.logits[0].softmax(dim=0).amax(dim=0)
    classes = output.classes()[0].to(torch.uint8).cpu().numpy()
    return CloseLook(output.attention, classes, probability.cpu().numpy(), output.logits.shape[1])


def object_answer(seen: CloseLook, labels: np.ndarray, mine: np.ndarray) -> ObjectAnswer | None:
    """What a model makes of an object, None where no pixel of it can be seen.

    Args:
        labels: Ground truth, uint8 (height, width), in class indices.
        mine: The visible pixels of the object, bool (height, width).
    """
    if not mine.any():
        return None
    called = int(np.bincount(seen.prediction[mine], minlength=256).argmax())
    agreed = mine & (seen.prediction == called)
    label = labels[mine][0]
    named = (seen.prediction == label) & (mine | (labels != label))  # pixels on other objects of the class are theirs
    found = _connected(named, named & mine) & (labels != IGNORE)
    iou = (found & mine).sum() / (found | mine).sum()
    return ObjectAnswer(called, float(agreed.sum() / mine.sum()), float(seen.probability[agreed].mean()), float(iou))


def relations_by_class(tap: AttentionTap, labels: np.ndarray) -> dict[int, dict[int, float]]:
    """How much of the attention of each class's region falls on each class: parts of 1, the largest first.

    Classes are those in the image, background among them; a class without a query at this stage is left out. What
    falls on IGNORE is left out, so the parts may sum to less than 1.
    """
    regions = [each for each in np.unique(labels_of_queries(tap, labels)).tolist() if each != IGNORE]
    columns = (BACKGROUND, *regions)  # that of background may come twice, with the same values
    rows = [dict(zip(columns, map(float, row), strict=True)) for row in relation_matrix(tap, labels, regions)]
    ordered = [dict(sorted(row.items(), key=lambda item: -item[1])) for row in rows]
    return dict(zip(regions, ordered, strict=True))


def _connected(mask: np.ndarray, start: np.ndarray) -> np.ndarray:
    """The pixels of a mask that are connected with those of `start`, which lie in it."""
    while True:
        padded = np.pad(start, 1)
        grown = padded[2:, 1:-1] | padded[:-2, 1:-1] | padded[1:-1, 2:] | padded[1:-1, :-2] | start
        grown &= mask
        if np.array_equal(grown, start):
            return start
        start = grown
