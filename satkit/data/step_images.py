"""The images of a step: which images of the data set belong to it, and how their labels are read."""

from dataclasses import dataclass, replace

import numpy as np

from satkit.data.dataset import SegmentationData, Split
from satkit.data.domains import learnt_from, tested_on
from satkit.data.labels import BACKGROUND, IGNORE, label_table
from satkit.data.shift import Shift, shift_of
from satkit.scenario import Scenario, Step
from satkit.utils.errors import UsageError, choose
from satkit.utils.seeding import derive

HIDDEN = {"background": BACKGROUND, "ignored": IGNORE}

HELD_OUT = 0.2  # of a step's training images


@dataclass(frozen=True, eq=False)
class StepImages:
    """The images that belong to a step, and how their labels are read in it.

    Attributes:
        indices: Numbers of the images in the split, ascending.
        table: Class index of each of the 256 values of the data set's labels.
        split: Where images and whole annotations are.
        shift: Changes the stored images; None where the step shows them as they are.
    """

    indices: np.ndarray
    table: np.ndarray
    split: Split
    shift: Shift | None = None

    def __len__(self) -> int:
        return len(self.indices)

    def image(self, position: int) -> np.ndarray:
        """The image at a position of `indices`, uint8 (height, width, 3)."""
        return self.shown(self.indices[position])

    def shown(self, index: int) -> np.ndarray:
        """Image number `index` of the split as the step shows it, uint8 (height, width, 3)."""
        image = self.split.images[index]
        return self.shift(image) if self.shift else image

    def labels(self, position: int) -> np.ndarray:
        """The labels at a position of `indices`, uint8 (height, width), as class indices."""
        return self.table[self.split.labels[self.indices[position]]]


def training_images(
    data: SegmentationData,
    scenario: Scenario,
    step: Step,
    shift: float = 0.0,
    seed: int = 0,
    void: str = "ignored",
) -> StepImages:
    """The images to train a step on, with the labels that its annotator shows; all else is background.

    Args:
        shift: How much images of later steps differ from those of the base step, 0 to 1; see `Shift`.
        seed: Decides how they differ, and which class of an image is drawn in the setting "partitioned".
        void: What unlabelled pixels count as: "ignored" or "background".

    Raises:
        UsageError: For another `void`, or if no image belongs to the step.
    """
    split, table = data.train, _training_table(scenario, step, void)
    illumination = shift_of(step.index, shift, seed)
    if scenario.by_domain:
        return StepImages(learnt_from(data.pool.domains, scenario, step), table, data.pool, illumination)
    indices = images_of(split.present, scenario, step, seed)
    if not len(indices):
        instead = "or another task" if scenario.setting == "overlapped" else "another task, or the setting 'overlapped'"
        raise UsageError(
            f"Step {step.index} of task {scenario.task} ({scenario.setting}) must have images to learn "
            f"{_class_names(scenario, step.new)} from, but none of the {len(split)} training images of "
            f"{data.name} belongs to it. Take more images, {instead}."
        )
    return StepImages(indices, table, split, illumination)


def images_of(present: np.ndarray, scenario: Scenario, step: Step, seed: int = 0) -> np.ndarray:
    """Numbers of the images that belong to a step, ascending, in the settings by class.

    Args:
        present: Bool (image, label): which label occurs in which image, background first.
        seed: Decides which class of an image is drawn in the setting "partitioned".
    """
    wanted, unwanted = (sorted(labels) for labels in scenario.image_filter(step))
    if scenario.setting == "partitioned":
        drawn = [_drawn(np.flatnonzero(row).tolist(), seed, index) for index, row in enumerate(present)]
        return np.flatnonzero(np.isin(drawn, wanted))
    return np.flatnonzero(present[:, wanted].any(axis=1) & ~present[:, unwanted].any(axis=1))


def held_out(images: StepImages, seed: int, step: int) -> tuple[StepImages, StepImages]:
    """A step's images in two parts: for training, and a random fifth for choosing the best weights."""
    order = epoch_order(derive(seed, "held out"), step, 0, len(images))
    count = max(1, round(HELD_OUT * len(images)))
    if count == len(images):
        raise UsageError(f"Step {step} must have two or more images to hold one out, got 1. Choose another protocol.")
    parts = (np.sort(images.indices[part]) for part in (order[count:], order[:count]))
    train, validation = (replace(images, indices=indices) for indices in parts)
    return train, validation


def test_images(
    data: SegmentationData,
    scenario: Scenario,
    step: Step,
    future: str = "background",  # noqa: PT028 (not a test)
    which: str = "seen",  # noqa: PT028
) -> StepImages:
    """The test images, labelled with all classes seen so far.

    Args:
        future: What pixels of classes not yet learnt count as: "background" or "ignored".
        which: "seen" for the images with at least one class seen so far, "all" for all.

    Raises:
        UsageError: For another `future` or `which`, or if no image has a seen class.
    """
    hidden = choose("treatment of future classes", future, HIDDEN)
    seen = scenario.test_table(step)
    if scenario.by_domain:
        indices = tested_on(data.pool.domains, scenario, step)
        return StepImages(indices, label_table(seen), data.pool)
    has_seen = data.test.present[:, list(seen)].any(axis=1)
    indices = np.flatnonzero(choose("choice of test images", which, {"seen": has_seen, "all": np.ones_like(has_seen)}))
    if not len(indices):
        raise UsageError(
            f"Step {step.index} of task {scenario.task} must have test images with one of "
            f"{_class_names(scenario, step.seen)}, but none of the {len(data.test)} test images of "
            f"{data.name} has. Take more images or another task."
        )
    later = {scenario.order[index - 1]: hidden for index in step.future}
    return StepImages(indices, label_table(seen | later), data.test)


def epoch_order(seed: int, step: int, epoch: int, count: int) -> np.ndarray:
    """The order of `count` images in an epoch: a permutation of 0 .. count - 1."""
    random = np.random.Generator(np.random.PCG64(derive(seed, "order", step, epoch)))
    return np.argsort(random.random(count), kind="stable")


def _training_table(scenario: Scenario, step: Step, void: str) -> np.ndarray:
    return label_table(scenario.training_table(step) | void_label(void))


def void_label(void: str) -> dict[int, int]:
    return {IGNORE: choose("treatment of unlabelled pixels", void, HIDDEN)}


def _drawn(present: list[int], seed: int, index: int) -> int:
    """One of the classes of image number `index`, all equally likely; background if it has none."""
    classes = [label for label in present if label != BACKGROUND]
    if not classes:
        return BACKGROUND
    return classes[derive(seed, "partition", index) % len(classes)]


def _class_names(scenario: Scenario, classes: tuple[int, ...]) -> str:
    return ", ".join(scenario.names[index] for index in classes)
