"""Data sets (one file each, all `SegmentationData`), the images of each step, and batches."""

from satkit.data.catalogue import DATA_SETS, load_data
from satkit.data.dataset import SegmentationData, Split
from satkit.data.labels import BACKGROUND, IGNORE, label_table

__all__ = ["BACKGROUND", "DATA_SETS", "IGNORE", "SegmentationData", "Split", "label_table", "load_data"]
