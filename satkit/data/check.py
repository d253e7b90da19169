"""Everything wrong with images and masks on disk, found before anything is used and reported all at once.

Checking and reading are the same pass: `examine` decodes each file once, and gives what it decoded together
with what is wrong with it. A data set keeps the former and raises the latter with `raise_if`. To look for
another kind of damage in a mask, add a function to `MASK_CHECKS`.
"""

import hashlib
import struct
import zlib
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from satkit.data.labels import IGNORE

IMAGE_SUFFIXES = (".jpg", ".jpeg", ".png")
MASK_SUFFIXES = (".png",)
MASK_MODES = ("L", "P")  # one channel of 8 bits, or indices into a palette
MOST_SHOWN = 20
MOST_VALUES_SHOWN = 8

# What Pillow raises for files that are cut off, garbled, or no image at all.
DECODING_ERRORS = (
    OSError,
    SyntaxError,
    ValueError,
    EOFError,
    struct.error,
    zlib.error,
    Image.DecompressionBombError,
)


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong with a data set.

    Attributes:
        path: The file or folder concerned.
        what: What is wrong, in the same words for all files.
        detail: What was found in this one.
    """

    path: str
    what: str
    detail: str = ""

    def __str__(self) -> str:
        text = f"{self.path}: {self.what}" + (f" ({self.detail})" if self.detail else "")
        return " ".join(text.split())


class DataError(ValueError):
    """Data on disk that is not what it should be; `problems` holds all that was found."""

    def __init__(self, problems: Collection[Problem]):
        self.problems = tuple(problems)
        count = len(self.problems)
        lines = [f"  {problem}" for problem in self.problems[:MOST_SHOWN]]
        if count > MOST_SHOWN:
            lines.append(f"  ... and {count - MOST_SHOWN} more.")
        found = "1 problem" if count == 1 else f"{count} problems"
        super().__init__("\n".join([f"The data set has {found}; mend or remove what is named:", *lines]))


@dataclass(frozen=True)
class Pair:
    """An image file and the mask file of the same stem."""

    name: str
    image: Path
    mask: Path


@dataclass(frozen=True)
class Examined:
    """A pair after reading: image, uint8 (height, width, 3), mask, uint8 (height, width), and their problems.

    An image or mask that could not be decoded is None.
    """

    pair: Pair
    image: np.ndarray | None
    mask: np.ndarray | None
    problems: tuple[Problem, ...]


def raise_if(problems: Collection[Problem]) -> None:
    """Raise one `DataError` with all problems, unless there are none."""
    if problems:
        raise DataError(problems)


def pair_files(
    images: Path,
    masks: Path,
    image_suffixes: Collection[str] = IMAGE_SUFFIXES,
    mask_suffixes: Collection[str] = MASK_SUFFIXES,
) -> tuple[list[Pair], list[Problem]]:
    """Images with the masks of the same stem, ordered by name, and what is wrong with the folders.

    Files with other suffixes are no part of the data set. A stem that has a problem is in no pair.
    """
    problems: list[Problem] = []
    by_stem = [
        _files(folder, suffixes, problems) for folder, suffixes in ((images, image_suffixes), (masks, mask_suffixes))
    ]
    if any(files is None for files in by_stem):
        return [], problems
    pairs = []
    for stem in sorted({*by_stem[0], *by_stem[1]}):
        image, mask = (files.get(stem, []) for files in by_stem)
        for files in (image, mask):
            if len(files) > 1:
                names = ", ".join(file.name for file in files)
                problems.append(Problem(str(files[0].with_suffix(".*")), "several files of the same stem", names))
        if not mask:
            problems.append(Problem(str(image[0]), "image without mask", f"no {stem}.png in {masks}"))
        if not image:
            expected = " or ".join(image_suffixes)
            problems.append(Problem(str(mask[0]), "mask without image", f"no {stem}{expected} in {images}"))
        if len(image) == len(mask) == 1:
            pairs.append(Pair(stem, image[0], mask[0]))
    return pairs, problems


def examine(
    pairs: Iterable[Pair], num_labels: int, allowed_values: Collection[int] | None = None
) -> Iterator[Examined]:
    """Read each pair once, in order, and say what is wrong with it.

    Args:
        num_labels: How many labels there are, background included.
        allowed_values: Values that a mask may hold; None for 0 .. num_labels - 1 and IGNORE.
    """
    allowed = np.zeros(256, dtype=bool)
    allowed[list((*range(num_labels), IGNORE) if allowed_values is None else allowed_values)] = True
    for pair in pairs:
        image, problems = _read_image(pair.image)
        mask, mask_problems = _read_mask(pair.mask)
        problems += mask_problems
        if mask is not None:
            for check in MASK_CHECKS:
                problems += check(pair, image, mask, allowed)
        yield Examined(pair, image, mask, tuple(problems))


def find_problems(
    pairs: Iterable[Pair], num_labels: int, allowed_values: Collection[int] | None = None
) -> list[Problem]:
    """Everything wrong with the files of these pairs; the arguments are those of `examine`."""
    return [problem for examined in examine(pairs, num_labels, allowed_values) for problem in examined.problems]


def content_hash(arrays: Iterable[np.ndarray]) -> str:
    """sha256 over the shapes and values of arrays: the same if and only if they are the same data."""
    digest = hashlib.sha256()
    for array in arrays:
        digest.update(f"{array.shape} {array.dtype}".encode())
        digest.update(np.ascontiguousarray(array))
    return digest.hexdigest()


def _files(folder: Path, suffixes: Collection[str], problems: list[Problem]) -> dict[str, list[Path]] | None:
    if not folder.is_dir():
        problems.append(Problem(str(folder), "missing folder"))
        return None
    found: dict[str, list[Path]] = {}
    for file in sorted(folder.iterdir()):
        if file.suffix.lower() in suffixes and not file.name.startswith("."):
            found.setdefault(file.stem, []).append(file)
    if not found:
        problems.append(Problem(str(folder), "empty folder", f"no file ends in {', '.join(suffixes)}"))
        return None
    return found


def _read_image(path: Path) -> tuple[np.ndarray | None, list[Problem]]:
    try:
        with Image.open(path, formats=["JPEG", "PNG"]) as file:
            return np.array(file.convert("RGB")), []
    except DECODING_ERRORS as error:
        return None, [Problem(str(path), "unreadable image", str(error))]


def _read_mask(path: Path) -> tuple[np.ndarray | None, list[Problem]]:
    try:
        with Image.open(path, formats=["PNG"]) as file:
            if file.mode not in MASK_MODES:
                detail = f"its mode is {file.mode}, a mask holds one label of 8 bits per pixel (mode L or P)"
                return None, [Problem(str(path), "mask is not single-channel with 8 bits", detail)]
            return np.array(file), []
    except DECODING_ERRORS as error:
        return None, [Problem(str(path), "unreadable mask", str(error))]


def _check_size(pair: Pair, image: np.ndarray | None, mask: np.ndarray, allowed: np.ndarray) -> list[Problem]:
    if image is None or image.shape[:2] == mask.shape:
        return []
    (height, width), (mask_height, mask_width) = image.shape[:2], mask.shape
    detail = f"the mask is {mask_width} x {mask_height} pixels, the image {pair.image.name} {width} x {height}"
    return [Problem(str(pair.mask), "mask and image differ in size", detail)]


def _check_values(pair: Pair, image: np.ndarray | None, mask: np.ndarray, allowed: np.ndarray) -> list[Problem]:
    counts = np.bincount(mask.ravel(), minlength=256)
    wrong = np.flatnonzero((counts > 0) & ~allowed)
    if not len(wrong):
        return []
    found = []
    for value in wrong[:MOST_VALUES_SHOWN]:
        row, column = divmod(int(np.argmax(mask.ravel() == value)), mask.shape[1])
        pixels = "1 pixel" if counts[value] == 1 else f"{counts[value]} pixels"
        found.append(f"{value} at {pixels}, first at (row {row}, column {column})")
    if len(wrong) > MOST_VALUES_SHOWN:
        found.append(f"and {len(wrong) - MOST_VALUES_SHOWN} more values")
    return [Problem(str(pair.mask), "mask values that are no label", "; ".join(found))]


MASK_CHECKS = (_check_size, _check_values)
