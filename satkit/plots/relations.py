"""Relations of class regions, as maps over the image and as a matrix of classes.

A relation is the mean attention row of a region, the pixels of one class in one image. Attention transfer
(Qiu et al., Pattern Recognition 138, 2023) compares the student's relations with the teacher's; these are drawn here.
"""

from collections.abc import Sequence

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from satkit.data.labels import BACKGROUND, IGNORE
from satkit.plots import style
from satkit.plots.attention import PANEL, bar, draw_image, draw_pair
from satkit.plots.predictions import check_image, grey

CELL = 0.5  # inches
SIDE_BY_SIDE = 7  # columns up to which three matrices stand beside each other


def relation_maps(
    image: np.ndarray,
    teacher: np.ndarray,
    student: np.ndarray,
    names: Sequence[str],
    *,
    labels: np.ndarray | None = None,
    classes: Sequence[int] | None = None,
    stage: str | None = None,
) -> Figure:
    """One row per region: the region in the image, the teacher's relation, the student's, and the difference.

    See whether a region still attends to itself. In the last column, purple means that the student attends more than
    its teacher, orange less. Each row has its own scale.

    Args:
        image: uint8 of shape (height, width, 3).
        teacher: Relations of shape (region, key_height, key_width). student: The same of the student.
        names: Name of each region.
        labels: uint8 of shape (height, width); shows each region in the image.
        classes: Label value of each region. By default those that occur in `labels`, ascending, without
            IGNORE, and without background if there is one region fewer.
        stage: Name of the stage, for the title.

    Raises:
        ValueError: If arrays and names do not have one entry per region, or `labels` do not show these regions.
    """
    check_image(image)
    teacher, student = np.asarray(teacher, dtype=float), np.asarray(student, dtype=float)
    if teacher.ndim != 3 or teacher.shape != student.shape or len(names) != len(teacher) or not len(names):
        raise ValueError(
            f"Teacher and student must have shape (region, key_height, key_width) with one region per name, "
            f"got {teacher.shape}, {student.shape} and {len(names)} names. Average over heads first."
        )
    masks = None if labels is None else _region_masks(image, np.asarray(labels), len(names), classes)
    height = PANEL * image.shape[0] / image.shape[1]
    size = (4 * PANEL + 2.0, (height + 0.1) * len(names) + 0.6)
    figure, axes = plt.subplots(len(names), 4, figsize=size, layout="constrained", squeeze=False)
    for row, (ax_row, name) in enumerate(zip(axes, names, strict=True)):
        if masks is None:
            draw_image(image, ax=ax_row[0])
        else:
            mask, colour = masks[row]
            draw_region(image, mask, ax=ax_row[0], colour=colour)
        ax_row[0].set_ylabel(name, fontsize=11)
        draw_pair(ax_row[1:], teacher[row], student[row], image=image)
    titles = ("image" if masks is None else "region", "teacher", "student", "student \N{MINUS SIGN} teacher")
    for ax, title in zip(axes[0], titles, strict=True):
        ax.set_title(title)
    if stage is not None:
        figure.suptitle(f"Relations at {stage}")
    return figure


def _region_masks(image: np.ndarray, labels: np.ndarray, count: int, classes: Sequence[int] | None) -> list[tuple]:
    """The mask and the colour of each region, from the label map."""
    if labels.shape != image.shape[:2]:
        raise ValueError(
            f"labels must have the height and width of their image, {image.shape[:2]}, got shape "
            f"{labels.shape}. Resize them with nearest neighbours."
        )
    classes = _classes(labels, count) if classes is None else list(classes)
    if len(classes) != count:
        raise ValueError(f"classes must have one label value per region ({count}), got {len(classes)}.")
    return [(labels == each, style.class_colour(each)) for each in classes]


def draw_region(image: np.ndarray, mask: np.ndarray, *, colour="black", ax: Axes | None = None) -> Axes:
    """An image with one region in its colours, the rest faded, and the border in `colour`."""
    ax = style.axes_or_new(ax, (4, 4))
    ax.imshow(np.where(mask[..., None], image, (0.35 * grey(image) + 0.65 * 255).astype(np.uint8)))
    if mask.any() and not mask.all():
        ax.contour(mask.astype(float), levels=[0.5], colors=[colour], linewidths=2)
    return style.bare(ax)


def relation_matrix(
    matrix: np.ndarray,
    row_names: Sequence[str],
    column_names: Sequence[str],
    *,
    ax: Axes | None = None,
    vmax: float | None = None,
    title: str | None = None,
    center: float | None = None,
    least: float = 0.0,
) -> Axes:
    """How much the region of each row attends to the region of each column, with the values.

    A row of attention mass sums to 1 over all columns; a strong diagonal means that regions attend to themselves.

    Args:
        matrix: Shape (region, region); NaN, drawn as a dash, where a region is absent.
        row_names: Name of each row. column_names: Name of each column.
        vmax: Value at the end of the scale; by default the largest.
        center: Value in the middle of a diverging scale, for differences; by default the scale is sequential
            from 0.
        least: How far a diverging scale reaches at least.

    Raises:
        ValueError: If the matrix does not have one row and one column per name.
    """
    matrix = _check_matrix(matrix, row_names, column_names)
    size = (CELL * len(column_names) + 1.8, CELL * 0.8 * len(row_names) + 1.4)
    ax = style.axes_or_new(ax, size)
    if center is None:
        colours, norm = style.ATTENTION_MAP, style.from_zero(matrix, vmax=vmax)
    else:
        colours, norm = style.DIFFERENCE_MAP, style.centred(matrix, center=center, vmax=vmax, least=least)
    ax.set_facecolor(style.EMPTY)
    ax.imshow(matrix, cmap=colours, norm=norm, aspect="auto")
    style.named_cells(ax, row_names, column_names)
    style.print_cells(ax, matrix)
    ax.set(xlabel="looked at (keys)", ylabel="looking (queries)")
    if title is not None:
        ax.set_title(title)
    return ax


def relation_matrices(
    teacher: np.ndarray, student: np.ndarray, row_names: Sequence[str], column_names: Sequence[str]
) -> Figure:
    """The teacher's relation matrix, the student's on the same scale, and student minus teacher.

    In the row of an old class, orange cells of the difference are lost attention, purple ones gained. Up to seven
    columns the three matrices are side by side, otherwise one above the other.

    Raises:
        ValueError: If a matrix does not have one row and one column per name.
    """
    teacher = _check_matrix(teacher, row_names, column_names)
    student = _check_matrix(student, row_names, column_names)
    width, height = CELL * len(column_names), CELL * 0.8 * len(row_names)
    if len(column_names) <= SIDE_BY_SIDE:
        size = (min(3 * width + 4, style.WIDEST), height + 1.4)
        figure, axes = plt.subplots(1, 3, figsize=size, layout="constrained", sharey=True)
    else:
        figure, axes = plt.subplots(3, 1, figsize=(width + 3, 3 * height + 4), layout="constrained")
    limit = style.from_zero(teacher, student).vmax
    relation_matrix(teacher, row_names, column_names, ax=axes[0], vmax=limit, title="teacher")
    relation_matrix(student, row_names, column_names, ax=axes[1], vmax=limit, title="student")
    difference = "student \N{MINUS SIGN} teacher"
    change, least = student - teacher, style.LEAST_CHANGE * limit
    relation_matrix(change, row_names, column_names, ax=axes[2], center=0, least=least, title=difference)
    if len(column_names) <= SIDE_BY_SIDE:
        for ax in axes[1:]:
            ax.set_ylabel("")
    bar(axes[1].images[-1], list(axes[:2]), "relation")
    bar(axes[2].images[-1], axes[2], "difference")
    return figure


def _check_matrix(matrix, row_names, column_names) -> np.ndarray:
    matrix = np.asarray(matrix, dtype=float)
    if matrix.shape != (len(row_names), len(column_names)):
        raise ValueError(
            f"The matrix must have one row per row name ({len(row_names)}) and one column per column name "
            f"({len(column_names)}), got shape {matrix.shape}. Sum the relations over the keys of each "
            f"region first."
        )
    return matrix


def _classes(labels, count) -> list[int]:
    found = [value for value in np.unique(labels).tolist() if value != IGNORE]
    if len(found) == count + 1 and found[0] == BACKGROUND:
        found = found[1:]
    if len(found) != count:
        raise ValueError(
            f"labels must hold one class per region ({count}), got the values {found}. Pass the label values "
            f"of the regions as classes."
        )
    return found
