"""Pairs of image and mask: by the same stem in two folders or in one, or by a list of names.

Stems are compared in Unicode's composed form (NFC), in which equal names with accents are equal strings.
"""

import os
import unicodedata
from collections import Counter
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from pathlib import Path

from satkit.data.reading.problems import Problem, counted

IMAGE_SUFFIXES = (".jpg", ".jpeg", ".png")
MASK_SUFFIXES = (".png",)
# What the names of masks end in where they lie beside their images.
MASK_ENDS = ("_mask", "-mask", ".mask", "_masks", "_label", "_labels", "_gt", "_seg", "_segmentation", "_annotation")


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

    Where no stems are the same, but all those of masks are stems of images with one and the same end, such as "_mask",
    these are pairs. A folder that is both holds images and, beside them, their masks. Files with other suffixes are not
    part of the data set. A stem with a problem is in no pair.
    """
    problems: list[Problem] = []
    if images == masks:
        by_stem = _apart(images)
    else:
        kinds = ((images, image_suffixes), (masks, mask_suffixes))
        by_stem = [_files(folder, suffixes, problems) for folder, suffixes in kinds]
    if any(files is None for files in by_stem):
        return [], problems
    if end := common_end(*by_stem):
        by_stem[1] = {stem.removesuffix(end): files for stem, files in by_stem[1].items()}
    pairs = []
    for stem in sorted({*by_stem[0], *by_stem[1]}):
        image, mask = (files.get(stem, []) for files in by_stem)
        problems += _of_one_stem(image) + _of_one_stem(mask)
        if not mask:
            problems.append(Problem(str(image[0]), "image without mask", f"no {stem}{end}.png in {masks}"))
        if not image:
            expected = " or ".join(image_suffixes)
            problems.append(Problem(str(mask[0]), "mask without image", f"no {stem}{expected} in {images}"))
        if len(image) == len(mask) == 1:
            pairs.append(Pair(stem, image[0], mask[0]))
    return pairs, problems + [problem for folder in dict.fromkeys((images, masks)) for problem in _left_out(folder)]


def common_end(images: Collection[str], masks: Collection[str]) -> str:
    """What all stems of masks have more than stems of images, such as "_mask"; "" where a stem is in both."""
    if not masks or set(images) & set(masks):
        return ""
    first = min(masks, key=len)
    ends = [first[length:] for length in range(len(first) - 1, 0, -1) if first[:length] in images]
    known = set(images)
    return next((end for end in ends if all(s.endswith(end) and s.removesuffix(end) in known for s in masks)), "")


def has_both(folder: Path) -> bool:
    """Whether a folder holds images and, beside them, their masks."""
    return all(_apart(folder))


def _apart(folder: Path) -> list[dict[str, list[Path]]]:
    """Images and masks of a folder that holds both, by stem: JPEG and PNG of one stem, or PNG with a mask's end."""
    found = _files(folder, IMAGE_SUFFIXES, []) or {}
    images, masks = {}, {}
    for stem, files in found.items():
        png = [file for file in files if file.suffix.lower() == ".png"]
        if len(files) == 2 and len(png) == 1:
            images[stem], masks[stem] = [file for file in files if file not in png], png
        elif len(png) == len(files) == 1 and any(
            stem.removesuffix(end) in found for end in MASK_ENDS if stem.endswith(end)
        ):
            masks[stem] = png
        else:
            images[stem] = files
    return [images if masks else {}, masks]


def pair_listed(names_file: Path, images: Path, masks: Path) -> tuple[list[Pair], list[Problem]]:
    """The images and masks that a file names, one pair a line, in its order; and their problems.

    A line is the name of an image, with its suffix or without, or the path of an image followed by that of its mask, of
    which only the name of the image counts.
    """
    if not names_file.is_file():
        return [], [Problem(str(names_file), "missing list of names")]
    try:
        text = names_file.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        reason = f"{error}; it must be text in UTF-8" if isinstance(error, UnicodeDecodeError) else str(error)
        return [], [Problem(str(names_file), "unreadable list of names", reason)]
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    problems = [] if lines else [Problem(str(names_file), "empty list of names")]
    problems += [Problem(str(folder), "missing folder") for folder in (images, masks) if not folder.is_dir()]
    if problems:
        return [], problems
    by_stem = [
        _files(folder, suffixes, []) or {} for folder, suffixes in ((images, IMAGE_SUFFIXES), (masks, MASK_SUFFIXES))
    ]
    pairs, seen = [], set()
    for line in lines:
        stem = _named(line, by_stem[0])
        image, mask = (files.get(stem, []) for files in by_stem)
        for files, missing in ((image, images / f"{stem}.jpg"), (mask, masks / f"{stem}.png")):
            if not files:
                problems.append(Problem(str(missing), "missing file", f"named in {names_file}"))
            problems += _of_one_stem(files)
        if stem in seen:
            problems.append(Problem(str(names_file), "name that is listed twice", stem))
        elif len(image) == len(mask) == 1:
            pairs.append(Pair(stem, image[0], mask[0]))
        seen.add(stem)
    return pairs, problems


def _of_one_stem(files: list[Path]) -> list[Problem]:
    """A problem where several files have one stem."""
    names = ", ".join(file.name for file in files)
    what = "several files of the same stem"
    return [Problem(str(files[0].with_suffix(".*")), what, names)] if len(files) > 1 else []


def _named(line: str, images: Collection[str]) -> str:
    """The stem that a line of a list means: the whole line if there is such an image, else its first word."""
    for text in (line, line.split()[0]):
        name = unicodedata.normalize("NFC", Path(text).name)
        without = name[: -len(Path(name).suffix)] if Path(name).suffix.lower() in IMAGE_SUFFIXES else name
        for stem in (name, without):
            if stem in images:
                return stem
    return without


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
        detail = f"no file ends in {', '.join(suffixes)}{_beside(files)}"
        problems.append(Problem(str(folder), "empty folder", detail))
        return None
    return found


def _beside(files: Collection[Path]) -> str:
    """What a folder holds in place of what it should hold, in words."""
    folders = [file.name for file in files if file.is_dir()]
    others = Counter(file.suffix for file in files if file.is_file() and not file.name.startswith("."))
    said = [f"it holds the folders {', '.join(folders[:5])}"] if folders else []
    said += [f"{count} end in {suffix or 'nothing'}" for suffix, count in others.most_common(3)]
    advice = "save them as PNG" if any(suffix.lower() in (".tif", ".tiff", ".bmp") for suffix in others) else ""
    return "".join(f"; {text}" for text in [*said, advice] if text)


def _left_out(folder: Path) -> list[Problem]:
    """Warnings for subfolders with images, which are not read."""
    found = []
    for below in sorted(folder.iterdir()):
        if below.is_dir() and not below.name.startswith("."):
            try:
                count = sum(file.suffix.lower() in IMAGE_SUFFIXES for file in below.iterdir())
            except OSError as error:
                found.append(Problem(str(below), "subfolder that cannot be read", str(error.strerror), warning=True))
                continue
            if count:
                detail = f"{counted(count, 'image')}; only files directly in {folder} are read"
                found.append(Problem(str(below), "subfolder that is left out", detail, warning=True))
    return found
