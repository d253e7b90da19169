"""Small random data sets on disk, one function for each layout that satkit reads."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from satkit.data import IGNORE
from satkit.data.datasets.cityscapes import CITIES
from satkit.data.reading.pairs import Pair

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
