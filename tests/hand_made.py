"""A data set of seven images that one can hold in mind: which labels each shows, its number in its pixels."""

import numpy as np
import torch

from satkit.data import IGNORE, Split
from satkit.data.batches import MEAN, STD
from satkit.data.labels import presence
from satkit.data.step_images import StepImages

NAMES = ("background", "a", "b", "c", "d")
# What each image shows; pixel values of image i are 10 * i.
SHOWN = ([0, 1], [1, 2], [0, 3], [1, 3, 4], [0, 2, IGNORE], [4, 0], [0])


def split_of(shown, size=4):
    labels = [np.resize(np.array(values, dtype=np.uint8), (size, size)) for values in shown]
    images = np.stack([np.full((size, size, 3), 10 * number, dtype=np.uint8) for number in range(len(shown))])
    return Split(images, np.stack(labels), presence(labels, len(NAMES) - 1), tuple(map(str, range(len(shown)))))


def everything(count, size=4):
    split = split_of([[0, 1]] * count, size)
    return StepImages(np.arange(count), np.arange(256, dtype=np.uint8), split)


def numbers(images):
    """Which image each of a batch is, read from its pixels."""
    red = images[:, 0, 0, 0].double() * STD[0] + MEAN[0]
    return (red * 25.5).round().int().tolist()


def pixels_of(images):
    """What was normalised for the network, as it was: uint8 (batch, height, width, 3)."""
    shares = images.permute(0, 2, 3, 1).double() * torch.tensor(STD) + torch.tensor(MEAN)
    return (255 * shares).round().byte().numpy()
