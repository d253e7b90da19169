"""Small models, images and label maps that several tests look at."""

import numpy as np
import torch

from satkit.data.dataset import Split
from satkit.data.labels import presence
from satkit.data.step_images import StepImages
from satkit.models import build_segmenter


def segmenter(seed=0):
    torch.manual_seed(seed)
    return build_segmenter("mit_quick", (6,), decoder_width=16)


def count_hooks(model) -> int:
    """Hooks on a model and everything inside it; torch gives no public count of them."""
    return sum(len(module._forward_hooks) + len(module._forward_pre_hooks) for module in model.modules())


def picture(seed=0, size=(32, 32)):
    return np.random.default_rng(seed).integers(0, 256, (*size, 3), dtype=np.uint8)


def blocks(*rows):
    """A label map of 32 x 32 pixels made of squares with these labels."""
    labels = np.array(rows, dtype=np.uint8)
    return labels.repeat(32 // labels.shape[0], axis=0).repeat(32 // labels.shape[1], axis=1)


LABELS = blocks([0, 0, 1, 1], [0, 2, 1, 1], [4, 4, 2, 255], [4, 4, 2, 0])


def step_images(*labels, table=None):
    labels = np.stack(labels)
    images = np.stack([picture(seed, labels.shape[1:]) for seed in range(len(labels))])
    split = Split(images, labels, presence(list(labels), 20), tuple(map(str, range(len(labels)))))
    return StepImages(np.arange(len(labels)), np.arange(256, dtype=np.uint8) if table is None else table, split)
