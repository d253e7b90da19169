"""Relation matrices of explorers: side by side on one scale, one row framed, with a fixed layout."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from satkit.plots import style
from satkit.plots.attention import bar
from satkit.plots.attention_view import DIFFERENCE, TITLES
from satkit.plots.relations import CELL, relation_matrix

HIDDEN_ROW = -2.0  # y of a frame outside the matrix


class MatrixView:
    """Relation matrices of one model, or of teacher and student with their difference; see `relation_matrices`.

    Args:
        matrices: By name of the model, shape (region, region). "teacher" and "student" get a difference.
        row_names: Name of each row. column_names: Name of each column.

    Attributes:
        figure: The matplotlib figure.
        axes: One per matrix.
    """

    def __init__(self, matrices: Mapping[str, np.ndarray], row_names: Sequence[str], column_names: Sequence[str]):
        self.shape = len(row_names), len(column_names)
        self.matrices = dict(matrices)
        limit = style.from_zero(*self.matrices.values()).vmax
        if {"teacher", "student"} <= set(self.matrices):
            self.matrices[DIFFERENCE] = self.matrices["student"] - self.matrices["teacher"]
        width, height = CELL * self.shape[1], CELL * 0.8 * self.shape[0]
        count = len(self.matrices)
        size = (min(count * width + 1.6 + 0.8 * count, style.WIDEST), height + 1.8)
        self.figure = Figure(figsize=size, dpi=100, layout="constrained")
        FigureCanvasAgg(self.figure)
        self.axes = list(self.figure.subplots(1, count, squeeze=False, sharey=True)[0])
        for ax, (name, matrix) in zip(self.axes, self.matrices.items(), strict=True):
            scale = {"center": 0, "least": style.LEAST_CHANGE * limit} if name == DIFFERENCE else {"vmax": limit}
            relation_matrix(matrix, row_names, column_names, ax=ax, title=TITLES.get(name, name), **scale)
        for ax in self.axes[1:]:
            ax.set_ylabel("")
        on_one_scale = self.axes[:-1] if DIFFERENCE in self.matrices else self.axes
        bar(on_one_scale[-1].images[-1], on_one_scale, "relation")
        if DIFFERENCE in self.matrices:
            bar(self.axes[-1].images[-1], self.axes[-1], "difference")
        self.figure.canvas.draw()
        self.figure.set_layout_engine("none")
        self._rest = self.figure.canvas.copy_from_bbox(self.figure.bbox)
        self.frames = [ax.add_patch(frame_of(self.shape[1])) for ax in self.axes]
        for frame in self.frames:
            frame.set_animated(True)  # drawn separately, over the rest

    def choose(self, row: int) -> None:
        """Frame a row in every matrix; the canvas holds the picture afterwards."""
        self.figure.canvas.restore_region(self._rest)
        for ax, frame in zip(self.axes, self.frames, strict=True):
            frame.set_y(row - 0.46)
            ax.draw_artist(frame)


def frame_of(columns: int) -> Rectangle:
    """A frame around a row of a heat map, outside the axes until its y is set."""
    frame = Rectangle((-0.46, HIDDEN_ROW), columns - 0.08, 0.92, fill=False, edgecolor="black", linewidth=1.8, zorder=3)
    frame.set_path_effects(style.outlined(4, "white"))
    return frame
