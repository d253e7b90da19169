"""Batches by their number, for training and for evaluation.

A training batch is a function of (seed, step, iteration). No loader has a state, so a training that was interrupted
continues exactly as without the interruption. Labels stay uint8 until the loss.
"""

import math
from collections.abc import Callable, Iterator
from functools import lru_cache

import numpy as np
import torch
from torch import Tensor

from satkit.data.exemplars import Exemplars
from satkit.data.step_images import StepImages, epoch_order
from satkit.data.transforms import CentreCrop
from satkit.utils.errors import UsageError
from satkit.utils.seeding import derive

# Mean and deviation of ImageNet's red, green and blue in [0, 1], as pretrained backbones expect.
MEAN = (0.485, 0.456, 0.406)

STD = (0.229, 0.224, 0.225)

MOST_PIXELS = 16 * 512 * 512  # of an evaluation batch

Augment = Callable[[np.ndarray, np.ndarray, np.random.Generator], tuple[np.ndarray, np.ndarray]]


def to_input(images: Tensor) -> Tensor:
    """Images as network input: float32 (batch, 3, height, width), normalised by ImageNet's mean and deviation.

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


def sample_generator(seed: int, step: int, epoch: int, index: int) -> np.random.Generator:
    """The random generator of the augmentation of image `index` of the split in an epoch."""
    return np.random.Generator(np.random.PCG64(derive(seed, "augment", step, epoch, index)))


class BatchStream:
    """The batches of a step by number.

    An epoch uses every image at most once and leaves out the images that do not fill a batch. If the step has fewer
    images than a batch, a batch continues with the order of the next epoch.

    Args:
        images: The step's images.
        batch_size: Images in a batch.
        augment: Returns crops of one size, e.g. `SimpleAugment(64)`.
        seed: The run's seed.
        step_index: Number of the step; every step has its own order.
        exemplars: Images that replace a part of every batch.
        part: Which images of a batch are made, by their positions in it; another process may make the others.

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
        part: slice = slice(None),
    ):
        if batch_size < 1:
            raise UsageError(f"The batch size must be at least 1, got {batch_size}.")
        if exemplars is not None and batch_size < 2:
            raise UsageError("A batch with exemplars needs at least 2 images, got 1. Choose a larger batch size.")
        self.images = images
        self.batch_size = batch_size
        self.augment = augment
        self.seed = seed
        self.step_index = step_index
        self.exemplars = exemplars
        self.part = part
        self._order = lru_cache(maxsize=2)(self._epoch_order)

    @property
    def batches_per_epoch(self) -> int:
        """Number of batches in an epoch, at least 1."""
        return max(1, len(self.images) // self.batch_size)

    def samples(self, iteration: int) -> list[tuple[int, int]]:
        """Epoch and image number in the split of everything in a batch."""
        count = len(self.images)
        if count >= self.batch_size:
            epoch, batch = divmod(iteration, self.batches_per_epoch)
            first = epoch * count + batch * self.batch_size
        else:
            first = iteration * self.batch_size
        positions = (divmod(number, count) for number in range(first, first + self.batch_size))
        return [(epoch, int(self.images.indices[self._order(epoch)[position]])) for epoch, position in positions]

    def batch(self, iteration: int) -> tuple[Tensor, Tensor]:
        """Images, float32 (batch, 3, height, width), and labels, uint8 (batch, height, width)."""
        samples, made = list(enumerate(self.samples(iteration))), {}
        for position, (epoch, index) in samples[self.part]:
            random = sample_generator(self.seed, self.step_index, epoch, index)
            image, annotation = self.augment(self.images.shown(index), self.images.split.labels[index], random)
            made[position] = image, self.images.table[annotation]
        for position, *exemplar in self.exemplars_of(iteration):
            if position in made:
                made[position] = exemplar
        return _tensors(*map(list, zip(*made.values(), strict=True)))

    def exemplars_of(self, iteration: int) -> Iterator[tuple[int, np.ndarray, np.ndarray]]:
        """The exemplars of a batch: position in the batch, augmented image, and labels as class indices."""
        if self.exemplars is None:
            return
        random = np.random.Generator(np.random.PCG64(derive(self.seed, "memory", self.step_index, iteration)))
        for position, index, step in self._chosen_exemplars(random):
            source = self.exemplars.sources[step]
            image, annotation = self.augment(source.shown(index), source.split.labels[index], random)
            yield position, image, source.table[annotation]

    def names(self, iteration: int) -> list[str]:
        """Names of the images in a batch."""
        names = [self.images.split.names[index] for _, index in self.samples(iteration)]
        if self.exemplars is not None:
            random = np.random.Generator(np.random.PCG64(derive(self.seed, "memory", self.step_index, iteration)))
            for position, index, step in self._chosen_exemplars(random):
                names[position] = self.exemplars.sources[step].split.names[index]
        return names

    def _chosen_exemplars(self, random: np.random.Generator) -> list[tuple[int, int, int]]:
        """Position in the batch, image number in the split, and step of every exemplar of a batch."""
        count = min(max(1, round(self.exemplars.share * self.batch_size)), self.batch_size - 1)
        entries = self.exemplars.entries
        chosen = random.choice(len(entries), count, replace=len(entries) < count)
        positions = random.choice(self.batch_size, count, replace=False)
        return [(int(place), *entries[entry].tolist()) for place, entry in zip(positions, chosen, strict=True)]

    def _epoch_order(self, epoch: int) -> np.ndarray:
        return epoch_order(self.seed, self.step_index, epoch, len(self.images))


def evaluation_batches(
    images: StepImages, batch_size: int, crop: CentreCrop | None = None, turn: tuple[int, int] = (0, 1)
) -> Iterator[tuple[Tensor, Tensor, np.ndarray]]:
    """Every image once: images and labels as in a training batch, and their positions in `indices`.

    Only images of the same size share a batch, so nothing is resized or padded; batches of large images are smaller.

    Args:
        crop: What is taken of each image; None for all of it.
        turn: (2, 3) gives every third batch, from number 2 on: so three processes share the batches.
    """
    chunks = list(_same_size(images, batch_size, crop))
    for chosen in chunks[turn[0] :: turn[1]]:
        pairs = [(images.image(position), images.labels(position)) for position in chosen]
        pairs = [crop(*pair) for pair in pairs] if crop else pairs
        yield *_tensors(*map(list, zip(*pairs, strict=True))), chosen


def _same_size(images: StepImages, batch_size: int, crop: CentreCrop | None) -> Iterator[np.ndarray]:
    """Positions of the images of each evaluation batch."""
    by_size: dict[tuple[int, ...], list[int]] = {}
    for position, index in enumerate(images.indices):
        by_size.setdefault(() if crop else images.split.labels[index].shape, []).append(position)
    for size, positions in by_size.items():
        area = crop.size**2 if crop else math.prod(size)
        together = max(1, min(batch_size, MOST_PIXELS // area))
        for first in range(0, len(positions), together):
            yield np.array(positions[first : first + together])


def _tensors(images: list[np.ndarray], labels: list[np.ndarray]) -> tuple[Tensor, Tensor]:
    return to_input(torch.from_numpy(np.stack(images))), torch.from_numpy(np.stack(labels))
