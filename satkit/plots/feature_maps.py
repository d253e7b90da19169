"""Feature maps beside their images, in colours or as similarities: a row for each image, a column for each model."""

from collections.abc import Sequence

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure

from satkit.plots import style
from satkit.plots.attention import bar
from satkit.plots.predictions import check_image

PANEL = 1.75  # inches, if there is space


def feature_maps(
    images: Sequence[np.ndarray],
    maps: Sequence[Sequence[np.ndarray]],
    *,
    titles: Sequence[str],
    place: tuple[float, float] | None = None,
    of: int = 0,
) -> Figure:
    """Images on the left, and what each model makes of them.

    Compare a row from left to right: the same colours are the same features, see `analysis.shared_colours`. Of
    similarities, bright is alike and dark is not, and everything below zero is as dark as zero.

    Args:
        images: uint8 of shape (height, width, 3) each.
        maps: `maps[model][image]`, colours (row, column, 3) in [0, 1], or similarities (row, column) in [-1, 1].
        titles: Names of the models.
        place: Row and column, as shares of height and width, of the place with which all similarities are computed; a
            cross marks it.
        of: Number of the image that the place is in.

    Raises:
        ValueError: Unless there is one title a model, one map a model and image, and all maps are of one kind.
    """
    _check(images, maps, titles)
    columns = 1 + len(maps)
    panel = style.side_of_panel(columns, PANEL)
    height = panel * np.mean([image.shape[0] / image.shape[1] for image in images]) + 0.08
    similar = np.ndim(maps[0][0]) == 2
    size = (panel * columns + 0.9 * similar, height * len(images) + 0.4)
    figure, axes = plt.subplots(len(images), columns, figsize=size, layout="constrained", squeeze=False)
    for row, image in enumerate(images):
        style.bare(axes[row, 0]).imshow(image)
        for ax, of_model in zip(axes[row, 1:], maps, strict=True):
            drawn = style.bare(ax).imshow(of_model[row], cmap=style.ATTENTION_MAP, vmin=0, vmax=1)
            ax.set_box_aspect(image.shape[0] / image.shape[1])
    for ax, title in zip(axes[0], ("image", *titles), strict=True):
        ax.set_title(title, fontsize=10)
    if similar:
        bar(drawn, list(axes[:, 1:].flat), "cosine with the marked place")
    if place:
        height, width = images[of].shape[:2]
        style.cross(axes[of, 0], place[1] * width - 0.5, place[0] * height - 0.5)
    return figure


def _check(images, maps, titles) -> None:
    for image in images:
        check_image(image)
    if not maps or len(titles) != len(maps) or any(len(each) != len(images) for each in maps):
        raise ValueError(
            f"maps[model][image] must have one entry for each title ({len(titles)}), each with a map for each image "
            f"({len(images)}), got {len(maps)} entries with {sorted({len(each) for each in maps})} maps."
        )
    kinds = {np.shape(of_image)[2:] for each in maps for of_image in each}
    if kinds not in ({()}, {(3,)}):
        raise ValueError(f"Maps must all be (row, column), or all (row, column, 3), got the shapes {sorted(kinds)}.")
