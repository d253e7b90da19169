"""The figure of the forgetting explorer: one image, and every class over all steps.

What changes with a click (image, prediction, matrix, marks) is drawn over a stored copy of the rest, which is much
faster than drawing the whole figure.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from satkit.plots import style
from satkit.plots.class_flow import KINDS, class_flow
from satkit.plots.forgetting import iou_over_steps
from satkit.plots.matrix_view import HIDDEN_ROW, frame_of
from satkit.plots.predictions import check_image, overlay

WIDTH, STRIP, MATRIX = 9.6, 1.75, 2.05  # inches: the figure, one picture of the strip, the cells of the matrix
MOST_ROWS = 40  # classes that have a line and a row


class ForgettingView:
    """Image, ground truth and prediction; IoU of every class over the steps; predictions of every class's pixels.

    Args:
        iou: Shape (step, class), in [0, 1]; NaN before a class is learnt.
        confusions: Per step, pixel counts of shape (class, class).
        names: Name of each class, background first.
        learnt_at: Step in which each class is learnt.

    Of more than forty classes only background and the largest in the ground truth have a line and a row.

    Attributes:
        shown: Indices of the classes that have a row.
        figure: The matplotlib figure.
        strip: Axes of image, ground truth and prediction. lines: Axes of the IoU.
    """

    def __init__(
        self, iou: np.ndarray, confusions: Sequence[np.ndarray], names: Sequence[str], *, learnt_at: Sequence[int]
    ):
        self.iou, self.confusions, self.names = iou, confusions, list(names)
        self.old = [index for index in range(1, len(names)) if learnt_at[index] == 0]
        self.new = [index for index in range(1, len(names)) if learnt_at[index] > 0]
        sizes = np.asarray(confusions[-1]).sum(axis=1)
        largest = [each for each in np.argsort(-sizes, kind="stable").tolist() if each][: MOST_ROWS - 1]
        self.shown = list(range(len(names))) if len(names) <= MOST_ROWS else [0, *sorted(largest)]
        height = max(6.4, 0.25 * len(self.shown) + 1.5)
        self.figure = Figure(figsize=(WIDTH, height), dpi=100)
        FigureCanvasAgg(self.figure)
        across = lambda inches: inches / WIDTH  # noqa: E731
        up = lambda inches: inches / height  # noqa: E731
        top = height - 0.35 - STRIP
        self.strip = [
            self.figure.add_axes((across(0.1 + number * (STRIP + 0.08)), up(top), across(STRIP), up(STRIP)))
            for number in range(3)
        ]
        self.lines = self.figure.add_axes((across(0.7), up(0.55), across(3.75), up(top - 1.15)))
        left = WIDTH - MATRIX - 0.1
        self._matrix_position = (across(left), up(0.95), across(MATRIX), up(height - 1.4))
        named, learnt = [names[each] for each in self.shown], [learnt_at[each] for each in self.shown]
        iou_over_steps(iou[:, self.shown], named, learnt_at=learnt, ax=self.lines)
        for line in self.lines.lines:
            line.set_alpha(0.55)
        self.step_line = self.lines.axvline(0, color="black", linewidth=1.2, linestyle=":", animated=True)
        self.highlight = self.lines.plot([], [], color="black", linewidth=3, marker="o", animated=True)[0]
        for ax in self.strip:
            ax.set_animated(True)
        self.matrices: dict[int, tuple[Axes, Rectangle]] = {}  # with their frames, for the steps shown so far
        self._with_matrix: dict[int, object] = {}
        self._rest = self.step = None

    @property
    def matrix(self) -> Axes:
        """Axes of the classes' pixels after the step that is shown."""
        return self.matrices[self.step][0]

    @property
    def frame(self) -> Rectangle:
        """The frame around the chosen class in them."""
        return self.matrices[self.step][1]

    def show(
        self,
        image: np.ndarray,
        truth: np.ndarray,
        prediction: np.ndarray,
        *,
        step: int,
        chosen: int,
        called: Sequence[int] = (),
    ) -> None:
        """Show an image after a step, and one class everywhere.

        Args:
            image: uint8 of shape (height, width, 3).
            truth: Its label map. prediction: The prediction of the model after the step.
            step: Its column is marked in the lines, and its confusion is the matrix.
            chosen: Index of the class whose line and row are marked.
            called: Pixels of the class that are predicted as one of these classes are outlined.

        Raises:
            ValueError: If there is no such step or class.
        """
        check_image(image)
        if not (0 <= step < len(self.confusions) and 0 <= chosen < len(self.names)):
            raise ValueError(
                f"There are {len(self.confusions)} steps and {len(self.names)} classes, got step {step} and class "
                f"{chosen}, both from 0."
            )
        self._draw_strip(image, truth, prediction, step)
        self._outline(truth, prediction, chosen, called)
        if step not in self.matrices:
            self.matrices[step] = self._draw_matrix(step)
        self.step = step
        for each, (ax, _) in self.matrices.items():
            ax.set_visible(each == step)
        rows = self._rows(step)
        self.frame.set_y(rows.index(chosen) - 0.46 if chosen in rows else HIDDEN_ROW)
        self.step_line.set_xdata([step, step])
        self.highlight.set_data(np.arange(len(self.iou)), 100 * self.iou[:, chosen])
        self._compose()

    @contextmanager
    def whole(self) -> Iterator[Figure]:
        """The figure for saving: inside the block, drawing it includes all that changes."""
        moving = (*self.strip, self.matrix, self.frame, self.step_line, self.highlight)
        for artist in moving:
            artist.set_animated(False)
        try:
            yield self.figure
        finally:
            for artist in moving:
                artist.set_animated(True)

    def _rows(self, step: int) -> list[int]:
        """The classes that have a row after a step: those shown that it has learnt."""
        return [each for each in self.shown if each < len(self.confusions[step])]

    def _draw_strip(self, image, truth, prediction, step: int) -> None:
        for ax, title in zip(self.strip, ("image", "ground truth", f"after step {step}"), strict=True):
            for artist in (*ax.images, *ax.texts, *ax.patches, *ax.collections):  # clearing takes longer than drawing
                artist.remove()
            ax.set_title(title)
        style.bare(self.strip[0]).imshow(image)
        overlay(image, truth, ax=self.strip[1])
        overlay(image, prediction, ax=self.strip[2])

    def _outline(self, truth, prediction, chosen: int, called: Sequence[int]) -> None:
        mask = (truth == chosen) & np.isin(prediction, called)
        if mask.any():
            for ax in self.strip[1:]:
                ax.contour(np.pad(mask, 1).astype(float)[1:-1, 1:-1], levels=[0.5], colors=["white"], linewidths=3.5)
                ax.contour(mask.astype(float), levels=[0.5], colors=["black"], linewidths=1.5)

    def _draw_matrix(self, step: int) -> tuple[Axes, Rectangle]:
        ax = self.figure.add_axes(self._matrix_position, label=f"step {step}", animated=True)
        count = len(self.confusions[step])
        new = [index for index in self.new if index < count]
        rows = self._rows(step)
        title = f"every class after step {step}" if len(self.shown) == len(self.names) else f"after step {step}"
        class_flow(self.confusions[step], self.names, old=self.old, new=new, shown=rows, ax=ax, title=title)
        frame = ax.add_patch(frame_of(len(KINDS)))
        frame.set_animated(True)
        return ax, frame

    def _compose(self) -> None:
        """Draw what has changed over stored copies of the rest: without a matrix, and with each step's matrix."""
        canvas = self.figure.canvas
        renderer = canvas.get_renderer()
        if self._rest is None:
            canvas.draw()
            self._rest = canvas.copy_from_bbox(self.figure.bbox)
        if self.step not in self._with_matrix:
            canvas.restore_region(self._rest)
            self.matrix.draw(renderer)
            self._with_matrix[self.step] = canvas.copy_from_bbox(self.figure.bbox)
        canvas.restore_region(self._with_matrix[self.step])
        self.matrix.draw_artist(self.frame)
        for artist in (self.step_line, self.highlight):
            self.lines.draw_artist(artist)
        for ax in self.strip:
            ax.draw(renderer)
