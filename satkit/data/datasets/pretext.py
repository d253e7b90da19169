"""The pretext: scenes of other classes, on which the backbones of the embedded data are pretrained.

As a backbone from ImageNet has seen objects before it meets VOC, a backbone from the pretext has seen objects before
it meets the scenes, but none of their classes: eighteen other shapes in six fills, 108 classes. The pretext is richer
than the scenes: two to seven objects that cover each other, small and large, on backgrounds of finer noise, half of
which have a texture. As in the scenes colour, position, size and rotation are independent of the class.

Image `i` of a split depends only on the seed, the split and `i`.
"""

import math
from pathlib import Path

import numpy as np

from satkit.data.dataset import SegmentationData
from satkit.data.datasets.drawing import (
    Fill,
    Placing,
    Shape,
    background,
    draw_pose,
    paint_object,
    plain,
    stripe_period,
    to_pixels,
    turned,
    wave,
)
from satkit.data.datasets.drawn import SPLITS, DrawnData
from satkit.data.labels import BACKGROUND

VERSION = 1  # of the drawing; part of the names of cache files
FEWEST_OBJECTS, MOST_OBJECTS = 2, 7
PLACING = Placing(radius=(0.10, 0.36), centre=(0.08, 0.92), tries=2)
LAYERS = ((3, 0.45), (8, 0.3), (20, 0.2))
TEXTURE = 0.16  # amplitude of the texture of a background
STREAM = 2  # keeps its random numbers apart from those of the scenes


def polygon(*corners: tuple[float, float]) -> Shape:
    """The signed distance to a closed polygon, negative inside; corners are x and y in radii, in order."""
    points = np.array(corners)

    def distance(x, y):
        x, y = np.broadcast_arrays(x, y)
        nearest = np.full(x.shape, np.inf)
        inside = np.zeros(x.shape, dtype=bool)
        for (ax, ay), (bx, by) in zip(points, np.roll(points, -1, axis=0), strict=True):
            across, up = bx - ax, by - ay
            share = np.clip(((x - ax) * across + (y - ay) * up) / (across * across + up * up), 0.0, 1.0)
            dx, dy = x - ax - share * across, y - ay - share * up
            nearest = np.minimum(nearest, dx * dx + dy * dy)
            if up != 0.0:
                crossed = (ay > y) != (by > y)
                inside ^= crossed & (x < across * (y - ay) / up + ax)
        return np.where(inside, -1.0, 1.0) * np.sqrt(nearest)

    return distance


def _corners(count: int, *radii: float) -> list[tuple[float, float]]:
    """Corners on circles around the centre, the radii in turn."""
    angles = [2.0 * math.pi * corner / count for corner in range(count)]
    return [
        (radii[n % len(radii)] * math.sin(angle), radii[n % len(radii)] * math.cos(angle))
        for n, angle in enumerate(angles)
    ]


_HEART_TIP = polygon((0.0, -0.98), (0.86, 0.0), (0.46, 0.5), (-0.46, 0.5), (-0.86, 0.0))


def _half_disc(x, y):
    return np.maximum(np.sqrt(x * x + (y + 0.4) * (y + 0.4)) - 1.05, -y - 0.4)


def _frame(x, y):
    return np.abs(np.maximum(np.abs(x), np.abs(y)) - 0.68) - 0.19


def _wave(x, y):
    return np.maximum((np.abs(y - 0.4 * np.sin(math.pi * x)) - 0.28) * 0.72, np.abs(x) - 1.1)


def _heart(x, y):
    lobes = np.sqrt((np.abs(x) - 0.46) ** 2 + (y - 0.36) ** 2) - 0.54
    return np.minimum(lobes, _HEART_TIP(x, y))


def _two_discs(x, y):
    return np.sqrt((np.abs(x) - 0.62) ** 2 + y * y) - 0.5


def _gear(x, y):
    radius = np.sqrt(x * x + y * y)
    cosine = x / np.maximum(radius, 1e-9)
    four = 2.0 * (2.0 * cosine * cosine - 1.0) ** 2 - 1.0  # cos(4 angle)
    teeth = 2.0 * four * four - 1.0  # cos(8 angle)
    return np.maximum(radius - 0.82 - 0.16 * np.clip(3.0 * teeth, -1.0, 1.0), 0.3 - radius)


def _drop(x, y):
    round_end = np.sqrt(x * x + (y + 0.3) * (y + 0.3)) - 0.62
    side = 0.87 * np.abs(x) + 0.49 * y - 0.472
    return np.minimum(round_end, np.maximum(side, -y - 0.002))


def _three_leaves(x, y):
    places = ((0.0, 1.0), (0.866, -0.5), (-0.866, -0.5))
    return np.minimum.reduce([np.sqrt((x - 0.52 * c) ** 2 + (y - 0.52 * s) ** 2) - 0.48 for c, s in places])


SHAPES: dict[str, Shape] = {
    "pentagon": polygon(*_corners(5, 0.98)),
    "star": polygon(*_corners(12, 1.12, 0.5)),
    "half disc": _half_disc,
    "L": polygon((-0.65, 0.95), (-0.65, -0.95), (0.75, -0.95), (0.75, -0.4), (-0.1, -0.4), (-0.1, 0.95)),
    "T": polygon(
        (-0.9, 0.85), (-0.9, 0.35), (-0.26, 0.35), (-0.26, -0.95), (0.26, -0.95), (0.26, 0.35), (0.9, 0.35), (0.9, 0.85)
    ),
    "chevron": polygon((-0.95, -0.75), (0.0, 0.1), (0.95, -0.75), (0.95, -0.05), (0.0, 0.85), (-0.95, -0.05)),
    "frame": _frame,
    "wave": _wave,
    "heart": _heart,
    "trapezium": polygon((-1.05, -0.55), (1.05, -0.55), (0.5, 0.55), (-0.5, 0.55)),
    "two discs": _two_discs,
    "gear": _gear,
    "Z": polygon(
        (-0.8, 0.9),
        (-0.8, 0.45),
        (0.1, 0.45),
        (-0.8, -0.5),
        (-0.8, -0.9),
        (0.8, -0.9),
        (0.8, -0.45),
        (-0.1, -0.45),
        (0.8, 0.5),
        (0.8, 0.9),
    ),
    "arrow": polygon((1.15, 0.0), (0.35, 0.8), (0.35, 0.3), (-1.0, 0.3), (-1.0, -0.3), (0.35, -0.3), (0.35, -0.8)),
    "U": polygon(
        (-0.85, 0.85),
        (-0.85, -0.85),
        (0.85, -0.85),
        (0.85, 0.85),
        (0.4, 0.85),
        (0.4, -0.35),
        (-0.4, -0.35),
        (-0.4, 0.85),
    ),
    "H": polygon(
        (-0.85, 0.85),
        (-0.85, -0.85),
        (-0.4, -0.85),
        (-0.4, -0.22),
        (0.4, -0.22),
        (0.4, -0.85),
        (0.85, -0.85),
        (0.85, 0.85),
        (0.4, 0.85),
        (0.4, 0.22),
        (-0.4, 0.22),
        (-0.4, 0.85),
    ),
    "drop": _drop,
    "three leaves": _three_leaves,
}


def _checked(u, v, radius: float, shift: float) -> np.ndarray:
    period = 1.4 * stripe_period(radius)
    first, second = wave(u / period + shift, period), wave(v / period + shift, period)
    return first + second - 2.0 * first * second


def _dotted(u, v, radius: float, shift: float) -> np.ndarray:
    period = stripe_period(radius)
    u, v = u / period + shift, v / period + shift
    u, v = u - np.floor(u) - 0.5, v - np.floor(v) - 0.5
    return np.clip(0.5 + period * (0.33 - np.sqrt(u * u + v * v)), 0.0, 1.0)


def _graded(u, v, radius: float, shift: float) -> np.ndarray:
    return np.clip(0.5 + 0.6 * u / radius, 0.0, 1.0)


def _ringed(u, v, radius: float, shift: float) -> np.ndarray:
    period = stripe_period(radius)
    return wave(np.sqrt(u * u + v * v) / period + shift, period)


def _netted(u, v, radius: float, shift: float) -> np.ndarray:
    period = 1.2 * stripe_period(radius)
    u, v = u / period + shift, v / period + shift
    line = np.minimum(np.abs(u - np.floor(u) - 0.5), np.abs(v - np.floor(v) - 0.5))
    return np.clip(0.5 + period * (0.14 - line), 0.0, 1.0)


FILLS: dict[str, Fill] = {
    "plain": plain,
    "checked": _checked,
    "dotted": _dotted,
    "graded": _graded,
    "ringed": _ringed,
    "netted": _netted,
}
TEXTURES = (_checked, _dotted, _ringed, _netted)  # of backgrounds
LOOKS = [(shape, fill) for fill in FILLS.values() for shape in SHAPES.values()]  # by label - 1
CLASS_NAMES = ("background", *(f"{fill} {shape}" for fill in FILLS for shape in SHAPES))


def load(
    root: str | Path = "", *, size: int = 64, train_images: int = 16000, test_images: int = 500, seed: int = 0
) -> SegmentationData:
    """The pretext: drawn on first use, then stored in `cache_folder()`.

    Args:
        root: Must be empty; the pretext has no folder.
        size: Side of the square images in pixels, at least 32.
        train_images: Number of training images.
        test_images: Number of test images.
        seed: Another seed draws other images of the same classes.

    Raises:
        UsageError: For a root, or a size, count or seed out of range.
    """
    return DrawnData("pretext", CLASS_NAMES, draw_pretext, str(VERSION)).load(
        root, size, train_images, test_images, seed
    )


def draw_pretext(split: str, index: int, size: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """One image of the pretext, uint8 (size, size, 3), and its labels, uint8 (size, size)."""
    random = np.random.Generator(np.random.PCG64([seed, STREAM + SPLITS.index(split), index]))
    canvas = _textured(random, background(random, size, LAYERS))
    labels = np.full((size, size), BACKGROUND, dtype=np.uint8)
    taken: list[tuple[float, float, float]] = []
    for _ in range(FEWEST_OBJECTS + int((MOST_OBJECTS - FEWEST_OBJECTS + 1) * random.random())):
        label = 1 + int(len(LOOKS) * random.random())
        taken.append(PLACING(random, taken))
        paint_object(canvas, labels, label, LOOKS[label - 1], draw_pose(canvas, taken[-1], random))
    return to_pixels(canvas), labels


def _textured(random: np.random.Generator, canvas: np.ndarray) -> np.ndarray:
    """A background with a weak pattern over all of it, or, in half of the images, as it is."""
    chosen, turn, shift, coarse, *colour = random.random(7)
    number = int(2 * len(TEXTURES) * chosen)
    if number >= len(TEXTURES):
        return canvas
    size = canvas.shape[-1]
    pixel = np.arange(size) + 0.5
    u, v = turned(pixel[None, :], pixel[:, None], math.pi * turn)
    pattern = TEXTURES[number](u, v, (0.15 + 0.35 * coarse) * size, shift)
    change = TEXTURE * (2.0 * np.array(colour) - 1.0)
    return np.clip(canvas + pattern * change[:, None, None], 0.0, 1.0)
