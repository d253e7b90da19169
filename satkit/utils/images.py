"""Images that somebody gives: every one is opened here, and its size is compared before a pixel is decoded.

A few bytes can claim any size, and decoding them would take all memory. A header with more pixels than `MOST_PIXELS`
is refused, as is a file with more bytes than `MOST_BYTES` and what is no regular file, which may never end.
"""

import io
import stat
import threading
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from PIL import Image

from satkit.utils.errors import UsageError
from satkit.utils.names import printable

MOST_PIXELS = 89_478_485  # Pillow's own bound; more makes it warn
MOST_BYTES = 1_000_000_000  # of a file; so many pixels with 8 bytes each, and no compression, have fewer
REMEDY = "Cut it into parts, or save it smaller."
_filters = threading.Lock()  # the filters of warnings are those of all threads


class ImageTooLarge(UsageError):
    """An image with more pixels or bytes than are safe to read."""


def image_bytes(path: Path) -> bytes:
    """The content of an image's file.

    Raises:
        ImageTooLarge: For more than `MOST_BYTES`.
        UsageError: For what is no regular file, such as a pipe.
        OSError: If it cannot be read.
    """
    facts = path.stat()
    if not stat.S_ISREG(facts.st_mode):
        raise UsageError(f"{printable(path.name)} must be a regular file, and it is something else. Remove it.")
    if facts.st_size > MOST_BYTES:
        raise ImageTooLarge(
            f"{printable(path.name)} has {facts.st_size:,} bytes, more than the {MOST_BYTES:,} that are safe to read. "
            f"{REMEDY}"
        )
    return path.read_bytes()


@contextmanager
def opened_image(data: bytes, name: str, formats: Sequence[str]) -> Iterator[Image.Image]:
    """An image whose header has been read and found small enough; its pixels are decoded when they are asked for.

    Args:
        name: Of its file, for the message.
        formats: Pillow's names of those that are allowed.

    Raises:
        ImageTooLarge: For more than `MOST_PIXELS` pixels.
        PIL.UnidentifiedImageError: For another format.
    """
    with _header(data, name, formats) as file:
        if file.width * file.height > MOST_PIXELS:
            raise _too_large(name, file.width * file.height)
        yield file


def _header(data: bytes, name: str, formats: Sequence[str]) -> Image.Image:
    with _filters, warnings.catch_warnings():
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        try:
            return Image.open(io.BytesIO(data), formats=formats)
        except (Image.DecompressionBombWarning, Image.DecompressionBombError) as error:
            claimed = "".join(filter(str.isdecimal, str(error).partition("pixels")[0]))
            raise _too_large(name, int(claimed)) from None


def _too_large(name: str, pixels: int) -> ImageTooLarge:
    return ImageTooLarge(
        f"{printable(name)} has {pixels:,} pixels, more than the {MOST_PIXELS:,} that are safe to decode. {REMEDY}"
    )
