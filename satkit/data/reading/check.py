"""Checks of images and masks on disk; all problems are found before the data is used, and reported together.

Files are decoded and checked in one pass: `examine` returns the arrays of each pair together with its problems. A data
set stores the arrays and raises the problems with `raise_if`. To check masks for something else, add a function to
`MASK_CHECKS`.
"""

import hashlib
import os
import struct
import zlib
from collections.abc import Collection, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np
from PIL import UnidentifiedImageError

from satkit.data.labels import BACKGROUND, IGNORE
from satkit.data.reading.mask_forms import read_values
from satkit.data.reading.pairs import Pair
from satkit.data.reading.problems import Problem
from satkit.utils.images import image_bytes, opened_image

IMAGE_MODES = ("1", "L", "LA", "P", "PA", "RGB", "RGBA", "RGBX", "CMYK", "YCbCr")  # 8 bits or fewer a channel
MOST_VALUES_SHOWN = 8
ORIENTATION = 0x0112  # the EXIF entry for the rotation of a photograph
TURNED = range(2, 9)  # its values that mean a rotation or reflection
PNG_START = b"\x89PNG\r\n\x1a\n"
AHEAD = 64  # pairs that are read together

# What Pillow raises for files that are cut off, damaged, or not an image.
DECODING_ERRORS = (
    OSError,
    SyntaxError,
    ValueError,
    EOFError,
    struct.error,
    zlib.error,
)


@dataclass(frozen=True)
class Examined:
    """A pair after reading: image, uint8 (height, width, 3), mask, uint8 (height, width), and their problems.

    An image or mask that could not be decoded is None.
    """

    pair: Pair
    image: np.ndarray | None
    mask: np.ndarray | None
    problems: tuple[Problem, ...]


def examine(
    pairs: Iterable[Pair], num_labels: int, allowed_values: Collection[int] | None = None
) -> Iterator[Examined]:
    """Read each pair once, in order, and find its problems.

    Args:
        num_labels: Number of labels, background included.
        allowed_values: Values that a mask may hold; None for 0 .. num_labels - 1 and IGNORE.
    """
    allowed = np.zeros(256, dtype=bool)
    allowed[list((*range(num_labels), IGNORE) if allowed_values is None else allowed_values)] = True
    with ThreadPoolExecutor(os.cpu_count()) as threads:
        left = iter(pairs)
        while together := list(islice(left, AHEAD)):
            yield from threads.map(lambda pair: _examine(pair, allowed), together)


def find_problems(
    pairs: Iterable[Pair], num_labels: int, allowed_values: Collection[int] | None = None
) -> list[Problem]:
    """All problems of these pairs; the arguments are those of `examine`."""
    return [problem for examined in examine(pairs, num_labels, allowed_values) for problem in examined.problems]


def mask_values(files: Iterable[Path]) -> set[int]:
    """Every value that occurs in these masks; masks that cannot be read are skipped, `examine` reports them."""
    found = np.zeros(256, dtype=bool)
    with ThreadPoolExecutor(os.cpu_count()) as threads:
        for mask, _ in threads.map(_read_mask, files):
            if mask is not None:
                found[mask.ravel()] = True
    return set(np.flatnonzero(found).tolist())


def shared_images(train: dict[str, Path], test: dict[str, Path]) -> list[Problem]:
    """Problems for images, by the hash of their pixels, that are in both training and test."""
    return [
        Problem(str(file), "training image that is also a test image", f"the same as {test[digest]}", warning=True)
        for digest, file in train.items()
        if digest in test
    ]


def content_hash(arrays: Iterable[np.ndarray]) -> str:
    """sha256 over the shapes and values of arrays: equal only for equal data."""
    digest = hashlib.sha256()
    for array in arrays:
        digest.update(f"{array.shape} {array.dtype}".encode())
        digest.update(np.ascontiguousarray(array))
    return digest.hexdigest()


def _examine(pair: Pair, allowed: np.ndarray) -> Examined:
    image, problems = _read_image(pair.image)
    mask, mask_problems = _read_mask(pair.mask)
    problems += mask_problems
    if mask is not None:
        for check in MASK_CHECKS:
            problems += check(pair, image, mask, allowed)
    return Examined(pair, image, mask, tuple(problems))


def decode_image(path: Path) -> tuple[np.ndarray | None, int, Problem | None]:
    """An image as evaluation and training see it, uint8 (height, width, 3), as it is stored.

    Returns:
        The image, None where it cannot be used; its EXIF orientation, 1 if there is none; and what is wrong with it.
    """
    try:
        data = image_bytes(path)
        _check_parts(data)
        with opened_image(data, path.name, ["JPEG", "PNG"]) as file:
            if file.mode not in IMAGE_MODES:
                detail = f"its mode is {file.mode}; save it with 8 bits"
                return None, 1, Problem(str(path), "image has more than 8 bits a channel", detail)
            turned = file.getexif().get(ORIENTATION)
            file.info.pop("transparency", None)  # not used here, and Pillow warns about it in palette images
            image = np.array(file if file.mode == "RGB" else file.convert("RGB"))
    except DECODING_ERRORS as error:
        return None, 1, Problem(str(path), "unreadable image", _reason(error, "JPEG or PNG"))
    return image, turned if turned in TURNED else 1, None


def _read_image(path: Path) -> tuple[np.ndarray | None, list[Problem]]:
    image, turned, problem = decode_image(path)
    if problem or turned == 1:
        return image, [problem] if problem else []
    detail = f"EXIF orientation {turned}; it is used as stored, its mask must have the same orientation"
    return image, [Problem(str(path), "photograph that is stored rotated", detail, warning=True)]


def _read_mask(path: Path) -> tuple[np.ndarray | None, list[Problem]]:
    try:
        data = image_bytes(path)
        _check_parts(data)
        with opened_image(data, path.name, ["PNG"]) as file:
            values, wrong = read_values(file, data)
            return values, [Problem(str(path), *wrong)] if wrong else []
    except DECODING_ERRORS as error:
        return None, [Problem(str(path), "unreadable mask", _reason(error, "PNG"))]


def _reason(error: Exception, kinds: str) -> str:
    return f"its content is not {kinds}" if isinstance(error, UnidentifiedImageError) else str(error)


def _check_parts(data: bytes) -> None:
    """Compare the parts of a PNG with their check sums, which decoding does not do for the pixels."""
    position, kind = len(PNG_START), b""
    if not data.startswith(PNG_START):
        return
    while kind != b"IEND":
        if position + 12 > len(data):
            raise ValueError("the file is cut off")
        length, kind = struct.unpack(">I4s", data[position : position + 8])
        end = position + 8 + length
        if zlib.crc32(data[position + 4 : end]) != int.from_bytes(data[end : end + 4], "big"):
            raise ValueError(f"its part {kind.decode('latin-1')!r} is cut off or does not match its check sum")
        position = end + 4


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
    if wrong[0] == BACKGROUND:
        found.append("if 0 is background, add the line '0 background' to the list of classes")
    return [Problem(str(pair.mask), "mask values that are no label", "; ".join(found))]


MASK_CHECKS = (_check_size, _check_values)
