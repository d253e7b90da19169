"""The embedded data set: scenes drawn from a seed, without a download.

Each image shows one to four objects on smooth coloured noise. A class is a shape and a fill: ten shapes,
plain (labels 1 .. 10) or striped in two complementary colours (labels 11 .. 20). Colour, position, size and
rotation are random and independent of the class; later objects cover parts of earlier ones. As in VOC, a
border one pixel wide around each object is IGNORE. Twenty classes and background are as many as VOC has, so
that every VOC task runs unchanged.

The first object decides the main class of an image; each further object is of it with the probability `habitat`,
else of any class. With a high one old classes rarely come back in the images of later steps, as in VOC. At 0 all
classes mix freely.

Image `i` of a split depends only on the seed, the habitat, the split and `i`: a smaller data set is the beginning of
a larger one, and another size shows the same objects at another resolution. Another habitat shows as many objects in
the same places, of other classes. Both show a few objects in another colour, because an object's colour is chosen to
differ from what lies below it.
"""

import math
from numbers import Real
from pathlib import Path

import numpy as np

from satkit.data.dataset import SegmentationData
from satkit.data.datasets.drawing import (
    Placing,
    Pose,
    Shape,
    background,
    draw_pose,
    paint_object,
    plain,
    striped,
    to_pixels,
)
from satkit.data.datasets.drawn import SPLITS, DrawnData
from satkit.data.labels import BACKGROUND
from satkit.utils.errors import UsageError

VERSION = 1  # of the drawing; part of the names of cache files
MOST_OBJECTS = 4
HABITAT = 0.75  # about as in VOC: classes an image, and share of a step's images that show an old class
PLACING = Placing(radius=(0.14, 0.30), centre=(0.15, 0.85), tries=4)


def _disc(x, y):
    return np.sqrt(x * x + y * y) - 0.92


def _ring(x, y):
    return np.abs(np.sqrt(x * x + y * y) - 0.76) - 0.24


def _square(x, y):
    return np.maximum(np.abs(x), np.abs(y)) - 0.8


def _triangle(x, y):
    slanted = 0.5 * math.sqrt(3) * np.abs(x) - 0.5 * y
    return np.maximum(slanted, y) - 0.58


def _cross(x, y):
    x, y = np.abs(x), np.abs(y)
    return np.minimum(np.maximum(x - 1.0, y - 0.3), np.maximum(x - 0.3, y - 1.0))


def _flower(x, y):
    radius = np.sqrt(x * x + y * y)
    cosine = x / np.maximum(radius, 1e-9)
    square = cosine * cosine
    five_petals = cosine * (5.0 - 20.0 * square + 16.0 * square * square)  # cos(5 angle)
    return radius - 0.72 - 0.3 * five_petals


def _crescent(x, y):
    bite = np.sqrt((x - 0.55) * (x - 0.55) + y * y)
    return np.maximum(np.sqrt(x * x + y * y) - 1.0, 0.78 - bite)


def _diamond(x, y):
    return (np.abs(x) / 1.12 + np.abs(y) / 0.62 - 1.0) * 0.54


def _bar(x, y):
    return np.maximum(np.abs(x) - 1.1, np.abs(y) - 0.27)


def _ellipse(x, y):
    x, y = x / 1.1, y / 0.6
    return (np.sqrt(x * x + y * y) - 1.0) * 0.7


SHAPES: dict[str, Shape] = {
    "disc": _disc,
    "ring": _ring,
    "square": _square,
    "triangle": _triangle,
    "cross": _cross,
    "flower": _flower,
    "crescent": _crescent,
    "diamond": _diamond,
    "bar": _bar,
    "ellipse": _ellipse,
}
FILLS = {"plain": plain, "striped": striped}
LOOKS = [(shape, fill) for fill in FILLS.values() for shape in SHAPES.values()]  # by label - 1
CLASS_NAMES = ("background", *SHAPES, *(f"striped {shape}" for shape in SHAPES))


def load(
    root: str | Path = "",
    *,
    size: int = 96,
    train_images: int = 2000,
    test_images: int = 400,
    seed: int = 0,
    habitat: float = HABITAT,
) -> SegmentationData:
    """The scenes: drawn on first use, then stored in `cache_folder()`.

    Args:
        root: Must be empty; the scenes have no folder.
        size: Side of the square images in pixels, at least 32.
        train_images: Number of training images.
        test_images: Number of test images.
        seed: Another seed draws other scenes of the same classes.
        habitat: Probability, 0 to 1, that a further object of an image is of the class of the first.

    Raises:
        UsageError: For a root, or a size, count, seed or habitat out of range.
    """
    return drawn(habitat).load(root, size, train_images, test_images, seed)


def drawn(habitat: float = HABITAT) -> DrawnData:
    """The scenes of a habitat, to be drawn."""
    if isinstance(habitat, bool) or not isinstance(habitat, Real) or not 0 <= habitat <= 1:
        raise UsageError(
            f"habitat of the scenes must be a number between 0 and 1, got {habitat!r}: take 0 to mix all classes, "
            f"1 for one class an image, or leave it out for {HABITAT}."
        )

    def draw(split: str, index: int, size: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
        return draw_scene(split, index, size, seed, habitat)

    return DrawnData("scenes", CLASS_NAMES, draw, f"{VERSION} habitat {float(habitat)!r}")


def draw_scene(split: str, index: int, size: int, seed: int, habitat: float = HABITAT) -> tuple[np.ndarray, np.ndarray]:
    """One scene: its image, uint8 (size, size, 3), and its labels, uint8 (size, size)."""
    canvas, labels, _ = drawn_objects(split, index, size, seed, habitat)
    return to_pixels(canvas), labels


def drawn_objects(
    split: str, index: int, size: int, seed: int, habitat: float = HABITAT
) -> tuple[np.ndarray, np.ndarray, list[tuple[int, Pose]]]:
    """The canvas and the labels of a scene, and label and pose of each object, from the back to the front."""
    number = SPLITS.index(split)
    random = np.random.Generator(np.random.PCG64([seed, number, index]))
    again = np.random.Generator(np.random.PCG64([seed, number, index, 1])).random(MOST_OBJECTS) < habitat
    canvas = background(random, size)
    labels = np.full((size, size), BACKGROUND, dtype=np.uint8)
    taken: list[tuple[float, float, float]] = []
    main, objects = 0, []
    for each in range(1 + int(MOST_OBJECTS * random.random())):
        label = 1 + int(len(LOOKS) * random.random())
        main = main or label
        taken.append(PLACING(random, taken))
        shown = main if again[each] else label
        objects.append((shown, draw_object(canvas, labels, shown, taken[-1], random)))
    return canvas, labels, objects


def draw_object(canvas, labels, label: int, position, random) -> Pose:
    """Draw an object of a class over image and labels, at row, column and radius; gives its pose."""
    pose = draw_pose(canvas, position, random)
    paint_object(canvas, labels, label, LOOKS[label - 1], pose)
    return pose
