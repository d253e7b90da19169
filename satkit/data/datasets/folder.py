"""A folder of your own: images, masks with the same names, and optionally a list of classes.

A mask holds one value per pixel; 255 is IGNORE. `classes.txt` names the values, in the forms of `class_list`. The
value named "background" becomes label 0; it may be missing. Values named "ignore" or "void" are IGNORE. Without the
file, 0 is background and every other value that occurs in a mask is a class, named "class 7".

Folders `train` and `test` (or `val`), each with images and masks, are the splits; so are `images/train`, `masks/train`
and the like. Without them a fifth of the images are test images, chosen by a hash of their names. Masks may lie beside
their images, and their names may all end in the same, such as `_mask`. Trees of the usual annotation tools have other
names for these folders, which are known as well.
"""

import hashlib
from itertools import product
from pathlib import Path

from satkit.data.datasets.class_list import FEWEST_CLASSES, find_classes, label_classes, read_classes
from satkit.data.labels import BACKGROUND, IGNORE, label_table
from satkit.data.reading.check import find_problems, mask_values
from satkit.data.reading.pairs import Pair, has_both, pair_files
from satkit.data.reading.problems import Problem, raise_if
from satkit.data.reading.reading import DataFiles, root_folder
from satkit.utils.errors import UsageError
from satkit.utils.saying import saying

IMAGES = ("images", "image", "imgs", "img", "img_dir", "JPEGImages")
MASKS = ("masks", "mask", "annotations", "labels", "ann_dir", "SegmentationClass", "SegmentationClassPNG")
TRAIN, TEST = ("train", "training"), ("test", "val", "valid", "validation")
SOURCE = "wherever you have it"
LAYOUT = """\
  ROOT/
    images/        any names, .jpg or .png
    masks/         the same names, .png with one value per pixel, 255 for pixels to ignore
    classes.txt    may be missing; one class a line: VALUE NAME
  or images/ and masks/ in each of ROOT/train/ and ROOT/test/,
  or train/ and test/ in each of ROOT/images/ and ROOT/masks/"""


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
    names = read_classes(find_classes(folder))
    if names is None:
        names = _found_classes((*train, *test), problems)
    labels, class_names = label_classes(names)
    values = frozenset((*names, IGNORE))
    return DataFiles("folder", folder, class_names, train, test, label_table(labels), values, tuple(problems))


def _found_classes(pairs: tuple[Pair, ...], problems: list[Problem]) -> dict[int, str]:
    """A name for each value that occurs in a mask; if there are too few values, damaged files are reported."""
    with saying("Looking which values the masks hold ..."):
        shown = mask_values(pair.mask for pair in pairs)
    found = shown - {IGNORE}
    if len(found - {BACKGROUND}) < FEWEST_CLASSES:
        raise_if([*problems, *find_problems(pairs, 256, range(256))])
        if IGNORE in shown:
            raise UsageError(
                f"The masks hold the values {', '.join(map(str, sorted(shown)))}, and 255 is ignored here. Save what "
                f"is to be learnt with values from 1 on, at least {FEWEST_CLASSES} classes beside background."
            )
    return {value: "background" if value == BACKGROUND else f"class {value}" for value in sorted(found)}


def _splits(root: Path, test_share: float) -> tuple[tuple[Pair, ...], tuple[Pair, ...], list[Problem]]:
    """Training pairs, test pairs, and the problems of the folders."""
    train = next(filter(None, (_folders(root, name) for name in TRAIN)), None)
    tests = list(filter(None, (_folders(root, name) for name in TEST)))
    test = next((each for each in tests if any(each[1].iterdir())), tests[0] if tests else None)
    if train and test:
        both = [pair_files(*folders) for folders in (train, test)]
        return tuple(both[0][0]), tuple(both[1][0]), [*both[0][1], *both[1][1]]
    images, masks = _folders(root, "") or (root / IMAGES[0], root / MASKS[0])
    pairs, problems = pair_files(images, masks)
    if len(pairs) == 1 and not problems:
        problems = [Problem(str(images), "folder with a single image", "training and test need one each")]
    drawn = sorted(pairs, key=lambda pair: hashlib.sha256(pair.name.encode()).digest())
    chosen = {pair.name for pair in drawn[: min(max(1, round(test_share * len(pairs))), len(pairs) - 1)]}
    train = tuple(pair for pair in pairs if pair.name not in chosen)
    return train, tuple(pair for pair in pairs if pair.name in chosen), problems


def _folders(root: Path, split: str) -> tuple[Path, Path] | None:
    """The folders of images and of masks of a split; None if one of them is missing."""
    for first, second in product(IMAGES, MASKS):
        for images, masks in (
            (root / split / first, root / split / second),
            (root / first / split, root / second / split),
        ):
            if images.is_dir() and masks.is_dir():
                return images, masks
    if split and (root / split).is_dir() and has_both(root / split):
        return root / split, root / split
    if not split and has_both(root):
        return root, root
    return None
