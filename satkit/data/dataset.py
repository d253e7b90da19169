"""The contract of a data set: images and label maps as uint8, the classes in each image, and a fingerprint.

Label maps hold the complete annotation in the labels of the data set. The scenario decides which images a step uses and
which of their labels are shown.
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
        domains: The domain of each image, e.g. its city, for data sets that have domains; else empty.
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
        domains: All domains in the order of learning; empty for data without domains.
    """

    name: str
    class_names: tuple[str, ...]
    train: Split
    test: Split
    fingerprint: str
    domains: tuple[str, ...] = ()

    @cached_property
    def pool(self) -> Split:
        """All images, those of `train` first: in the settings by domain they are divided again."""
        both = (self.train, self.test)
        images, labels = ([array for split in both for array in getattr(split, kind)] for kind in ("images", "labels"))
        present = np.concatenate([split.present for split in both])
        names, domains = (
            tuple(item for split in both for item in getattr(split, kind)) for kind in ("names", "domains")
        )
        return Split(images, labels, present, names, domains)
