"""The attention row of one query, drawn over the image, for a teacher and a student.

A row holds the softmax weights of one query over the keys, in the grid of the keys; its values are >= 0 and sum to 1.
Query grid, key grid and image may have different sizes and shapes: every grid covers the whole image, cell by cell and
without smoothing.
"""

from collections.abc import Sequence

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.figure import Figure

from satkit.plots import style
from satkit.plots.predictions import check_image, grey, overlay

PANEL = 1.9  # inches


def draw_image(
    image: np.ndarray,
    *,
    ax: Axes | None = None,
    labels: np.ndarray | None = None,
    names: Sequence[str] | None = None,
) -> Axes:
    """An image, or with `labels` its label map in colour over the image in grey.

    Args:
        image: uint8 of shape (height, width, 3).
        labels: uint8 of shape (height, width).
        names: Name of each label value; adds a legend of the classes that occur in `labels`.
    """
    if labels is not None:
        return overlay(image, labels, names=names, ax=ax)
    check_image(image)
    ax = style.axes_or_new(ax, (4, 4))
    ax.imshow(image)
    return style.bare(ax)


def draw_attention(
    row_map: np.ndarray,
    *,
    image: np.ndarray | None = None,
    query: tuple[int, int] | None = None,
    query_grid: tuple[int, int] | None = None,
    vmax: float | None = None,
    title: str | None = None,
    ax: Axes | None = None,
) -> Axes:
    """An attention row over the image, with a cross on the query; bright keys have much attention.

    See whether the bright cells are on the query's object, on similar objects, or on background.

    Args:
        row_map: Weights >= 0 of shape (key_height, key_width).
        image: uint8 of shape (height, width, 3); without it only the map is drawn, in the grid of the keys.
        query: Row and column of the query in the query grid.
        query_grid: Height and width of the query grid; needed to draw the query.
        vmax: Weight at the bright end of the scale, which starts at 0; by default the largest in the map.
        title: Title of the axes.

    Raises:
        ValueError: If the map is not two-dimensional with finite weights >= 0, or the query not inside its
            grid.
    """
    row_map = check_row(row_map)
    new = ax is None
    ax = style.axes_or_new(ax, (4.6, 4))
    picture = _lay(row_map, image, ax, style.ATTENTION_MAP if image is None else style.OVERLAY_MAP)
    picture.set_norm(style.from_zero(row_map, vmax=vmax))
    _mark(query, query_grid, image, row_map, ax)
    if title is not None:
        ax.set_title(title)
    if new:
        bar(picture, ax, "attention weight")
    return ax


def draw_difference(
    difference: np.ndarray,
    *,
    image: np.ndarray | None = None,
    query: tuple[int, int] | None = None,
    query_grid: tuple[int, int] | None = None,
    least: float = 0.0,
    title: str | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Student minus teacher over the image: purple where the student attends more, orange where it attends less.

    Arguments are those of `draw_attention`; 0 is white, and the scale ends at the largest difference, or at `least` if
    that is larger.
    """
    difference = _two_dimensional(difference)
    new = ax is None
    ax = style.axes_or_new(ax, (4.6, 4))
    picture = _lay(difference, image, ax, style.DIFFERENCE_MAP)
    picture.set_norm(style.centred(difference, least=least))
    _mark(query, query_grid, image, difference, ax)
    if title is not None:
        ax.set_title(title)
    if new:
        bar(picture, ax, "student \N{MINUS SIGN} teacher")
    return ax


def draw_pair(
    axes: Sequence[Axes],
    teacher_map: np.ndarray,
    student_map: np.ndarray,
    *,
    image: np.ndarray | None = None,
    query: tuple[int, int] | None = None,
    query_grid: tuple[int, int] | None = None,
) -> None:
    """Teacher, student and difference on three axes; teacher and student share one scale and colour bar.

    The scale of the difference ends at the largest difference, or at a tenth of the other scale if that is larger.
    """
    teacher_map, student_map = check_pair(teacher_map, student_map)
    limit = style.from_zero(teacher_map, student_map).vmax
    shared = {"image": image, "query": query, "query_grid": query_grid}
    for ax, row_map in zip(axes[:2], (teacher_map, student_map), strict=True):
        draw_attention(row_map, vmax=limit, ax=ax, **shared)
    draw_difference(student_map - teacher_map, least=style.LEAST_CHANGE * limit, ax=axes[2], **shared)
    bar(axes[1].images[-1], list(axes[:2]), "attention weight")
    bar(axes[2].images[-1], axes[2], "difference")


def teacher_and_student(
    image: np.ndarray,
    teacher_map: np.ndarray,
    student_map: np.ndarray,
    *,
    query: tuple[int, int],
    query_grid: tuple[int, int],
    titles: Sequence[str] = ("query", "teacher", "student", "student \N{MINUS SIGN} teacher"),
    suptitle: str | None = None,
) -> Figure:
    """The image with the query, then the attention of teacher and student there, and the difference.

    The two maps share one scale: in the last panel, attention that the student has lost is orange, attention that it
    has gained purple. If the student kept its relations, this panel is almost white.

    Raises:
        ValueError: As `draw_attention`, and if the maps have different shapes or there are not four titles.
    """
    check_image(image)
    if len(titles) != 4:
        raise ValueError(f"titles must name the four panels, got {len(titles)}. Give one title for each.")
    figure, axes = plt.subplots(
        1, 4, figsize=(4 * PANEL + 2, _panel_height(image) + 0.5 + 0.3 * bool(suptitle)), layout="constrained"
    )
    draw_image(image, ax=axes[0])
    _mark(query, query_grid, image, teacher_map, axes[0])
    draw_pair(axes[1:], teacher_map, student_map, image=image, query=query, query_grid=query_grid)
    for ax, title in zip(axes, titles, strict=True):
        ax.set_title(title)
    if suptitle:
        figure.suptitle(suptitle)
    return figure


def attention_stages(
    image: np.ndarray,
    teacher_maps: Sequence[np.ndarray],
    student_maps: Sequence[np.ndarray],
    *,
    query_rows: Sequence[tuple[int, int]],
    grids: Sequence[tuple[int, int]],
    stage_names: Sequence[str],
) -> Figure:
    """Teacher, student and difference at every stage, one row per stage, each row with its own scale.

    See at which stage the student's attention has changed. Weights are smaller if there are more keys, so compare
    patterns across rows and weights only within a row.

    Args:
        image: uint8 of shape (height, width, 3).
        teacher_maps: Per stage, weights of shape (key_height, key_width).
        student_maps: The same of the student.
        query_rows: Per stage, row and column of the query in that stage's query grid.
        grids: Per stage, height and width of the query grid.
        stage_names: Per stage, a name for its row.

    Raises:
        ValueError: If the lists differ in length, or as `draw_attention`.
    """
    check_image(image)
    counts = {
        "teacher_maps": len(teacher_maps),
        "student_maps": len(student_maps),
        "query_rows": len(query_rows),
        "grids": len(grids),
        "stage_names": len(stage_names),
    }
    if len(set(counts.values())) > 1 or not counts["grids"]:
        raise ValueError(f"There must be one entry per stage in every list, got {counts}. Leave no stage out.")
    figure, axes = plt.subplots(
        len(grids),
        3,
        figsize=(3 * PANEL + 2.2, (_panel_height(image) + 0.1) * len(grids) + 0.3),
        layout="constrained",
        squeeze=False,
    )
    for row, query, grid, name, teacher, student in zip(
        axes, query_rows, grids, stage_names, teacher_maps, student_maps, strict=True
    ):
        draw_pair(row, teacher, student, image=image, query=query, query_grid=grid)
        row[0].set_ylabel(name)
    for ax, title in zip(axes[0], ("teacher", "student", "student \N{MINUS SIGN} teacher"), strict=True):
        ax.set_title(title)
    return figure


def patch_centre(query: tuple[int, int], grid: tuple[int, int], size: tuple[int, int]) -> tuple[float, float]:
    """x and y of the centre of a grid cell, if the grid covers a picture of `size` (height, width).

    Coordinates are those of `imshow`: the centre of the first pixel is (0, 0).
    """
    (row, column), (grid_height, grid_width), (height, width) = query, grid, size
    if not (0 <= row < grid_height and 0 <= column < grid_width):
        raise ValueError(
            f"query must lie in the query grid of {grid_height} rows and {grid_width} columns, "
            f"got row {row} and column {column}. Give (row, column), both from 0."
        )
    return (column + 0.5) * width / grid_width - 0.5, (row + 0.5) * height / grid_height - 0.5


def check_row(row_map: np.ndarray) -> np.ndarray:
    """The map as floats, or ValueError unless it is two-dimensional with finite weights >= 0."""
    row_map = _two_dimensional(row_map)
    if not (np.isfinite(row_map).all() and (row_map >= 0).all()):
        raise ValueError(
            f"Attention weights must be finite and >= 0, got values from {row_map.min()} to {row_map.max()}. "
            f"Draw differences with draw_difference."
        )
    return row_map


def check_pair(teacher_map: np.ndarray, student_map: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Both maps checked, or ValueError if they cannot be subtracted from each other."""
    teacher_map, student_map = check_row(teacher_map), check_row(student_map)
    if teacher_map.shape != student_map.shape:
        raise ValueError(
            f"Teacher and student must have the same key grid, got {teacher_map.shape} and "
            f"{student_map.shape}. Give both the same image and stage."
        )
    return teacher_map, student_map


def bar(picture: ScalarMappable, axes: Axes | Sequence[Axes], label: str) -> None:
    """A colour bar beside the axes, with a label."""
    first = axes if isinstance(axes, Axes) else axes[0]
    colour_bar = first.figure.colorbar(picture, ax=axes, label=label, shrink=0.85, pad=0.02)
    colour_bar.ax.grid(False)
    colour_bar.ax.tick_params(labelsize=style.SMALL)
    colour_bar.formatter.set_powerlimits((-3, 3))


def _two_dimensional(values) -> np.ndarray:
    values = np.asarray(values, dtype=float)
    if values.ndim != 2:
        raise ValueError(
            f"An attention row must have shape (key_height, key_width), got {values.shape}. "
            f"Choose one head and one query, and reshape the row to the key grid."
        )
    return values


def _lay(values, image, ax, colours):
    """Draw a map cell by cell over the whole image, or without an image in its grid."""
    if image is not None:
        check_image(image)
        ax.imshow(grey(image))
    height, width = values.shape if image is None else image.shape[:2]
    picture = ax.imshow(
        values,
        cmap=colours,
        extent=(-0.5, width - 0.5, height - 0.5, -0.5),
        interpolation="nearest",
        alpha=None if image is None else style.OVERLAY_ALPHA,
    )
    style.bare(ax)
    return picture


def _mark(query, query_grid, image, row_map, ax) -> None:
    if query is None:
        return
    if query_grid is None:
        raise ValueError("query_grid must be given with query, got None. Pass the tap's query_grid.")
    x, y = patch_centre(query, query_grid, np.shape(row_map) if image is None else image.shape[:2])
    style.cross(ax, x, y)


def _panel_height(image) -> float:
    return PANEL * image.shape[0] / image.shape[1]
