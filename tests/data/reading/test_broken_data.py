"""A thousand damaged data sets are all refused before training; two hundred undamaged ones have no problems.

Each of twenty kinds of damage is done to one file of fifty small random data sets, of all layouts there are on disk.
What is said of it must name that file and accuse no other, and nothing may come but a `DataError`, or a `DataWarning`
where the data can be used all the same.
"""

import io
import os
import struct
import warnings
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from satkit.data import IGNORE, load_data
from satkit.data.datasets.cityscapes import CITIES
from satkit.data.reading.pairs import Pair
from satkit.data.reading.problems import DataError, DataWarning

SEEDS = range(50)
CLEAN_SEEDS = range(200)
ORIENTATION = 0x0112
PNG_START = b"\x89PNG\r\n\x1a\n"
STEMS = ("p{:03}", "IMG_{:04}", "scan.v{:02}", "Küste_{:03}")
SPACED_STEMS = (*STEMS, "my photo ({:02})")
MODES = {"JPEG": ("RGB", "L", "CMYK"), "PNG": ("RGB", "L", "LA", "RGBA", "P", "1")}


@dataclass
class Tree:
    """A data set on disk.

    Attributes:
        name: The name it is loaded by.
        root: Its folder.
        train: Files of images to learn from, at least two; those of all images where the folder has no splits.
        test: Files of images to test on; empty where the folder has no splits.
        values: Values of classes in its masks.
        allowed: All values that its masks may hold.
        ignored: A value of pixels to ignore; None if there is none.
    """

    name: str
    root: Path
    train: list[Pair]
    test: list[Pair]
    values: list[int]
    allowed: set[int]
    ignored: int | None = None


# --- Sound data sets, one function for each layout


def folder_tree(root, rng, count):
    values = sorted(rng.choice(254, 4, replace=False).tolist())
    splits = ("train", "test") if rng.random() < 0.5 else ("",)
    suffixes = (".jpg", ".JPG", ".jpeg", ".png")
    train, test = divided(
        count,
        len(splits),
        lambda split, number: Pair(
            stem := drawn_stem(rng, number, SPACED_STEMS),
            root / splits[split] / "images" / f"{stem}{rng.choice(suffixes)}",
            root / splits[split] / "masks" / f"{stem}.png",
        ),
    )
    if rng.random() < 0.5:
        write_classes(root, values)
    return Tree("folder", root, train, test, values, {*values, IGNORE}, IGNORE)


def voc_tree(root, rng, count):
    at = root / str(rng.choice(["VOCdevkit/VOC2012", "VOC2012", "."]))
    masks = ["SegmentationClassAug" if rng.random() < 0.5 else "SegmentationClass", "SegmentationClass"]
    train, test = divided(
        count,
        2,
        lambda split, number: Pair(
            stem := f"2007_{number:06}", at / "JPEGImages" / f"{stem}.jpg", at / masks[split] / f"{stem}.png"
        ),
    )
    lists = at / "ImageSets/Segmentation"
    lists.mkdir(parents=True)
    learnt = "train_aug.txt" if masks[0].endswith("Aug") else "train.txt"
    for name, pairs in ((learnt, train), ("val.txt", test)):
        (lists / name).write_text("".join(f"{pair.name}\n" for pair in pairs))
    return Tree("voc", root, train, test, list(range(21)), {*range(21), IGNORE}, IGNORE)


def camvid_tree(root, rng, count):
    train, test = divided(
        count,
        2,
        lambda split, number: Pair(
            stem := drawn_stem(rng, number, STEMS),
            root / ("train", "test")[split] / f"{stem}{rng.choice(['.jpg', '.png'])}",
            root / ("trainannot", "testannot")[split] / f"{stem}.png",
        ),
    )
    return Tree("camvid", root, train, test, list(range(11)), set(range(12)), 11)


def ade20k_tree(root, rng, count):
    at = root / str(rng.choice(["ADEChallengeData2016", "."]))
    train, test = divided(
        count,
        2,
        lambda split, number: Pair(
            stem := f"ADE_{number:08}",
            at / "images" / ("training", "validation")[split] / f"{stem}.jpg",
            at / "annotations" / ("training", "validation")[split] / f"{stem}.png",
        ),
    )
    return Tree("ade20k", root, train, test, list(range(151)), set(range(151)))


def cityscapes_tree(root, rng, count):
    def pair(split, number):
        place, city = ("train", "val")[split], str(rng.choice(CITIES))
        stem = f"{city}_{number:06}_000019"
        image = root / "leftImg8bit" / place / city / f"{stem}_leftImg8bit.png"
        return Pair(stem, image, root / "gtFine" / place / city / f"{stem}_gtFine_labelIds.png")

    train, test = divided(count, 2, pair)
    return Tree("cityscapes", root, train, test, [7, 8, 11, 19, 26, 33], {*range(34), IGNORE}, 4)


LAYOUTS = {
    "folder": folder_tree,
    "voc": voc_tree,
    "camvid": camvid_tree,
    "ade20k": ade20k_tree,
    "cityscapes": cityscapes_tree,
}


def divided(count, splits, pair):
    """Pairs to learn from and pairs to test on, of which the latter may be none; `pair` says where one lies."""
    tested = 1 if splits == 2 else 0
    train = [pair(0, number) for number in range(count - tested)]
    return train, [pair(1, number) for number in range(count - tested, count)]


def drawn_stem(rng, number, patterns):
    return str(rng.choice(patterns)).format(number)


def draw(root: Path, rng: np.random.Generator, layouts=tuple(LAYOUTS)) -> Tree:
    """A sound data set of three to six pairs, 8 to 24 pixels a side and never square."""
    root.mkdir(parents=True)
    tree = LAYOUTS[str(rng.choice(layouts))](root, rng, int(rng.integers(3, 7)))
    candidates = [*tree.values, *([] if tree.ignored is None else [tree.ignored])]
    for pair in (*tree.train, *tree.test):
        size = rng.choice(np.arange(8, 25), 2, replace=False)
        save_image(pair.image, rng, size)
        values = np.sort(np.resize(candidates, size), axis=None)
        values = rng.permutation(values) if rng.random() < 0.5 else values  # noise, or areas as annotators draw them
        save_mask(pair.mask, values.reshape(size), palette=rng.random() < 0.3)
    return tree


def save_image(path: Path, rng, size):
    path.parent.mkdir(parents=True, exist_ok=True)
    image = Image.fromarray(rng.integers(0, 256, (*size, 3), dtype=np.uint8))
    image.convert(str(rng.choice(MODES["PNG" if path.suffix == ".png" else "JPEG"]))).save(path)


def save_mask(path: Path, values, palette=False):
    path.parent.mkdir(parents=True, exist_ok=True)
    mask = Image.fromarray(np.asarray(values, dtype=np.uint8))
    if palette:
        mask = Image.frombytes("P", mask.size, mask.tobytes())
        mask.putpalette([255 - value for value in range(256) for _ in range(3)])
    mask.save(path)


def write_classes(root: Path, values):
    (root / "classes.txt").write_text("".join(f"{value} class {value}\n" for value in values))


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


# --- Damage: done to one pair to learn from; returns the name that must be said


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
    Image.fromarray(values_of(pair.mask)).convert(str(rng.choice(["RGB", "RGBA", "LA"]))).save(pair.mask)
    return pair.mask.name


def change_mask_depth(tree, pair, rng):
    values, depth = values_of(pair.mask), int(rng.choice([1, 2, 4, 16]))
    if depth == 16:
        Image.fromarray(values.astype(np.uint16)).save(pair.mask)
    else:
        width, height = size_of(pair.mask)
        pair.mask.write_bytes(png(width, height, depth, 0, bytes((-(-width * depth // 8) + 1) * height)))
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


def what_is_said(tree: Tree) -> tuple[set[type], list[str]]:
    """What loading a data set raises or warns with, and a line for each problem; an error hides warnings."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            load_data(tree.name, tree.root)
        except DataError as error:
            return {DataError}, str(error).splitlines()[1:]
        except Exception as error:  # whatever else comes is what the tests look for
            return {type(error)}, [str(error)]
    lines = [line for warning in caught for line in str(warning.message).splitlines()[1:]]
    return {warning.category for warning in caught}, lines


def test_there_are_a_thousand_broken_data_sets():
    assert len(KINDS) * len(SEEDS) == 1000


@pytest.mark.parametrize("name", KINDS)
def test_every_broken_data_set_is_noticed_and_its_file_is_named(name, tmp_path):
    kind, failures = KINDS[name], []
    for seed in SEEDS:
        rng = np.random.default_rng([list(KINDS).index(name), seed])
        tree = draw(tmp_path / str(seed), rng, kind.layouts)
        damaged = kind.damage(tree, tree.train[rng.integers(len(tree.train))], rng)
        came, lines = what_is_said(tree)
        expected = {DataWarning if kind.warning else DataError}
        if came != expected or len(lines) != 1 or damaged not in lines[0]:
            failures.append(f"seed {seed}, {tree.name}: {damaged!r} should be named in one line, got {came} {lines}")
    assert not failures, "\n".join(failures)


def test_data_sets_without_damage_have_no_problems(tmp_path):
    failures = []
    for seed in CLEAN_SEEDS:
        tree = draw(tmp_path / str(seed), np.random.default_rng([len(KINDS), seed]))
        came, lines = what_is_said(tree)
        if came or lines:
            failures.append(f"seed {seed}, {tree.name}: {came} {lines}")
    assert not failures, "\n".join(failures)


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="the superuser may read every file")
def test_files_that_may_not_be_read_are_named(tmp_path):
    tree = draw(tmp_path / "tree", np.random.default_rng(0))
    tree.train[0].mask.chmod(0)
    came, lines = what_is_said(tree)
    assert came == {DataError}
    assert len(lines) == 1
    assert tree.train[0].mask.name in lines[0]
