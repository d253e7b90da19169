"""Features as pictures: colours by principal components that several maps share, and where features are alike."""

from collections.abc import Sequence

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from satkit.analysis.images import run_on_image
from satkit.analysis.probes import EMBEDDING
from satkit.models import Segmenter
from satkit.utils.errors import choose

TOP = 127  # the largest code of a direction
SHOWN = 0.98  # share of the values of each component that are within the range of its colour


@torch.no_grad()
def maps_by_layer(model: Segmenter, image: np.ndarray) -> dict[str, Tensor]:
    """What a model makes of an image in each of its maps, float32 (channel, row, column), in main memory.

    The names are "stage 1" and so on, for the stages of the backbone, and "embedding", which the classifier reads.

    Args:
        image: uint8 of shape (height, width, 3).

    Raises:
        BackboneError: If the image is too small.
    """
    output = run_on_image(model, image, model)
    maps = {f"stage {number}": each for number, each in enumerate(output.features, start=1)}
    return {layer: each[0].float().cpu() for layer, each in {**maps, EMBEDDING: output.embedding}.items()}


def feature_map(model: Segmenter, image: np.ndarray, layer: str = EMBEDDING) -> Tensor:
    """One of the maps of `maps_by_layer`.

    Raises:
        UsageError: If the model has no such map.
        BackboneError: If the image is too small.
    """
    return choose("feature map", layer, maps_by_layer(model, image))


def at_most(features: Tensor, side: int) -> Tensor:
    """A feature map (channel, row, column) with at most so many places a side: means of blocks where it has more."""
    longer = max(features.shape[1:])
    if longer <= side:
        return features
    return F.adaptive_avg_pool2d(features, [max(1, round(each * side / longer)) for each in features.shape[1:]])


def shared_colours(maps: Sequence[Tensor]) -> list[np.ndarray]:
    """Feature maps in colour, float (row, column, 3) in [0, 1] each: places of similar colours have similar features.

    Red, green and blue are the first three principal components of all maps together. So a colour means the same in all
    of them, if their channels do, as those of a student and of the teacher that it began as.

    Args:
        maps: (channel, row, column) each, all with the same channels, three at least.
    """
    rows = torch.cat([each.flatten(1).T for each in maps]).double()  # (place, channel)
    rows = rows - rows.mean(dim=0)
    _, directions = torch.linalg.eigh(rows.T @ rows)  # by variance, ascending
    directions = directions[:, -3:].flip(1)
    largest = directions.abs().argmax(dim=0)
    directions = directions * directions[largest, range(3)].sign()  # or the sign would be arbitrary
    values = rows @ directions
    low, high = (torch.quantile(values, share, dim=0) for share in ((1 - SHOWN) / 2, (1 + SHOWN) / 2))
    colours = ((values - low) / (high - low).clamp(min=1e-12)).clamp(0, 1)
    sizes = [each.shape[1] * each.shape[2] for each in maps]
    parts = colours.split(sizes)
    return [part.reshape(*each.shape[1:], 3).numpy() for part, each in zip(parts, maps, strict=True)]


def direction_codes(features: Tensor) -> np.ndarray:
    """The direction of every place's features as small numbers, int8 (place, channel), for a browser.

    Cosines of these codes are those of `similarity`, to about a hundredth. The largest part of a place becomes 127 or
    -127, so the length of its features is lost.

    Args:
        features: (channel, row, column).
    """
    rows = (features - features.mean(dim=(1, 2), keepdim=True)).flatten(1).T
    largest = rows.abs().amax(dim=1, keepdim=True).clamp(min=1e-12)
    return (TOP * rows / largest).round().to(torch.int8).numpy()


def similarity(one: Tensor, row: int, column: int, other: Tensor) -> np.ndarray:
    """Cosine of the angle between one place's features and those of every place of a map, (row, column) in [-1, 1].

    Both are seen from the mean over the places of their own map, or all places would be alike in what they share.

    Args:
        one: (channel, row, column), the map of the place.
        row, column: The place.
        other: The map that is compared with it; the same one, or that of another image or model.
    """
    one, other = (each - each.mean(dim=(1, 2), keepdim=True) for each in (one, other))
    return F.cosine_similarity(one[:, row, column, None, None], other, dim=0).numpy()
