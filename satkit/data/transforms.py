"""Augmentation of an image together with its labels, and the centre crop for tests.

All classes map an image, uint8 (height, width, 3), and its labels, uint8 (height, width), to a square crop of both.
Those for training draw only uniform numbers from the generator that is passed in, so the result is a function of
image, labels and generator. Images are resampled bilinearly with antialiasing, labels take the value at the centre of
the new pixel, so labels are never mixed. Colours stay as they are, as in the published methods; only
`TurnAndRecolour`, which is for the pretext, exchanges them.
"""

import math
from dataclasses import dataclass

import numpy as np
from PIL import Image

from satkit.data.labels import IGNORE
from satkit.utils.errors import UsageError

PADDING = (124, 116, 104)  # around images smaller than the crop: the ImageNet mean, which is normalised to 0


@dataclass(frozen=True)
class SimpleAugment:
    """Random scale, random square crop, random horizontal flip.

    A scaled image that is smaller than the crop has a random position in it; the rest is IGNORE.

    Attributes:
        size: Side of the crop in pixels.
        scale: Lowest and highest factor of height and width, drawn uniformly.
        flip: Whether crops are flipped horizontally with probability 1/2.
    """

    size: int
    scale: tuple[float, float] = (1.0, 1.0)
    flip: bool = True

    def __post_init__(self):
        _check_size(self.size)
        object.__setattr__(self, "scale", _range("scale", self.scale))

    def __call__(
        self, image: np.ndarray, labels: np.ndarray, random: np.random.Generator
    ) -> tuple[np.ndarray, np.ndarray]:
        """The augmented crop; a view of the input if nothing had to change."""
        zoom, down, along, mirror = random.random(4).tolist()
        factor = self.scale[0] + (self.scale[1] - self.scale[0]) * zoom
        height, width = (max(1, round(factor * side)) for side in labels.shape)
        image, labels = resize(image, labels, height, width)
        if (height, width) != (self.size, self.size):
            image, labels = self._crop(image, labels, down, along)
        return _flip(image, labels) if self.flip and mirror < 0.5 else (image, labels)

    def _crop(self, image, labels, down: float, along: float) -> tuple[np.ndarray, np.ndarray]:
        rows, rows_in_crop = _overlap(labels.shape[0], self.size, down)
        columns, columns_in_crop = _overlap(labels.shape[1], self.size, along)
        image, labels = image[rows, columns], labels[rows, columns]
        if labels.shape == (self.size, self.size):
            return image, labels
        padded = np.full((self.size, self.size, 3), PADDING, dtype=np.uint8)
        padded_labels = np.full((self.size, self.size), IGNORE, dtype=np.uint8)
        padded[rows_in_crop, columns_in_crop] = image
        padded_labels[rows_in_crop, columns_in_crop] = labels
        return padded, padded_labels


@dataclass(frozen=True)
class ResizedCrop:
    """A random box resized to a square: the augmentation of MiB, PLOP and SATS, as released.

    A box of random area and aspect ratio is drawn up to ten times until it fits into the image. Areas go up to twice
    the image's, but a box that fits is never larger than the image, so this never zooms out. If no box fits, the
    largest box in the centre with an allowed ratio is used. Resizing the box to a square changes the aspect ratio.

    Attributes:
        size: Side of the crop in pixels.
        area: Lowest and highest area of a box, relative to the image's.
        ratio: Lowest and highest width / height of a box, drawn on a log scale.
        flip: Whether crops are flipped horizontally with probability 1/2.
        tries: How many boxes are drawn at most.
    """

    size: int
    area: tuple[float, float] = (0.5, 2.0)
    ratio: tuple[float, float] = (3 / 4, 4 / 3)
    flip: bool = True
    tries: int = 10

    def __post_init__(self):
        _check_size(self.size)
        object.__setattr__(self, "area", _range("area", self.area))
        object.__setattr__(self, "ratio", _range("ratio", self.ratio))

    def __call__(
        self, image: np.ndarray, labels: np.ndarray, random: np.random.Generator
    ) -> tuple[np.ndarray, np.ndarray]:
        """The augmented crop; a view of the input if nothing had to change."""
        top, left, height, width = self.box(*labels.shape, random)
        inside = slice(top, top + height), slice(left, left + width)
        image, labels = resize(image[inside], labels[inside], self.size, self.size)
        return _flip(image, labels) if self.flip and random.random() < 0.5 else (image, labels)

    def box(self, height: int, width: int, random: np.random.Generator) -> tuple[int, int, int, int]:
        """Top, left, height and width of the box in an image of this height and width."""
        lowest, highest = (math.log(ratio) for ratio in self.ratio)
        for _ in range(self.tries):
            area = height * width * (self.area[0] + (self.area[1] - self.area[0]) * random.random())
            ratio = math.exp(lowest + (highest - lowest) * random.random())
            box_height, box_width = round(math.sqrt(area / ratio)), round(math.sqrt(area * ratio))
            if 0 < box_height <= height and 0 < box_width <= width:
                top = int((height - box_height + 1) * random.random())
                return top, int((width - box_width + 1) * random.random()), box_height, box_width
        box_height = min(height, round(width / self.ratio[0]))
        box_width = min(width, round(height * self.ratio[1]))
        return (height - box_height) // 2, (width - box_width) // 2, box_height, box_width


@dataclass(frozen=True)
class TurnAndRecolour:
    """Random quarter turn, flip and order of red, green and blue, where neither direction nor colour says anything.

    Attributes:
        size: Side of the square images in pixels; they are not cropped.
    """

    size: int

    def __post_init__(self):
        _check_size(self.size)

    def __call__(
        self, image: np.ndarray, labels: np.ndarray, random: np.random.Generator
    ) -> tuple[np.ndarray, np.ndarray]:
        """The augmented image, a copy, and its labels, a view of the input.

        Raises:
            UsageError: For an image of another size.
        """
        if labels.shape != (self.size, self.size):
            height, width = labels.shape
            raise UsageError(
                f"Images must be squares of {self.size} pixels to be turned, got {height} x {width}. "
                "Choose an augmentation that crops."
            )
        turn, mirror, *colours = random.random(5).tolist()
        quarters, colours = int(4 * turn), np.argsort(colours)
        image, labels = np.rot90(image, quarters)[:, :, colours], np.rot90(labels, quarters)
        return _flip(image, labels) if mirror < 0.5 else (image, labels)


@dataclass(frozen=True)
class CentreCrop:
    """The shorter side resized to the crop, then the square in the centre: how published test scores are computed.

    Attributes:
        size: Side of the crop in pixels.
    """

    size: int

    def __post_init__(self):
        _check_size(self.size)

    def __call__(self, image: np.ndarray, labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The crop of both."""
        image, labels = resize(image, labels, *self.resized(*labels.shape))
        top, left = (round((side - self.size) / 2) for side in labels.shape)
        inside = slice(top, top + self.size), slice(left, left + self.size)
        return image[inside], labels[inside]

    def resized(self, height: int, width: int) -> tuple[int, int]:
        """Height and width of an image whose shorter side is resized to the crop."""
        factor = self.size / min(height, width)
        return max(self.size, int(factor * height)), max(self.size, int(factor * width))


# Augmentations for training by the name that a preset has for them.
AUGMENTATIONS = {"simple": SimpleAugment, "resized": ResizedCrop, "turned": TurnAndRecolour}


def resize(image: np.ndarray, labels: np.ndarray, height: int, width: int) -> tuple[np.ndarray, np.ndarray]:
    """Image and labels at another height and width: antialiased, and by nearest pixel centre."""
    if labels.shape == (height, width):
        return image, labels
    return resize_image(image, height, width), resize_labels(labels, height, width)


def resize_image(image: np.ndarray, height: int, width: int) -> np.ndarray:
    """An image at another height and width, antialiased."""
    resized = Image.fromarray(np.ascontiguousarray(image)).resize((width, height), Image.Resampling.BILINEAR)
    return np.asarray(resized)


def resize_labels(labels: np.ndarray, height: int, width: int) -> np.ndarray:
    """Labels at another height and width: each pixel gets the label at its centre."""
    rows, columns = (
        ((2 * np.arange(new) + 1) * old) // (2 * new) for new, old in zip((height, width), labels.shape, strict=True)
    )
    return labels[rows[:, None], columns]


def _overlap(side: int, size: int, position: float) -> tuple[slice, slice]:
    """Along one side: the part of the image that the crop shows, and its position in the crop."""
    offset = int((abs(side - size) + 1) * position)
    if side >= size:
        return slice(offset, offset + size), slice(0, size)
    return slice(0, side), slice(offset, offset + side)


def _flip(image: np.ndarray, labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    return image[:, ::-1], labels[:, ::-1]


def _check_size(size: int) -> None:
    if not isinstance(size, int | np.integer) or size < 1:
        raise UsageError(f"The size of a crop must be a whole number of pixels from 1, got {size!r}.")


def _range(name: str, value) -> tuple[float, float]:
    if np.shape(value) != (2,) or not 0 < value[0] <= value[1]:
        raise UsageError(f"The {name} of an augmentation must be (lowest, highest), both above 0, got {value!r}.")
    return float(value[0]), float(value[1])
