"""Twenty kinds of damage to one pair of a random data set; each returns the name that must be said."""

import io
import struct
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image
from random_data import LAYOUTS, save_image, save_mask, write_classes

from satkit.data.reading.pairs import Pair

ORIENTATION = 0x0112
PNG_START = b"\x89PNG\r\n\x1a\n"


def values_of(path: Path) -> np.ndarray:
    with Image.open(path) as file:
        return np.array(file)


def size_of(path: Path) -> tuple[int, int]:
    with Image.open(path) as file:
        return file.size


def encoded(image: Image.Image, kind: str, **options) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def lose_mask(tree, pair, rng):
    pair.mask.unlink()
    return pair.mask.name


def lose_image(tree, pair, rng):
    pair.image.unlink()
    return f"{pair.image.stem}."


def change_mask_size(tree, pair, rng):
    values = values_of(pair.mask)
    save_mask(pair.mask, values.T if rng.random() < 0.5 else values[1:])
    return pair.mask.name


def make_mask_colourful(tree, pair, rng):
    values = values_of(pair.mask)
    channels = {
        "RGB": (values, values, 255 - values),
        "RGBA": (*[values] * 3, values // 2),
        "LA": (values, values // 2),
    }
    mode = str(rng.choice(list(channels)))
    Image.merge(mode, [Image.fromarray(channel) for channel in channels[mode]]).save(pair.mask)
    return pair.mask.name


def change_mask_depth(tree, pair, rng):
    Image.fromarray(values_of(pair.mask).astype(np.uint16) + 256).save(pair.mask)
    return pair.mask.name


def add_value_out_of_range(tree, pair, rng):
    if tree.name == "folder":
        write_classes(tree.root, tree.values)
    values = values_of(pair.mask)
    values.flat[rng.integers(values.size)] = rng.choice(sorted(set(range(256)) - tree.allowed))
    save_mask(pair.mask, values)
    return pair.mask.name


def ignore_all(tree, pair, rng):
    save_mask(pair.mask, np.full_like(values_of(pair.mask), tree.ignored))
    return pair.mask.name


def empty_file(tree, pair, rng):
    return overwrite(one_of(pair, rng), b"")


def cut_jpeg(tree, pair, rng):
    width, height = size_of(pair.image)
    image = Image.fromarray(rng.integers(0, 256, (height, width, 3), dtype=np.uint8))
    whole = encoded(image, "JPEG", progressive=bool(rng.random() < 0.3))
    return overwrite(pair.image, whole[: rng.integers(1, len(whole))])


def cut_png(tree, pair, rng):
    file = one_of(pair, rng)
    with Image.open(file) as image:
        whole = encoded(image if file == pair.mask else image.convert("RGB"), "PNG")
    return overwrite(file, whole[: rng.integers(1, len(whole))])


def flip_bit(tree, pair, rng):
    data = bytearray(pair.mask.read_bytes())
    start = data.index(b"IDAT")
    (length,) = struct.unpack(">I", data[start - 4 : start])
    data[start + 4 + rng.integers(length)] ^= 1 << rng.integers(8)
    return overwrite(pair.mask, data)


def double_stem(tree, pair, rng):
    suffix = ".jpeg" if pair.image.suffix.lower() != ".jpeg" else ".png"
    save_image(pair.image.with_suffix(suffix), rng, (9, 9))
    return f"{pair.image.stem}.*"


def write_text(tree, pair, rng):
    return overwrite(one_of(pair, rng), b"404: Not Found\n")


def put_directory(tree, pair, rng):
    file = one_of(pair, rng)
    file.unlink()
    file.mkdir()
    return file.name


def break_link(tree, pair, rng):
    file = one_of(pair, rng)
    file.unlink()
    file.symlink_to(file if rng.random() < 0.3 else tree.root / "nowhere.png")
    return file.name


def link_outside(tree, pair, rng):
    file = one_of(pair, rng)
    outside = tree.root.with_name(f"{tree.root.name} outside{file.suffix}")
    file.rename(outside)
    file.symlink_to(outside)
    return file.name


def turn_photograph(tree, pair, rng):
    exif = Image.Exif()
    exif[ORIENTATION] = int(rng.integers(2, 9))
    with Image.open(pair.image) as image:
        turned = encoded(image.convert("RGB"), "JPEG", exif=exif)
    return overwrite(pair.image, turned)


def claim_to_be_gigantic(tree, pair, rng):
    file = one_of(pair, rng)
    return overwrite(file, png(100_000, 100_000, 8, 2 if file == pair.image else 0, b"\0" * 99))


def deepen_image(tree, pair, rng):
    width, height = size_of(pair.image)
    image = Image.fromarray(rng.integers(0, 1 << 16, (height, width), dtype=np.uint16))
    return overwrite(pair.image, encoded(image, "PNG"))


def share_image(tree, pair, rng):
    other = tree.test[rng.integers(len(tree.test))]
    pair.image.write_bytes(other.image.read_bytes())
    pair.mask.write_bytes(other.mask.read_bytes())
    return pair.image.name


def one_of(pair: Pair, rng) -> Path:
    return pair.image if rng.random() < 0.5 else pair.mask


def overwrite(file: Path, data: bytes) -> str:
    file.write_bytes(data)
    return file.name


def png(width, height, depth, colour, pixels):
    """A PNG with valid check sums that says of itself whatever it likes."""
    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
    parts = ((b"IHDR", header), (b"IDAT", zlib.compress(pixels)), (b"IEND", b""))
    return PNG_START + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data)) for kind, data in parts
    )


@dataclass(frozen=True)
class Kind:
    """A kind of damage: what does it, to which layouts, and whether it is only warned of."""

    damage: Callable
    layouts: tuple[str, ...] = tuple(LAYOUTS)
    warning: bool = False


PAIRED_BY_STEM = ("folder", "camvid", "ade20k")
KINDS = {
    "missing mask": Kind(lose_mask),
    "missing image": Kind(lose_image),
    "mask of another size": Kind(change_mask_size),
    "mask of several channels": Kind(make_mask_colourful),
    "mask of another depth": Kind(change_mask_depth),
    "value out of range": Kind(add_value_out_of_range),
    "mask that ignores everything": Kind(ignore_all, ("folder", "voc", "camvid", "cityscapes"), warning=True),
    "empty file": Kind(empty_file),
    "JPEG cut off": Kind(cut_jpeg),
    "PNG cut off": Kind(cut_png),
    "flipped bit in a mask": Kind(flip_bit),
    "two images of one stem": Kind(double_stem, PAIRED_BY_STEM),
    "text under the name of a picture": Kind(write_text),
    "directory in place of a file": Kind(put_directory),
    "broken link": Kind(break_link),
    "link out of the data set": Kind(link_outside, warning=True),
    "photograph stored turned": Kind(turn_photograph, warning=True),
    "gigantic picture": Kind(claim_to_be_gigantic),
    "image of 16 bits": Kind(deepen_image),
    "image in both splits": Kind(share_image, ("voc", "camvid", "ade20k", "cityscapes"), warning=True),
}
