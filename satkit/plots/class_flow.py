"""How the pixels of every class are predicted: right, an old class, background, or a new class."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes

from satkit.data.labels import BACKGROUND
from satkit.plots import style

KINDS = ("right", "an old class", "background", "a new class")


def class_flow(
    confusion: np.ndarray,
    names: Sequence[str],
    *,
    old: Sequence[int],
    new: Sequence[int],
    shown: Sequence[int] | None = None,
    ax: Axes | None = None,
    title: str | None = None,
) -> Axes:
    """How the pixels of every class are predicted, in percent of the class.

    In the row of an old class, "background" shows the background shift, "a new class" confusion with new classes.

    Args:
        confusion: Pixel counts of shape (class, class).
        names: Name of each class, background first; further names are not used.
        old: Indices of the old classes. new: Indices of the new classes; marked in their names.
        shown: Indices of the classes with a row; by default all.
        title: Title of the axes.

    Raises:
        ValueError: If there is no name for a class.
    """
    counts = flow_counts(confusion, old, new)
    if len(counts) > len(names):
        raise ValueError(f"Every class must have a name, got {len(counts)} classes and {len(names)} names.")
    totals = counts.sum(axis=1, keepdims=True)
    shares = np.divide(100 * counts, totals, out=np.full(counts.shape, np.nan), where=totals > 0)
    shares[BACKGROUND, KINDS.index("background")] = np.nan  # that is right
    indices = list(range(len(counts)) if shown is None else shown)
    ax = style.axes_or_new(ax, (5.2, 0.27 * len(indices) + 1.4))
    ax.set_facecolor(style.EMPTY)
    ax.imshow(shares[indices], cmap=style.ATTENTION_MAP, vmin=0, vmax=100, aspect="auto")
    marks = {index: " (new)" for index in new}
    rows = [f"{names[index]}{marks.get(index, '')}" for index in indices]
    style.named_cells(ax, rows, KINDS)
    for label in ax.get_xticklabels():
        label.set(rotation=20)
    style.print_cells(ax, shares[indices], form="{:.0f}")
    ax.set(xlabel="called (% of the class's pixels)")
    if title is not None:
        ax.set_title(title)
    return ax


def flow_counts(confusion: np.ndarray, old: Sequence[int], new: Sequence[int]) -> np.ndarray:
    """Pixels of every class by prediction: right, an old class, background, a new class; shape (..., class, 4).

    Args:
        confusion: Pixel counts of shape (..., class, class).
    """
    confusion = np.asarray(confusion)
    classes = np.arange(confusion.shape[-1])
    right = confusion[..., classes, classes]
    wrong = confusion.copy()
    wrong[..., classes, classes] = 0
    groups = [[each for each in group if each in classes] for group in (old, [BACKGROUND], new)]
    return np.stack([right, *(wrong[..., group].sum(axis=-1) for group in groups)], axis=-1)
