"""Data sets that are drawn from a seed: drawn on first use, then stored.

A cache file holds the hash of the arrays, then their values; the values are used only if the hash is right.
"""

import hashlib
import math
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from satkit.data.dataset import SegmentationData, Split
from satkit.data.labels import presence
from satkit.data.reading.check import content_hash
from satkit.data.reading.store import cache_folder
from satkit.utils.errors import UsageError
from satkit.utils.files import replacing
from satkit.utils.progress import QUIET_SECONDS, Progress

SPLITS = ("train", "test")
SMALLEST_SIZE = 32
HASH_LENGTH = 64

# One image, uint8 (size, size, 3), and its labels, uint8 (size, size), of a split, by number, size and seed.
Draw = Callable[[str, int, int, int], tuple[np.ndarray, np.ndarray]]


@dataclass(frozen=True)
class DrawnData:
    """A data set that is drawn.

    Attributes:
        name: Of the data set; messages and cache files use it.
        class_names: By label, background first.
        draw: Draws one image.
        version: Of everything that decides what is drawn beside size, counts and seed.
    """

    name: str
    class_names: tuple[str, ...]
    draw: Draw
    version: str

    def load(self, root: str | Path, size: int, train_images: int, test_images: int, seed: int) -> SegmentationData:
        """The data set; see the `load` of each.

        Raises:
            UsageError: For a root, or a size, count or seed out of range.
        """
        if str(root):
            raise UsageError(
                f"The images of the {self.name} are drawn and need no folder, got root {str(root)!r}. "
                "Leave the root empty."
            )
        asked = {"size": size, "train_images": train_images, "test_images": test_images, "seed": seed}
        lowest = {"size": SMALLEST_SIZE, "train_images": 1, "test_images": 1, "seed": 0}
        for name, value in asked.items():
            if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < lowest[name]:
                raise UsageError(
                    f"{name} of the {self.name} must be a whole number from {lowest[name]}, got {value!r}. "
                    "Choose another, or leave it out."
                )
        counts = (train_images, test_images)
        file = cache_folder() / self.cache_name(size, *counts, seed)
        arrays = self._read(file, size, counts)
        if arrays is None:
            arrays = [array for split, count in zip(SPLITS, counts) for array in self.first(split, count, size, seed)]
            self._write(file, arrays)
        train, test = self._split("train", *arrays[:2]), self._split("test", *arrays[2:])
        return SegmentationData(self.name, self.class_names, train, test, content_hash(arrays))

    def first(self, split: str, count: int, size: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
        """Draw the first images of a split, uint8 (image, size, size, 3), and labels, uint8 (image, size, size)."""
        images = np.empty((count, size, size, 3), dtype=np.uint8)
        labels = np.empty((count, size, size), dtype=np.uint8)
        with Progress(count, f"{self.name}, {split} images drawn", quiet=QUIET_SECONDS, unit="image") as progress:
            for index in range(count):
                progress.update(index)
                images[index], labels[index] = self.draw(split, index, size, seed)
            progress.update(count)
        return images, labels

    def cache_name(self, size: int, train_images: int, test_images: int, seed: int) -> str:
        """Name of the cache file: a hash of everything that decides its content."""
        text = f"{self.name} version {self.version} size {size} train {train_images} test {test_images} seed {seed}"
        return f"{self.name}-{hashlib.sha256(text.encode()).hexdigest()[:16]}.bin"

    def _read(self, file: Path, size: int, counts: tuple[int, int]) -> list[np.ndarray] | None:
        try:
            stored = np.fromfile(file, dtype=np.uint8)
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as error:
            self._warn(f"stored in {file} cannot be read ({error}); drawing them again.")
            return None
        shapes = [shape for count in counts for shape in ((count, size, size, 3), (count, size, size))]
        ends = HASH_LENGTH + np.cumsum([math.prod(shape) for shape in shapes])
        if len(stored) == ends[-1]:
            expected, *parts = np.split(stored, [HASH_LENGTH, *ends[:-1]])
            arrays = [part.reshape(shape) for part, shape in zip(parts, shapes, strict=True)]
            if content_hash(arrays).encode() == expected.tobytes():
                return arrays
        self._warn(f"stored in {file} are damaged; drawing them again.")
        return None

    def _write(self, file: Path, arrays: list[np.ndarray]) -> None:
        try:
            file.parent.mkdir(parents=True, exist_ok=True)
            with replacing(file) as temporary, temporary.open("wb") as stream:
                stream.write(content_hash(arrays).encode())
                for array in arrays:
                    stream.write(array.data)
        except OSError as error:
            self._warn(
                f"could not be stored in {file.parent} ({error}) and will be drawn again next time. "
                "Set SATKIT_CACHE to a folder that can be written."
            )

    def _warn(self, what: str) -> None:
        warnings.warn(f"The images of the {self.name} {what}", stacklevel=5)

    def _split(self, name: str, images: np.ndarray, labels: np.ndarray) -> Split:
        names = tuple(f"{name}-{index:04d}" for index in range(len(images)))
        return Split(images, labels, presence(labels, len(self.class_names) - 1), names)
