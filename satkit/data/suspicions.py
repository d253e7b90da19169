"""What is probably not meant in data that can be read: names, values and masks that say one thing and count as another.

Nothing here is an error. A value can be the right one and look wrong, so each finding is a sentence with what to do.
"""

import numpy as np

from satkit.data.dataset import Split
from satkit.data.datasets.class_list import sounds_like_none
from satkit.data.labels import IGNORE

MANY = 12  # classes; from here on rare ones may come from masks that were resized
RARE = 0.001  # share of the pixels
APART = 20  # the least distance of mask values that are greys made visible


def count_pixels(split: Split) -> np.ndarray:
    """Number of pixels of every label, int64 (256,)."""
    return sum((np.bincount(labels.ravel(), minlength=256) for labels in split.labels), np.zeros(256, dtype=np.int64))


def suspicions(names: tuple[str, ...], values: dict[int, int], split: Split, pixels: np.ndarray) -> list[str]:
    """Sentences about classes that are probably read otherwise than meant.

    Args:
        names: Of the classes by label, background first.
        values: In the masks, by label, of the labels that have one.
        split: All images.
        pixels: Number of pixels of every label, int64 (256,).
    """
    found = [
        f"The class {name!r} has a name that says it is none. If it is background, call it background; if it is to be "
        "ignored, call it ignore."
        for name in names[1:]
        if sounds_like_none(name)
    ]
    zero = next((label for label, value in values.items() if value == 0), 0)
    if zero and split.present[:, zero].all():
        found.append(
            f"Value 0 is in every image and counts as the class {names[zero]!r}. If it is background, call it "
            "background."
        )
    rare = int(((pixels[1 : len(names)] > 0) & (pixels[1 : len(names)] < RARE * pixels.sum())).sum())
    if len(names) > MANY and rare > len(names) // 2:
        found.append(
            f"{rare} of {len(names) - 1} classes have less than {100 * RARE:g} % of the pixels each. If you know fewer "
            "classes, the masks were resized with interpolation: make them again with the nearest neighbour."
        )
    every = sorted(values.values())
    if len(every) > 2 and np.diff(every).min() >= APART and pixels[IGNORE]:
        found.append(
            f"The values {', '.join(map(str, every))} and 255 lie far apart, as if greys had been made visible, and "
            "255 is ignored. If it is a class, save the masks with the values 0, 1, 2, ..."
        )
    return found
