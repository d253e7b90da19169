"""The embedded data set: scenes drawn from a seed, without a download.

Each image shows one to four objects on smooth coloured noise. A class is a shape and a fill: ten shapes,
plain (labels 1 .. 10) or striped in two complementary colours (labels 11 .. 20). Colour, position, size and
rotation are random and independent of the class; later objects cover parts of earlier ones. As in VOC, a
border one pixel wide around each object is IGNORE. Twenty classes and background are as many as VOC has, so
that every VOC task runs unchanged.

Image `i` of a split depends only on the seed, the split and `i`: a smaller data set is the beginning of a larger
one, and another size shows the same objects at another resolution (a few of them in another colour). Only uniform
numbers are drawn and only elementary float64 arithmetic is used, so that every machine draws the same pixels.
"""

import hashlib
import math
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np

from satkit.data.dataset import SegmentationData, Split
from satkit.data.labels import BACKGROUND, IGNORE, presence
from satkit.data.reading.check import content_hash
from satkit.data.reading.store import cache_folder
from satkit.utils.errors import UsageError
from satkit.utils.files import replacing

VERSION = 1  # of the drawing; part of the names of cache files
SPLITS = ("train", "test")
MOST_OBJECTS = 4
RADIUS = (0.14, 0.30)  # of an object, as a part of the image's side
CENTRE = (0.15, 0.85)
STRIPE_PERIOD = 0.5  # in radii
SMALLEST_SIZE = 32
HASH_LENGTH = 64


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


# Distance to the outline in radii, negative inside; of flower, diamond and ellipse only near the outline.
SHAPES: dict[str, Callable[[np.ndarray, np.ndarray], np.ndarray]] = {
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
CLASS_NAMES = ("background", *SHAPES, *(f"striped {shape}" for shape in SHAPES))


def load(
    root: str | Path = "",
    *,
    size: int = 96,
    train_images: int = 2000,
    test_images: int = 400,
    seed: int = 0,
) -> SegmentationData:
    """The scenes: drawn on first use, then stored in `cache_folder()`.

    Args:
        root: Must be empty; the scenes have no folder.
        size: Side of the square images in pixels, at least 32.
        train_images: Number of training images.
        test_images: Number of test images.
        seed: Another seed draws other scenes of the same classes.

    Raises:
        UsageError: For a root, or a size, count or seed out of range.
    """
    if str(root):
        raise UsageError(f"The scenes are drawn and need no folder, got root {str(root)!r}. Leave the root empty.")
    asked = {"size": size, "train_images": train_images, "test_images": test_images, "seed": seed}
    lowest = {"size": SMALLEST_SIZE, "train_images": 1, "test_images": 1, "seed": 0}
    for name, value in asked.items():
        if not isinstance(value, int | np.integer) or value < lowest[name]:
            raise UsageError(f"{name} of the scenes must be a whole number from {lowest[name]}, got {value!r}.")

    file = cache_folder() / cache_name(size, train_images, test_images, seed)
    arrays = _read(file, size, (train_images, test_images))
    if arrays is None:
        arrays = [
            *draw_split("train", train_images, size, seed),
            *draw_split("test", test_images, size, seed),
        ]
        _write(file, arrays)
    train, test = _split("train", *arrays[:2]), _split("test", *arrays[2:])
    return SegmentationData("scenes", CLASS_NAMES, train, test, content_hash(arrays))


def draw_split(split: str, count: int, size: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Images, uint8 (image, size, size, 3), and labels, uint8 (image, size, size), of the first scenes."""
    images = np.empty((count, size, size, 3), dtype=np.uint8)
    labels = np.empty((count, size, size), dtype=np.uint8)
    for index in range(count):
        images[index], labels[index] = draw_scene(split, index, size, seed)
    return images, labels


def draw_scene(split: str, index: int, size: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """One scene: its image, uint8 (size, size, 3), and its labels, uint8 (size, size)."""
    random = np.random.Generator(np.random.PCG64([seed, SPLITS.index(split), index]))
    canvas = _background(random, size)
    labels = np.full((size, size), BACKGROUND, dtype=np.uint8)
    taken: list[tuple[float, float, float]] = []
    for _ in range(1 + int(MOST_OBJECTS * random.random())):
        label = 1 + int((len(CLASS_NAMES) - 1) * random.random())
        taken.append(_free_position(random, taken))
        draw_object(canvas, labels, label, taken[-1], random)
    return np.rint(255.0 * canvas.transpose(1, 2, 0)).astype(np.uint8), labels


def _background(random: np.random.Generator, size: int) -> np.ndarray:
    """Smooth coloured noise in [0, 1], (channel, size, size): a colour and two interpolated lattices."""
    canvas = np.empty((3, size, size))
    canvas[:] = (0.25 + 0.5 * random.random(3))[:, None, None]
    for cells, amplitude in ((4, 0.5), (10, 0.2)):
        lattice = amplitude * (random.random((3, cells + 1, cells + 1)) - 0.5)
        position = (np.arange(size) + 0.5) * cells / size
        first = position.astype(int)
        weight = position - first
        weight = weight * weight * (3.0 - 2.0 * weight)
        rows = lattice[:, first] * (1.0 - weight[:, None]) + lattice[:, first + 1] * weight[:, None]
        canvas += rows[:, :, first] * (1.0 - weight) + rows[:, :, first + 1] * weight
    return np.clip(canvas, 0.0, 1.0)


def _free_position(random: np.random.Generator, taken: list[tuple[float, float, float]]) -> tuple[float, float, float]:
    """Row, column and radius of an object, in parts of the side: of four positions the one that covers least."""
    radius = RADIUS[0] + (RADIUS[1] - RADIUS[0]) * random.random()
    candidates = CENTRE[0] + (CENTRE[1] - CENTRE[0]) * random.random((4, 2))

    def space(row: float, column: float) -> float:
        return min((math.hypot(row - y, column - x) - r for y, x, r in taken), default=0.0)

    row, column = max(candidates.tolist(), key=lambda candidate: space(*candidate))
    return row, column, radius


def draw_object(canvas, labels, label, position, random) -> None:
    """Draw an object over image and labels: its edge mixed over one pixel, the pixels around it IGNORE."""
    size = labels.shape[0]
    row, column, radius = (size * part for part in position)
    turn, stripe_turn, stripe_shift = random.random(3)
    colour = _colour(random, canvas[:, int(row), int(column)])

    reach = 1.3 * radius + 2.0  # no shape is longer; 2 pixels for edge and border
    top, left = max(0, int(row - reach)), max(0, int(column - reach))
    bottom, right = min(size, int(row + reach) + 1), min(size, int(column + reach) + 1)
    down = (np.arange(top, bottom) + 0.5 - row)[:, None]
    along = (np.arange(left, right) + 0.5 - column)[None, :]

    cosine, sine = math.cos(2.0 * math.pi * turn), math.sin(2.0 * math.pi * turn)
    x, y = (cosine * along + sine * down) / radius, (cosine * down - sine * along) / radius
    shape = list(SHAPES.values())[(label - 1) % len(SHAPES)]
    distance = radius * shape(x, y)
    cover = np.clip(0.5 - distance, 0.0, 1.0)

    paint = np.broadcast_to(colour[:, None, None], (3, *cover.shape))
    if label > len(SHAPES):
        period = max(4.0, STRIPE_PERIOD * radius)
        cosine, sine = math.cos(math.pi * stripe_turn), math.sin(math.pi * stripe_turn)
        phase = (cosine * along + sine * down) / period + stripe_shift
        edge = period * (np.abs(phase - np.floor(phase) - 0.5) - 0.25)
        paint = paint + np.clip(0.5 + edge, 0.0, 1.0) * (1.0 - 2.0 * colour)[:, None, None]

    part = canvas[:, top:bottom, left:right]
    part += cover * (paint - part)
    inside = distance <= 0.0
    shown = labels[top:bottom, left:right]
    shown[_grow(inside)] = IGNORE
    shown[inside] = label


def _colour(random: np.random.Generator, under: np.ndarray) -> np.ndarray:
    """A random colour far from its complement: of four the one that differs most from the colour below it."""
    draws = 2.0 * random.random((4, 3)) - 1.0
    colours = 0.5 + np.where(draws < 0.0, draws * 0.3 - 0.2, draws * 0.3 + 0.2)
    differences = [sum((c - u) ** 2 for c, u in zip(colour, under, strict=True)) for colour in colours]
    return colours[int(np.argmax(differences))]


def _grow(inside: np.ndarray) -> np.ndarray:
    """The pixels of a region and those beside, above and below them."""
    grown = inside.copy()
    grown[1:] |= inside[:-1]
    grown[:-1] |= inside[1:]
    grown[:, 1:] |= inside[:, :-1]
    grown[:, :-1] |= inside[:, 1:]
    return grown


def cache_name(size: int, train_images: int, test_images: int, seed: int) -> str:
    """Name of the cache file: a hash of everything that decides its content."""
    text = f"scenes version {VERSION} size {size} train {train_images} test {test_images} seed {seed}"
    return f"scenes-{hashlib.sha256(text.encode()).hexdigest()[:16]}.bin"


# A cache file holds the hash of the arrays, then their values; the values are used only if the hash is right.
def _read(file: Path, size: int, counts: tuple[int, int]) -> list[np.ndarray] | None:
    try:
        stored = np.fromfile(file, dtype=np.uint8)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        warnings.warn(f"The scenes stored in {file} cannot be read ({error}); drawing them again.", stacklevel=3)
        return None
    shapes = [shape for count in counts for shape in ((count, size, size, 3), (count, size, size))]
    ends = HASH_LENGTH + np.cumsum([math.prod(shape) for shape in shapes])
    if len(stored) == ends[-1]:
        expected, *parts = np.split(stored, [HASH_LENGTH, *ends[:-1]])
        arrays = [part.reshape(shape) for part, shape in zip(parts, shapes, strict=True)]
        if content_hash(arrays).encode() == expected.tobytes():
            return arrays
    warnings.warn(f"The scenes stored in {file} are damaged; drawing them again.", stacklevel=3)
    return None


def _write(file: Path, arrays: list[np.ndarray]) -> None:
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        with replacing(file) as temporary, temporary.open("wb") as stream:
            stream.write(content_hash(arrays).encode())
            for array in arrays:
                stream.write(array.data)
    except OSError as error:
        warnings.warn(
            f"The scenes could not be stored in {file.parent} ({error}) and will be drawn again next time. "
            "Set SATKIT_CACHE to a folder that can be written.",
            stacklevel=3,
        )


def _split(name: str, images: np.ndarray, labels: np.ndarray) -> Split:
    names = tuple(f"{name}-{index:04d}" for index in range(len(images)))
    return Split(images, labels, presence(labels, len(CLASS_NAMES) - 1), names)
