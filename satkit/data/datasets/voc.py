"""PASCAL VOC 2012 (Everingham et al., IJCV 111, 2015), with the masks that SBD adds (Hariharan et al., ICCV 2011).

20 classes and background. The published tables of continual segmentation train on the 10,582 images of `train_aug`,
with masks in `SegmentationClassAug`, and compute scores on the 1,449 images of `val`. If these masks are missing, the
1,464 images of the devkit's `train` are used. The borders of objects and unlabelled pixels are IGNORE, 255 in the
masks.
"""

from pathlib import Path

from satkit.data.labels import IGNORE, label_table
from satkit.data.reading.pairs import pair_listed
from satkit.data.reading.reading import DataFiles, root_folder
from satkit.utils import _torchvision
from satkit.utils.disk_places import expanded
from satkit.utils.errors import UsageError, choose

CLASS_NAMES = (
    "background",
    "aeroplane",
    "bicycle",
    "bird",
    "boat",
    "bottle",
    "bus",
    "car",
    "cat",
    "chair",
    "cow",
    "dining table",
    "dog",
    "horse",
    "motorbike",
    "person",
    "potted plant",
    "sheep",
    "sofa",
    "train",
    "tv monitor",
)
MASKS = ("auto", "augmented", "original")
AUGMENTED_LISTS = ("train_aug.txt", "trainaug.txt")
SOURCE = "http://host.robots.ox.ac.uk/pascal/VOC/voc2012, VOCtrainval_11-May-2012.tar, or `satkit data get voc`"
LAYOUT = """\
  ROOT/VOCdevkit/VOC2012/    (or ROOT itself)
    JPEGImages/              NAME.jpg
    SegmentationClass/       NAME.png with the values 0 .. 20 and 255
    SegmentationClassAug/    the same for 10,582 images of SBD and VOC; may be missing
    ImageSets/Segmentation/  train.txt, val.txt, and train_aug.txt beside SegmentationClassAug"""


def find(root: str | Path = "", *, masks: str = "auto") -> DataFiles:
    """The files of VOC 2012.

    Args:
        root: Folder of `LAYOUT`.
        masks: Training images: "augmented" (`train_aug`), "original" (`train`), or "auto", which means "augmented" if
            there is a folder SegmentationClassAug.

    Raises:
        UsageError: For a missing root, another choice of masks, or augmented masks that are missing.
    """
    choose("choice of masks", masks, dict.fromkeys(MASKS))
    folder = root_folder("VOC 2012", root, LAYOUT, SOURCE)
    devkit = next((at for at in (folder / "VOCdevkit/VOC2012", folder / "VOC2012", folder) if _is_devkit(at)), folder)
    lists, augmented = devkit / "ImageSets/Segmentation", devkit / "SegmentationClassAug"
    if masks == "augmented" and not augmented.is_dir():
        raise UsageError(f"The augmented masks need the folder {augmented}, which is missing. Choose masks 'original'.")
    original, images = devkit / "SegmentationClass", devkit / "JPEGImages"
    if masks == "original" or not augmented.is_dir():
        train, problems = pair_listed(lists / "train.txt", images, original)
    else:
        names = next((lists / name for name in AUGMENTED_LISTS if (lists / name).is_file()), lists / AUGMENTED_LISTS[0])
        train, problems = pair_listed(names, images, augmented)
    test, more = pair_listed(lists / "val.txt", images, original)
    labels = range(len(CLASS_NAMES))
    table, values = label_table({value: value for value in labels}), frozenset((*labels, IGNORE))
    return DataFiles("voc", folder, CLASS_NAMES, tuple(train), tuple(test), table, values, (*problems, *more))


def download(root: str | Path) -> str:
    """Download the devkit (2 GB) with torchvision; returns a text with what is left to do by hand.

    Raises:
        UsageError: If the download fails, with where to get the data otherwise.
    """
    _torchvision.ensure()
    from torchvision.datasets import VOCSegmentation

    folder = expanded(root)
    folder.mkdir(parents=True, exist_ok=True)
    try:
        VOCSegmentation(folder, year="2012", image_set="trainval", download=True)
    except (OSError, RuntimeError) as error:
        raise UsageError(f"The download of VOC 2012 failed ({error}). Get it from {SOURCE.split(',')[0]}.") from error
    return (
        f"VOC 2012 is in {folder}: 1,464 training and 1,449 test images. For the 10,582 of the published "
        "tables, the folder SegmentationClassAug (masks of SBD in VOC's form) and the list train_aug.txt must be added:"
        f"\n{LAYOUT}"
    )


def _is_devkit(folder: Path) -> bool:
    return (folder / "ImageSets").is_dir() or (folder / "JPEGImages").is_dir()
