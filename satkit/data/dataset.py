"""What every data set gives: images and label maps as uint8, the classes present in each, and a fingerprint.

The contract holds whole annotations in the labels of the data set. Which images a step may use, and which of their
labels an annotator shows, is decided later, by the scenario.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np


@dataclass(frozen=True)
class Split:
    """Images with their label maps.

    Attributes:
        images: `images[i]` is uint8 of shape (height, width, 3); an array when all sizes agree.
        labels: `labels[i]` is uint8 of shape (height, width): 0 background, 1 .. N classes, IGNORE.
        present: Bool of shape (image, N + 1): which label occurs in which image.
        names: A name for each image, for messages and figures.
        domains: Where each image was taken, for data sets that are learnt place by place; else empty.
    """

    images: Sequence[np.ndarray]
    labels: Sequence[np.ndarray]
    present: np.ndarray
    names: tuple[str, ...]
    domains: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.names)


@dataclass(frozen=True)
class SegmentationData:
    """A data set.

    Attributes:
        name: The name it is chosen by.
        class_names: By label; `class_names[0]` is "background".
        train: Images to learn from.
        test: Images that scores are computed on, never learnt from.
        fingerprint: A hash of what is in it, recorded with every run.
        domains: Places where images were taken, in the order of learning; empty where that is unknown.
    """

    name: str
    class_names: tuple[str, ...]
    train: Split
    test: Split
    fingerprint: str
    domains: tuple[str, ...] = ()

    @cached_property
    def pool(self) -> Split:
        """All images, those of `train` first: what is divided anew where places arrive step by step."""
        both = (self.train, self.test)
        images, labels = ([array for split in both for array in getattr(split, kind)] for kind in ("images", "labels"))
        present = np.concatenate([split.present for split in both])
        names, domains = (
            tuple(item for split in both for item in getattr(split, kind)) for kind in ("names", "domains")
        )
        return Split(images, labels, present, names, domains)
