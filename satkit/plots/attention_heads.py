"""The attention row of one query for every head of every stage."""

from collections.abc import Sequence

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure

from satkit.plots import style
from satkit.plots.attention import bar, check_row, draw_attention
from satkit.plots.predictions import check_image

PANEL = 1.6  # inches, if there is space


def attention_heads(
    image: np.ndarray,
    maps: Sequence[np.ndarray],
    *,
    queries: Sequence[tuple[int, int]],
    grids: Sequence[tuple[int, int]],
    stage_names: Sequence[str],
    title: str = "",
) -> Figure:
    """The attention row of one query, one line per stage: the mean over heads, then each head.

    See which heads attend to the query's object and which to distant positions. All panels of a line share one scale,
    so a bright head attends to few keys. The scales of lines differ, since later stages have fewer keys.

    Args:
        image: uint8 of shape (height, width, 3).
        maps: Per stage, weights of shape (head, key_height, key_width).
        queries: Per stage, row and column of the query in that stage's query grid.
        grids: Per stage, height and width of the query grid.
        stage_names: Per stage, a name for its line.
        title: Of the whole figure.

    Raises:
        ValueError: If the lists differ in length, a stage has no head, or as `draw_attention`.
    """
    check_image(image)
    counts = {"maps": len(maps), "queries": len(queries), "grids": len(grids), "stage_names": len(stage_names)}
    if len(set(counts.values())) > 1 or not maps:
        raise ValueError(f"There must be one entry per stage in every list, got {counts}. Leave no stage out.")
    shapes = [np.shape(stage) for stage in maps]
    if any(len(shape) != 3 or shape[0] == 0 for shape in shapes):
        raise ValueError(f"Each stage must have weights of shape (head, key_height, key_width), got {shapes}.")
    columns = 1 + max(shape[0] for shape in shapes)
    panel = min(PANEL, (style.WIDEST - 1.4) / columns)
    height = panel * image.shape[0] / image.shape[1] + 0.12
    size = (panel * columns + 1.4, height * len(maps) + 0.4 + 0.3 * bool(title))
    figure, axes = plt.subplots(len(maps), columns, figsize=size, layout="constrained", squeeze=False)
    for line, stage, query, grid, name in zip(axes, maps, queries, grids, stage_names, strict=True):
        panels = [np.mean(stage, axis=0), *stage]
        limit = style.from_zero(*map(check_row, panels)).vmax
        for ax, row_map in zip(line, panels, strict=False):
            draw_attention(row_map, image=image, query=query, query_grid=grid, vmax=limit, ax=ax)
        for ax in line[len(panels) :]:
            ax.set_visible(False)
        line[0].set_ylabel(name)
        bar(line[0].images[-1], list(line), "weight")
    for column, text in enumerate(["mean", *(f"head {head}" for head in range(1, columns))]):
        first = next(line[column] for line in axes if line[column].get_visible())
        first.set_title(text, fontsize=style.SMALL)
    if title:
        figure.suptitle(title)
    return figure
