"""Data sets by name."""

from collections.abc import Callable
from pathlib import Path

from satkit.data.dataset import SegmentationData
from satkit.data.datasets import ade20k, camvid, cityscapes, folder, pretext, scenes, voc
from satkit.data.reading.reading import DataFiles, read
from satkit.utils.errors import UsageError, choose

# Data sets on disk, with the function that lists their files.
ON_DISK: dict[str, Callable[..., DataFiles]] = {
    "voc": voc.find,
    "ade20k": ade20k.find,
    "cityscapes": cityscapes.find,
    "camvid": camvid.find,
    "folder": folder.find,
}
# Data sets that are drawn, with the function that draws them.
DRAWN: dict[str, Callable[..., SegmentationData]] = {"scenes": scenes.load, "pretext": pretext.load}
DATA_SETS = (*DRAWN, *ON_DISK)
# Class names by label, of the data sets whose classes are always the same.
CLASS_NAMES: dict[str, tuple[str, ...]] = {
    each.__name__.rsplit(".", 1)[-1]: each.CLASS_NAMES for each in (scenes, pretext, voc, ade20k, cityscapes, camvid)
}
DOWNLOADS: dict[str, Callable[[str], str]] = {"voc": voc.download}


def load_data(name: str, root: str | Path = "", **options) -> SegmentationData:
    """A data set by name.

    Args:
        name: One of `DATA_SETS`.
        root: Folder of the data on disk; empty for data that is drawn.
        **options: What the data set's own function accepts, e.g. `size` and `habitat` of the scenes.

    Raises:
        UsageError: For an unknown name, or a data set on disk without its folder.
        DataError: If files are missing or damaged, with every file concerned.
    """
    choose("data set", name, dict.fromkeys(DATA_SETS))
    return DRAWN[name](root, **options) if name in DRAWN else read(ON_DISK[name](root, **options))


def find_files(name: str, root: str | Path = "", **options) -> DataFiles:
    """The files of a data set on disk, before any of them is read.

    Raises:
        UsageError: For an unknown name, or one that is not on disk.
        DataError: For a folder without a list of classes whose masks cannot be read.
    """
    if name in DRAWN:
        raise UsageError(f"The images of the {name} are drawn and have no files. Choose a data set on disk.")
    choose("data set", name, dict.fromkeys(DATA_SETS))
    return ON_DISK[name](root, **options)


def class_names(name: str, root: str | Path = "") -> tuple[str, ...]:
    """Class names by label, background first, without loading the data; the folder is needed for your own data only.

    Raises:
        UsageError: For an unknown name, or a folder of your own that is missing.
        DataError: For a folder without a list of classes whose masks cannot be read.
    """
    choose("data set", name, dict.fromkeys(DATA_SETS))
    return CLASS_NAMES.get(name) or find_files(name, root).class_names
