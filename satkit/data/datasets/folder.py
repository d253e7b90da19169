"""A folder of your own: images, masks with the same names, and optionally a list of classes.

A mask holds one value per pixel; 255 is IGNORE. `classes.txt` names the values, one a line: `7 dog`, or only the name,
whose value is then the number of the line, counted from 0. The value named "background" becomes label 0; it may be
missing. Values named "ignore" or "void" are IGNORE. Without the file, 0 is background and every other value that occurs
in a mask is a class, named "class 7".

Folders `train` and `test` (or `val`), each with images and masks, are the splits. Without them a fifth of the images
are test images, chosen by a hash of their names.
"""

import hashlib
import re
from pathlib import Path

from satkit.data.labels import BACKGROUND, IGNORE, UNKNOWN, label_table
from satkit.data.reading.check import find_problems, mask_values
from satkit.data.reading.pairs import Pair, pair_files
from satkit.data.reading.problems import Problem, raise_if
from satkit.data.reading.reading import DataFiles, root_folder
from satkit.utils.errors import UsageError

IGNORED_NAMES = ("ignore", "void")
FEWEST_CLASSES, MOST_CLASSES = 2, UNKNOWN - 1
SOURCE = "wherever you have it"
LAYOUT = """\
  ROOT/
    images/        any names, .jpg or .png
    masks/         the same names, .png with one value per pixel, 255 for pixels to ignore
    classes.txt    may be missing; one class a line: VALUE NAME
  or images/ and masks/ in each of ROOT/train/ and ROOT/test/"""


def find(root: str | Path = "", *, test_share: float = 0.2) -> DataFiles:
    """The files of a folder.

    Args:
        root: Folder of `LAYOUT`.
        test_share: Part of the images that are test images, if the folder has no splits.

    Raises:
        UsageError: For a missing root, a share outside (0, 1), or an impossible list of classes.
        DataError: If too few classes are found because files are damaged or missing.
    """
    if not 0 < test_share < 1:
        raise UsageError(f"test_share must lie between 0 and 1, got {test_share}.")
    folder = root_folder("The data set 'folder'", root, LAYOUT, SOURCE)
    train, test, problems = _splits(folder, test_share)
    names = read_classes(folder / "classes.txt")
    if names is None:
        names = _found_classes((*train, *test), problems)
    labels, class_names = label_classes(names)
    values = frozenset((*names, IGNORE))
    return DataFiles("folder", folder, class_names, train, test, label_table(labels), values, tuple(problems))


def read_classes(file: Path) -> dict[int, str] | None:
    """Name by value; None if there is no such file.

    Raises:
        UsageError: For a value or name that occurs twice or is not allowed, naming the line.
    """
    if not file.is_file():
        return None
    try:
        lines = file.read_text(encoding="utf-8-sig").splitlines()
    except UnicodeDecodeError as error:
        raise UsageError(f"{file} must be text in UTF-8, got something else ({error}).") from error
    names: dict[int, str] = {}
    for number, line in enumerate(lines):
        match = re.fullmatch(r"\s*(?:(\d+)[\s,:;]+)?(\S.*?)\s*", line)
        if not match:
            continue
        value, name = int(match[1]) if match[1] else number, match[2]
        if value >= IGNORE:
            raise UsageError(f"{file}, line {number + 1}: a value must be below {IGNORE}, got {value}.")
        if value in names or (name in names.values() and name.lower() not in IGNORED_NAMES):
            raise UsageError(f"{file}, line {number + 1}: value {value} and name {name!r} must occur once.")
        names[value] = name
    return names


def label_classes(names: dict[int, str]) -> tuple[dict[int, int], tuple[str, ...]]:
    """Label of each value, and the class names by label, "background" first.

    Raises:
        UsageError: If fewer than two classes remain, which cannot be divided into steps.
    """
    ignored = {value: IGNORE for value, name in names.items() if name.lower() in IGNORED_NAMES}
    background = {value: BACKGROUND for value, name in names.items() if name.lower() == "background"}
    classes = [value for value in sorted(names) if value not in ignored and value not in background]
    if not FEWEST_CLASSES <= len(classes) <= MOST_CLASSES:
        found = f"{len(classes)}: {', '.join(names[value] for value in classes) or 'none'}"
        limits = f"{FEWEST_CLASSES} to {MOST_CLASSES}"
        raise UsageError(f"A data set needs {limits} classes beside background, got {found}.")
    labels = {value: label for label, value in enumerate(classes, start=1)}
    return labels | background | ignored, ("background", *(names[value] for value in classes))


def _found_classes(pairs: tuple[Pair, ...], problems: list[Problem]) -> dict[int, str]:
    """A name for each value that occurs in a mask; if there are too few values, damaged files are reported."""
    found = mask_values(pair.mask for pair in pairs) - {IGNORE}
    if len(found - {BACKGROUND}) < FEWEST_CLASSES:
        raise_if([*problems, *find_problems(pairs, 256, range(256))])
    return {value: "background" if value == BACKGROUND else f"class {value}" for value in sorted(found)}


def _splits(root: Path, test_share: float) -> tuple[tuple[Pair, ...], tuple[Pair, ...], list[Problem]]:
    """Training pairs, test pairs, and the problems of the folders."""
    test = next((root / name for name in ("test", "val") if (root / name).is_dir()), None)
    if (root / "train").is_dir() and test:
        both = [pair_files(at / "images", at / "masks") for at in (root / "train", test)]
        return tuple(both[0][0]), tuple(both[1][0]), [*both[0][1], *both[1][1]]
    pairs, problems = pair_files(root / "images", root / "masks")
    if len(pairs) == 1 and not problems:
        problems = [Problem(str(root / "images"), "folder with a single image", "training and test need one each")]
    drawn = sorted(pairs, key=lambda pair: hashlib.sha256(pair.name.encode()).digest())
    chosen = {pair.name for pair in drawn[: min(max(1, round(test_share * len(pairs))), len(pairs) - 1)]}
    train = tuple(pair for pair in pairs if pair.name not in chosen)
    return train, tuple(pair for pair in pairs if pair.name in chosen), problems
