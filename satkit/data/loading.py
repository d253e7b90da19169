"""From a data set to batches: the images of a step, its labels as class indices, and batches by their number.

A batch is a function of (seed, step, iteration). There is no loader with a state, so training goes on after
an interruption exactly as it would have gone without. Labels stay uint8 until the loss. Images are kept in
memory.
"""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
import torch
from torch import Tensor

from satkit.choices import UsageError, choose
from satkit.data.contract import SegmentationData, Split
from satkit.data.domains import learnt_from, tested_on
from satkit.data.labels import BACKGROUND, IGNORE, label_table
from satkit.data.shift import Shift
from satkit.data.transforms import CentreCrop
from satkit.scenario import Scenario, Step
from satkit.seeding import derive

# Mean and deviation of ImageNet's red, green and blue in [0, 1], as pretrained backbones expect.
MEAN = (0.485, 0.456, 0.406)
STD = (0.229, 0.224, 0.225)
HIDDEN = {"background": BACKGROUND, "ignored": IGNORE}
MOST_PIXELS = 16 * 512 * 512  # of images that are evaluated together
HELD_OUT = 0.2  # of a step's training images

Augment = Callable[[np.ndarray, np.ndarray, np.random.Generator], tuple[np.ndarray, np.ndarray]]


@dataclass(frozen=True, eq=False)
class StepImages:
    """The images that belong to a step, and how their labels are read in it.

    Attributes:
        indices: Numbers of the images in the split, ascending.
        table: Class index of each of the 256 values of the data set's labels.
        split: Where images and whole annotations are.
        shift: What the step's images look like, where they differ from what is stored.
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
        seed: Decides how they differ, and which class of an image decides in the setting "partitioned".
        void: What unlabelled pixels count as: "ignored" or "background".

    Raises:
        UsageError: For another `void`, or if no image belongs to the step.
    """
    split, table = data.train, _training_table(scenario, step, void)
    look = Shift(shift, step.index, seed) if shift and step.index else None
    if scenario.by_domain:
        return StepImages(learnt_from(data.pool.domains, scenario, step), table, data.pool, look)
    wanted, unwanted = (sorted(labels) for labels in scenario.image_filter(step))
    if scenario.setting == "partitioned":
        drawn = [_drawn(np.flatnonzero(row).tolist(), seed, index) for index, row in enumerate(split.present)]
        indices = np.flatnonzero(np.isin(drawn, wanted))
    else:
        indices = np.flatnonzero(split.present[:, wanted].any(axis=1) & ~split.present[:, unwanted].any(axis=1))
    if not len(indices):
        raise UsageError(
            f"Step {step.index} of task {scenario.task} ({scenario.setting}) must have images to learn "
            f"{_class_names(scenario, step.new)} from, but none of the {len(split)} training images of "
            f"{data.name} belongs to it. Take more images, another task, or the setting 'overlapped'."
        )
    return StepImages(indices, table, split, look)


def held_out(images: StepImages, seed: int, step: int) -> tuple[StepImages, StepImages]:
    """A step's images divided in two: those to train on, and a fifth, drawn at random, to choose the weights by."""
    order = epoch_order(derive(seed, "held out"), step, 0, len(images))
    count = max(1, round(HELD_OUT * len(images)))
    if count == len(images):
        raise UsageError(f"Step {step} has a single image, of which nothing can be held out. Take another protocol.")
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


def to_input(images: Tensor) -> Tensor:
    """What a network takes: float32 (batch, 3, height, width), normalised by ImageNet's mean and deviation.

    Args:
        images: uint8, of shape (batch, height, width, 3) or (batch, 3, height, width).

    Raises:
        ValueError: For another shape or type.
    """
    if images.dtype != torch.uint8 or images.ndim != 4 or 3 not in (images.shape[1], images.shape[3]):
        raise ValueError(
            "Images must be uint8 of shape (batch, height, width, 3) or (batch, 3, height, width), "
            f"got {images.dtype} of shape {tuple(images.shape)}."
        )
    if images.shape[3] == 3:
        images = images.permute(0, 3, 1, 2)
    mean = torch.tensor(MEAN, device=images.device).view(3, 1, 1)
    deviation = torch.tensor(STD, device=images.device).view(3, 1, 1)
    return images.contiguous().float().sub_(255 * mean).div_(255 * deviation)


def epoch_order(seed: int, step: int, epoch: int, count: int) -> np.ndarray:
    """The order of `count` images in an epoch: a permutation of 0 .. count - 1."""
    random = np.random.Generator(np.random.PCG64(derive(seed, "order", step, epoch)))
    return np.argsort(random.random(count), kind="stable")


def sample_generator(seed: int, step: int, epoch: int, index: int) -> np.random.Generator:
    """What augments image `index` of the split in an epoch."""
    return np.random.Generator(np.random.PCG64(derive(seed, "augment", step, epoch, index)))


@dataclass(frozen=True, eq=False)
class Exemplars:
    """Images of earlier steps to train on again.

    Attributes:
        entries: Number of an image in the training split, and the step that annotated it: int64 (image, 2).
        sources: By step, how its images look and how their labels are read.
        share: Part of every batch.
    """

    entries: np.ndarray
    sources: dict[int, StepImages]
    share: float


def exemplars(
    data: SegmentationData,
    scenario: Scenario,
    entries: np.ndarray,
    labels: str,
    step: Step,
    share: float,
    shift: float = 0.0,
    seed: int = 0,
    void: str = "ignored",
) -> Exemplars:
    """The exemplars that a step trains on.

    Args:
        entries: What `ExemplarMemory.choose` returned.
        labels: "step": as each image was annotated in its own step; "complete": every class seen up to this step.
        step: The step that trains on them.
        share: Part of every batch.
        shift: Images look as they did in their own step, see `Shift`.
        void: What unlabelled pixels count as: "ignored" or "background".
    """
    split = data.pool if scenario.by_domain else data.train
    sources = {}
    for index in np.unique(entries[:, 1]).tolist():
        then = scenario.steps[index]
        shown = scenario.test_table(step) if labels == "complete" else scenario.training_table(then)
        look = Shift(shift, index, seed) if shift and index else None
        indices = entries[entries[:, 1] == index, 0]
        sources[index] = StepImages(indices, label_table(shown | _void(void)), split, look)
    return Exemplars(entries, sources, share)


def exemplar_presence(split: Split, scenario: Scenario, entries: np.ndarray, labels: str, last: Step) -> np.ndarray:
    """Which class each exemplar shows under its labels: bool (image, background and classes up to step `last`)."""
    shows = np.zeros((len(entries), last.num_outputs), dtype=bool)
    for row, (index, step) in enumerate(entries.tolist()):
        table = scenario.test_table(last) if labels == "complete" else scenario.training_table(scenario.steps[step])
        for label, number in table.items():
            shows[row, number] = split.present[index, label]
    return shows


class BatchStream:
    """The batches of a step, each found by its number.

    An epoch takes every image at most once and leaves out what does not fill a batch. Where a batch is
    larger than the step has images, batches run on from one epoch's order into the next.

    Args:
        images: The step's images.
        batch_size: Images in a batch.
        augment: Makes crops of one size, e.g. `SimpleAugment(64)`.
        seed: The run's seed.
        step_index: Number of the step; each step has its own order.
        exemplars: Images that take the place of a part of every batch.

    Raises:
        UsageError: For a batch size below 1, or below 2 with exemplars.
    """

    def __init__(
        self,
        images: StepImages,
        batch_size: int,
        augment: Augment,
        seed: int,
        step_index: int,
        exemplars: Exemplars | None = None,
    ):
        if batch_size < 1:
            raise UsageError(f"The batch size must be at least 1, got {batch_size}.")
        if exemplars is not None and batch_size < 2:
            raise UsageError("A batch of 1 image has no place for exemplars. Take a batch size of at least 2.")
        self.images = images
        self.batch_size = batch_size
        self.augment = augment
        self.seed = seed
        self.step_index = step_index
        self.exemplars = exemplars
        self._order = lru_cache(maxsize=2)(self._epoch_order)

    @property
    def batches_per_epoch(self) -> int:
        """How many batches an epoch has, at least 1."""
        return max(1, len(self.images) // self.batch_size)

    def samples(self, iteration: int) -> list[tuple[int, int]]:
        """Epoch and image number in the split of everything in a batch."""
        count = len(self.images)
        if count >= self.batch_size:
            epoch, batch = divmod(iteration, self.batches_per_epoch)
            first = epoch * count + batch * self.batch_size
        else:
            first = iteration * self.batch_size
        places = (divmod(place, count) for place in range(first, first + self.batch_size))
        return [(epoch, int(self.images.indices[self._order(epoch)[place]])) for epoch, place in places]

    def batch(self, iteration: int) -> tuple[Tensor, Tensor]:
        """Images, float32 (batch, 3, height, width), and labels, uint8 (batch, height, width)."""
        images, labels = [], []
        for epoch, index in self.samples(iteration):
            random = sample_generator(self.seed, self.step_index, epoch, index)
            image, annotation = self.augment(self.images.shown(index), self.images.split.labels[index], random)
            images.append(image)
            labels.append(self.images.table[annotation])
        for place, image, annotation in self.remembered(iteration):
            images[place], labels[place] = image, annotation
        return _tensors(images, labels)

    def remembered(self, iteration: int) -> Iterator[tuple[int, np.ndarray, np.ndarray]]:
        """The exemplars of a batch: place in the batch, augmented image, and labels as class indices."""
        if self.exemplars is None:
            return
        random = np.random.Generator(np.random.PCG64(derive(self.seed, "memory", self.step_index, iteration)))
        count = min(max(1, round(self.exemplars.share * self.batch_size)), self.batch_size - 1)
        entries = self.exemplars.entries
        chosen = random.choice(len(entries), count, replace=len(entries) < count)
        for place, entry in zip(random.choice(self.batch_size, count, replace=False), chosen, strict=True):
            index, step = entries[entry].tolist()
            source = self.exemplars.sources[step]
            image, annotation = self.augment(source.shown(index), source.split.labels[index], random)
            yield int(place), image, source.table[annotation]

    def _epoch_order(self, epoch: int) -> np.ndarray:
        return epoch_order(self.seed, self.step_index, epoch, len(self.images))


def evaluation_batches(
    images: StepImages, batch_size: int, crop: CentreCrop | None = None
) -> Iterator[tuple[Tensor, Tensor, np.ndarray]]:
    """Every image once: images and labels as in a training batch, and their positions in `indices`.

    Whole images of the same size share a batch, so nothing is resized or padded; large images come in smaller batches.

    Args:
        crop: What is taken of each image; None for all of it.
    """
    by_size: dict[tuple[int, ...], list[int]] = {}
    for position, index in enumerate(images.indices):
        by_size.setdefault(() if crop else images.split.labels[index].shape, []).append(position)
    for size, positions in by_size.items():
        area = crop.size**2 if crop else math.prod(size)
        together = max(1, min(batch_size, MOST_PIXELS // area))
        for first in range(0, len(positions), together):
            chosen = np.array(positions[first : first + together])
            pairs = [(images.image(position), images.labels(position)) for position in chosen]
            pairs = [crop(*pair) for pair in pairs] if crop else pairs
            yield *_tensors(*map(list, zip(*pairs, strict=True))), chosen


def _tensors(images: list[np.ndarray], labels: list[np.ndarray]) -> tuple[Tensor, Tensor]:
    return to_input(torch.from_numpy(np.stack(images))), torch.from_numpy(np.stack(labels))


def _training_table(scenario: Scenario, step: Step, void: str) -> np.ndarray:
    return label_table(scenario.training_table(step) | _void(void))


def _void(void: str) -> dict[int, int]:
    return {IGNORE: choose("treatment of unlabelled pixels", void, HIDDEN)}


def _drawn(present: list[int], seed: int, index: int) -> int:
    """One of the classes of image number `index`, all equally likely; background if it has none."""
    classes = [label for label in present if label != BACKGROUND]
    if not classes:
        return BACKGROUND
    return classes[derive(seed, "partition", index) % len(classes)]


def _class_names(scenario: Scenario, classes: tuple[int, ...]) -> str:
    return ", ".join(scenario.names[index] for index in classes)
