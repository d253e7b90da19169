"""Cityscapes: street scenes of 21 cities in the fine annotation, 2048 x 1024 pixels (Cordts et al., CVPR 2016).

19 of the 35 annotated classes are used, the others are IGNORE. Like CamVid it has no background: the classes become the
labels 1 .. 19. The domain of an image is its city, because Cityscapes is also learnt city after city, with all classes
from the start (setting "domain" of a scenario).
"""

from pathlib import Path

from satkit.data.labels import IGNORE, label_table
from satkit.data.reading.pairs import Pair
from satkit.data.reading.problems import Problem
from satkit.data.reading.reading import DataFiles, root_folder

# Class by its value in the files *_gtFine_labelIds.png.
LABEL_IDS = {
    7: "road",
    8: "sidewalk",
    11: "building",
    12: "wall",
    13: "fence",
    17: "pole",
    19: "traffic light",
    20: "traffic sign",
    21: "vegetation",
    22: "terrain",
    23: "sky",
    24: "person",
    25: "rider",
    26: "car",
    27: "truck",
    28: "bus",
    31: "train",
    32: "motorcycle",
    33: "bicycle",
}
NUM_VALUES = 34  # 0 .. 33 in the files, and 255 for licence plates (-1 in the original list)
CLASS_NAMES = ("background", *LABEL_IDS.values())
# In the published order of learning; the cities of the official validation images are last.
CITIES = (
    "aachen",
    "bremen",
    "darmstadt",
    "erfurt",
    "hanover",
    "krefeld",
    "strasbourg",
    "tubingen",
    "weimar",
    "bochum",
    "cologne",
    "dusseldorf",
    "hamburg",
    "jena",
    "monchengladbach",
    "stuttgart",
    "ulm",
    "zurich",
    "frankfurt",
    "lindau",
    "munster",
)
IMAGE_END, MASK_END = "_leftImg8bit.png", "_gtFine_labelIds.png"
SOURCE = "https://www.cityscapes-dataset.com (registration), leftImg8bit_trainvaltest.zip and gtFine_trainvaltest.zip"
LAYOUT = """\
  ROOT/
    leftImg8bit/train/CITY/    NAME_leftImg8bit.png
    leftImg8bit/val/CITY/
    gtFine/train/CITY/         NAME_gtFine_labelIds.png
    gtFine/val/CITY/"""


def find(root: str | Path = "") -> DataFiles:
    """The files of Cityscapes; scores are computed on its validation images.

    Args:
        root: Folder of `LAYOUT`.

    Raises:
        UsageError: For a missing root.
    """
    folder = root_folder("Cityscapes", root, LAYOUT, SOURCE)
    problems: list[Problem] = []
    train, test = (tuple(_pairs(folder, split, problems)) for split in ("train", "val"))
    shown = {value: label for label, value in enumerate(LABEL_IDS, start=1)}
    table = label_table(shown, default=IGNORE)
    values = frozenset((*range(NUM_VALUES), IGNORE))
    present = {pair.domain for pair in (*train, *test)}
    cities = tuple(city for city in CITIES if city in present)
    return DataFiles("cityscapes", folder, CLASS_NAMES, train, test, table, values, tuple(problems), cities)


def _pairs(root: Path, split: str, problems: list[Problem]) -> list[Pair]:
    """The pairs of all cities of a split; their problems are added to `problems`."""
    folders = [root / kind / split for kind in ("leftImg8bit", "gtFine")]
    missing = [folder for folder in folders if not folder.is_dir()]
    problems += [Problem(str(folder), "missing folder") for folder in missing]
    if missing:
        return []
    files = {}
    for kind, (folder, end) in enumerate(zip(folders, (IMAGE_END, MASK_END), strict=True)):
        for file in sorted(folder.glob(f"*/*{end}")):
            if file.name.startswith("."):
                continue
            files.setdefault((file.parent.name, file.name.removesuffix(end)), [None, None])[kind] = file
    if not files:
        problems.append(Problem(str(folders[0]), "empty folder", f"no CITY/NAME{IMAGE_END}"))
    pairs = []
    for (city, stem), (image, mask) in sorted(files.items()):
        if city not in CITIES:
            unknown = Problem(str((image or mask).parent), "unknown city", f"known are {', '.join(CITIES)}")
            problems += [] if unknown in problems else [unknown]
        elif image is None:
            problems.append(Problem(str(mask), "mask without image", f"no {stem}{IMAGE_END}"))
        elif mask is None:
            problems.append(Problem(str(image), "image without mask", f"no {stem}{MASK_END} in {folders[1] / city}"))
        else:
            pairs.append(Pair(f"{city}/{stem}", image, mask, city))
    return pairs
