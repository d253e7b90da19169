"""CamVid: road scenes filmed from a car, every pixel annotated (Brostow et al., 2009).

The layout and the eleven classes are those of the SegNet tutorial's copy (Badrinarayanan et al., TPAMI 39,
2017). CamVid has no background: its classes become the labels 1 .. 11, and label 0 never occurs in a whole
annotation. It is the scenario that creates background, out of the classes that a step does not show.
Unlabelled pixels are IGNORE.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from satkit.choices import UsageError, unknown
from satkit.data.check import Problem, content_hash, examine, pair_files, raise_if
from satkit.data.contract import SegmentationData, Split
from satkit.data.labels import IGNORE, label_table, presence

CLASS_NAMES = (
    "background",
    "sky",
    "building",
    "pole",
    "road",
    "pavement",
    "tree",
    "sign",
    "fence",
    "car",
    "pedestrian",
    "bicyclist",
)
NUM_CLASSES = len(CLASS_NAMES) - 1
UNLABELLED = 11  # in the annotation files, where the classes are 0 .. 10
TEST_SPLITS = ("test", "val")
LAYOUT = """\
  ROOT/
    train/         images, .jpg or .png
    trainannot/    annotations of the same names, .png with the values 0 .. 11
    val/   valannot/
    test/  testannot/"""


def load(root: str | Path = "", *, test_split: str = "test") -> SegmentationData:
    """CamVid, decoded once and kept in memory.

    Args:
        root: Folder with the subfolders of `LAYOUT`.
        test_split: The images that scores are computed on: "test" or "val".

    Raises:
        UsageError: For a missing root, or an unknown split.
        DataError: If the folders do not hold what they should, with every file concerned.
    """
    if test_split not in TEST_SPLITS:
        raise unknown("test split", test_split, TEST_SPLITS)
    folder = Path(root).expanduser()
    if not str(root) or not folder.is_dir():
        got = f"{str(root)!r}, which is no folder" if str(root) else "none"
        raise UsageError(f"CamVid needs its folder, got {got}. Pass it with --root ROOT, where\n{LAYOUT}")
    problems: list[Problem] = []
    train, test = _read(folder, "train", problems), _read(folder, test_split, problems)
    raise_if(problems)
    arrays = (array for split in (train, test) for array in (*split.images, *split.labels))
    return SegmentationData("camvid", CLASS_NAMES, train, test, content_hash(arrays))


def _read(root: Path, name: str, problems: list[Problem]) -> Split:
    """A split as far as it can be read; what is wrong with it is added to the problems."""
    pairs, wrong = pair_files(root / name, root / f"{name}annot")
    problems += wrong
    table = label_table({value: value + 1 for value in range(NUM_CLASSES)} | {UNLABELLED: IGNORE})
    images, labels, names = [], [], []
    for examined in examine(pairs, NUM_CLASSES, allowed_values=range(UNLABELLED + 1)):
        problems += examined.problems
        if not examined.problems:
            images.append(examined.image)
            labels.append(table[examined.mask])
            names.append(examined.pair.name)
    return Split(_stacked(images), _stacked(labels), presence(labels, NUM_CLASSES), tuple(names))


def _stacked(arrays: list[np.ndarray]) -> Sequence[np.ndarray]:
    """One array when all shapes agree, as the contract says."""
    return np.stack(arrays) if len({array.shape for array in arrays}) == 1 else arrays
