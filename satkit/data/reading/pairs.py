"""Pairs of image and mask: by the same stem in two folders, or by a list of names.

Stems are compared in Unicode's composed form (NFC), in which equal names with accents are equal strings.
"""

import os
import unicodedata
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from pathlib import Path

from satkit.data.reading.problems import Problem

IMAGE_SUFFIXES = (".jpg", ".jpeg", ".png")
MASK_SUFFIXES = (".png",)


@dataclass(frozen=True)
class Pair:
    """An image file and its mask file.

    Attributes:
        name: For messages and figures.
        image: JPEG or PNG.
        mask: PNG, one label per pixel.
        domain: E.g. the city of the image, for data sets with domains.
    """

    name: str
    image: Path
    mask: Path
    domain: str = ""


def pair_files(
    images: Path,
    masks: Path,
    image_suffixes: Collection[str] = IMAGE_SUFFIXES,
    mask_suffixes: Collection[str] = MASK_SUFFIXES,
) -> tuple[list[Pair], list[Problem]]:
    """Images with the masks of the same stem, ordered by name, and the problems of the folders.

    Files with other suffixes are not part of the data set. A stem with a problem is in no pair.
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


def pair_listed(names_file: Path, images: Path, masks: Path) -> tuple[list[Pair], list[Problem]]:
    """The images (.jpg) and masks (.png) that a file names, one a line, in its order; and their problems.

    A line is a stem, or the path of an image followed by that of its mask, of which only the stem counts.
    """
    if not names_file.is_file():
        return [], [Problem(str(names_file), "missing list of names")]
    try:
        text = names_file.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        return [], [Problem(str(names_file), "unreadable list of names", str(error))]
    lines = [line.split() for line in text.splitlines()]
    stems = [Path(line[0]).stem for line in lines if line]
    problems = [] if stems else [Problem(str(names_file), "empty list of names")]
    problems += [Problem(str(folder), "missing folder") for folder in (images, masks) if not folder.is_dir()]
    if problems:
        return [], problems
    pairs, seen = [], set()
    for stem in stems:
        image, mask = images / f"{stem}.jpg", masks / f"{stem}.png"
        missing = [file for file in (image, mask) if not file.is_file()]
        problems += [Problem(str(file), "missing file", f"named in {names_file}") for file in missing]
        if stem in seen:
            problems.append(Problem(str(names_file), "name that is listed twice", stem))
        elif not missing:
            pairs.append(Pair(stem, image, mask))
        seen.add(stem)
    return pairs, problems


def links_outside(root: Path, pairs: Iterable[Pair]) -> list[Problem]:
    """Problems for files that are links out of the data set: their targets can change or disappear unnoticed."""
    inside = os.path.realpath(root)
    links = [file for pair in pairs for file in (pair.image, pair.mask) if file.is_symlink()]
    ends = [Path(os.path.realpath(file)) for file in links]  # unlike resolve(), without an error for links in a circle
    return [
        Problem(str(file), "link out of the data set", f"to {end}", warning=True)
        for file, end in zip(links, ends, strict=True)
        if not end.is_relative_to(inside)
    ]


def _files(folder: Path, suffixes: Collection[str], problems: list[Problem]) -> dict[str, list[Path]] | None:
    if not folder.is_dir():
        problems.append(Problem(str(folder), "missing folder"))
        return None
    try:
        files = sorted(folder.iterdir())
    except OSError as error:
        problems.append(Problem(str(folder), "unreadable folder", str(error)))
        return None
    found: dict[str, list[Path]] = {}
    for file in files:
        if file.suffix.lower() in suffixes and not file.name.startswith("."):
            found.setdefault(unicodedata.normalize("NFC", file.stem), []).append(file)
    if not found:
        problems.append(Problem(str(folder), "empty folder", f"no file ends in {', '.join(suffixes)}"))
        return None
    return found
