"""Data sets by name."""

from collections.abc import Callable
from pathlib import Path

from satkit.choices import choose
from satkit.data import camvid, scenes
from satkit.data.contract import SegmentationData

DATA_SETS: dict[str, Callable[..., SegmentationData]] = {
    "scenes": scenes.load,
    "camvid": camvid.load,
}


def load_data(name: str, root: str | Path = "", **options) -> SegmentationData:
    """A data set by name.

    Args:
        name: One of `DATA_SETS`.
        root: Folder of the data on disk; the embedded scenes need none.
        **options: What that data set's own `load` accepts, e.g. `size` and `seed` of the scenes.

    Raises:
        UsageError: For an unknown name, or a data set on disk without its folder.
        DataError: If the folder does not hold what it should, with every file concerned.
    """
    return choose("data set", name, DATA_SETS)(root, **options)
