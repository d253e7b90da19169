"""What the canvas of the feature explorer draws, as plain values and bytes; `features_canvas` reads them."""

from collections.abc import Iterable, Mapping, Sequence

import numpy as np
from torch import Tensor

from satkit.analysis.feature_colours import direction_codes
from satkit.data.transforms import resize_labels
from satkit.plots.style import ATTENTION_MAP
from satkit.widgets import scene


def images_of(names: Sequence[str], shown: Iterable[tuple[int, np.ndarray, np.ndarray]]) -> dict:
    """The two images: number, image and ground truth of each."""
    made = scene.common(names)
    tables = {"similarity": scene.colour_table(ATTENTION_MAP)}
    images = [{"number": number, **scene.picture_of(*each)} for number, *each in shown]
    return {**made, "tables": tables, "images": images}


def maps_of(
    layer: str,
    truths: Sequence[np.ndarray],
    models: Mapping[str, Sequence[Tensor]],
    colours: Mapping[str, Sequence[np.ndarray]],
) -> dict:
    """The feature maps of some models for the two images.

    Args:
        layer: Which maps these are.
        truths: The ground truth of each image, uint8 (height, width).
        models: By name, a feature map (channel, row, column) for each image; those of an image have the same size.
        colours: By name, the colours of these maps, float (row, column, 3) in [0, 1].
    """
    grids = [list(each.shape[1:]) for each in next(iter(models.values()))]
    labels = [resize_labels(truth, *grid).tobytes() for truth, grid in zip(truths, grids, strict=True)]
    return {
        "layer": layer,
        "grids": grids,
        "labels": labels,
        "models": [
            {
                "name": name,
                "channels": int(maps[0].shape[0]),
                "codes": [direction_codes(each).tobytes() for each in maps],
                "colours": [np.rint(255 * each).astype(np.uint8).tobytes() for each in colours[name]],
            }
            for name, maps in models.items()
        ],
    }
