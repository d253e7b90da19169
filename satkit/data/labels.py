"""Special label values, their colours, and the look-up table of 256 entries that changes label maps.

A label map is uint8. `BACKGROUND` is everything that is not a class (yet). `IGNORE` pixels are used in no loss and no
score. `UNKNOWN` occurs in targets only: an object of no class learnt so far. Re-indexing classes and hiding old and
future classes are both one look-up per pixel.
"""

from collections.abc import Iterable, Mapping

import numpy as np

BACKGROUND = 0
UNKNOWN = 254
IGNORE = 255


def label_table(mapping: Mapping[int, int], default: int = BACKGROUND) -> np.ndarray:
    """A uint8 table of 256 entries: `table[label_map]` re-labels a whole map at once.

    Args:
        mapping: New value of each old value. IGNORE stays IGNORE unless the mapping says otherwise.
        default: What every value that the mapping does not name becomes.

    Raises:
        ValueError: If a value does not fit into a uint8 label map.
    """
    table = np.full(256, default, dtype=np.uint8)
    table[IGNORE] = IGNORE
    for old, new in mapping.items():
        if not (0 <= old <= 255 and 0 <= new <= 255):
            raise ValueError(f"Label values must be in 0..255, got the mapping {old} -> {new}.")
        table[old] = new
    return table


def presence(label_maps: Iterable[np.ndarray], num_classes: int) -> np.ndarray:
    """Which class occurs in which label map: bool of shape (image, num_classes + 1), background first."""
    rows = [np.bincount(labels.ravel(), minlength=256)[: num_classes + 1] > 0 for labels in label_maps]
    return np.array(rows, dtype=bool).reshape(-1, num_classes + 1)


def class_palette() -> np.ndarray:
    """The VOC palette: uint8 of shape (256, 3), a colour for every label value; background is black.

    The bits of the label, lowest first, go to red, green and blue in turn and fill each colour from its highest bit
    downwards.
    """
    palette = np.zeros((256, 3), dtype=np.uint8)
    values = np.arange(256)
    for bit in range(8):
        palette[:, bit % 3] |= (((values >> bit) & 1) << (7 - bit // 3)).astype(np.uint8)
    return palette


def colour_code(index: int) -> str:
    """The colour of a label value as "#rrggbb"."""
    return "#" + "".join(f"{part:02x}" for part in class_palette()[index].tolist())
