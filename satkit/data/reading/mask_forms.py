"""Masks in the forms in which programs save them: one value of 8 bits per pixel, wherever nothing is lost.

Grey and palette masks are read as they are. Some programs save three equal channels, an opaque alpha channel, 16 bits
for small values, or as few bits as the values need; these are the same masks.
"""

import numpy as np
from PIL import Image

HIGHEST = 255  # what 8 bits hold
PNG_DEPTH = 24  # position of the byte with the number of bits of a channel
COLOURS = "mask that shows colours", "a mask holds one value per pixel: save it as grey or palette PNG with the values"
DEEP = "mask with values above 255", "a mask holds one value of 8 bits per pixel: give its classes smaller values"
SEE_THROUGH = "mask with a transparent part", "a mask holds one value per pixel: save it without transparency"


def read_values(file: Image.Image, data: bytes) -> tuple[np.ndarray | None, tuple[str, str] | None]:
    """The values of a mask, uint8 (height, width), or what is wrong with it: the kind, and how to mend it.

    Args:
        file: A PNG file that has been opened.
        data: Its bytes, whose header says how many bits a channel has.
    """
    if file.mode in ("L", "P"):
        stretched = HIGHEST // (2 ** data[PNG_DEPTH] - 1) if file.mode == "L" and data[PNG_DEPTH] < 8 else 1
        return np.array(file) // stretched, None  # Pillow stretches grey of 2 and 4 bits to 0 .. 255
    values = np.array(file)
    if file.mode == "1":
        return values.astype(np.uint8), None
    if file.mode.startswith("I"):
        return (None, DEEP) if values.max(initial=0) > HIGHEST else (values.astype(np.uint8), None)
    channels = np.moveaxis(values, -1, 0)
    if file.mode in ("LA", "RGBA", "PA"):
        *channels, alpha = channels
        if (alpha != HIGHEST).any():
            return None, SEE_THROUGH
    if any((channel != channels[0]).any() for channel in channels[1:]):
        return None, COLOURS
    return channels[0], None
