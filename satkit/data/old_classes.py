"""How often old classes come back in the images of later steps.

Where an image of a later step shows an old class, the teacher's pseudo-labels mark it, and the student is trained on it
once more. So this decides how much there is to forget. It is counted from the classes that each image shows, with no
image at hand; the counts of VOC are kept in `assets/voc_old_classes.json`.
"""

from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from satkit.data.datasets.voc import CLASS_NAMES
from satkit.data.step_images import images_of
from satkit.scenario import Scenario, scenario
from satkit.utils.assets import asset
from satkit.utils.errors import UsageError
from satkit.utils.files import read_json, write_json

VOC_FILE = "voc_old_classes.json"
VOC_TASK = "15-1"
VOC_SOURCE = "the masks of the 10,582 images of VOC 2012's train_aug (VOC 2012 and SBD), task 15-1, overlapped"
DIGITS = 4  # of the numbers in the file


@dataclass(frozen=True)
class OldClasses:
    """Old classes in the images of every later step, in the order of the steps.

    Attributes:
        classes_an_image: Mean number of classes that an image of the whole set shows; background is none.
        images: How many images each step has.
        shares: Share of them that show an old class, 0 to 1; NaN for a step without images.
        old_an_image: Mean number of old classes that an image of the step shows; NaN for a step without images.
        source: Where the numbers are from, if they were stored.
    """

    classes_an_image: float
    images: tuple[int, ...]
    shares: tuple[float, ...]
    old_an_image: tuple[float, ...]
    source: str = ""


def old_classes(present: np.ndarray, scenario: Scenario, seed: int = 0) -> OldClasses:
    """Count the old classes that the images of every later step show.

    Args:
        present: Bool (image, label): which label occurs in which training image, background first.
        seed: Decides which class of an image is drawn in the setting "partitioned".

    Raises:
        UsageError: In a setting by domain, where every class is annotated in every step.
    """
    if scenario.by_domain:
        raise UsageError(
            f"Old classes must be those of earlier steps, but in the setting {scenario.setting!r} all steps have the "
            "same classes. Choose a setting by class, such as 'overlapped'."
        )
    steps = scenario.steps[1:]
    images = [images_of(present, scenario, step, seed) for step in steps]
    old = [[scenario.order[index - 1] for index in step.old] for step in steps]
    counts = [present[each][:, labels].sum(axis=1) for each, labels in zip(images, old, strict=True)]
    return OldClasses(
        float(present[:, 1:].sum(axis=1).mean()),
        tuple(map(len, images)),
        tuple(_mean(shown > 0) for shown in counts),
        tuple(_mean(shown) for shown in counts),
    )


def voc_old_classes() -> OldClasses:
    """The counts of VOC 15-1, overlapped; they are stored, so that VOC itself is not needed."""
    stored = read_json(asset(VOC_FILE))
    return OldClasses(**{name: tuple(value) if isinstance(value, list) else value for name, value in stored.items()})


def measure_voc(presence: Path, file: Path) -> OldClasses:
    """Count VOC 15-1, overlapped, and write what `voc_old_classes` reads, rounded to `DIGITS` digits.

    Args:
        presence: An npz file with `present`, bool (image, 21), and `split`, "train_aug" for the training images.
        file: Where the JSON file is written.
    """
    stored = np.load(presence)
    present = stored["present"][stored["split"] == "train_aug"]
    counted = asdict(old_classes(present, scenario(CLASS_NAMES, VOC_TASK)))
    rounded = {name: np.round(value, DIGITS).tolist() for name, value in counted.items() if name != "source"}
    write_json(file, {"source": VOC_SOURCE, **rounded})
    return OldClasses(**counted)


def _mean(values: np.ndarray) -> float:
    return float(values.mean()) if len(values) else float("nan")
