"""A table of numbers as a heat map."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes

from satkit.plots import style

CELL = (0.85, 0.38)  # inches


def number_table(
    values: np.ndarray,
    row_names: Sequence[str],
    column_names: Sequence[str],
    *,
    title: str = "",
    form: str = "{:.2f}",
    vmin: float = 0.0,
    vmax: float | None = None,
    ax: Axes | None = None,
) -> Axes:
    """A heat map with the number in each cell.

    Args:
        values: Shape (row, column); NaN is drawn as a dash.
        form: Format string of a number.
        vmin: Value at the dark end of the scale. vmax: At the bright end; by default the largest.

    Raises:
        ValueError: If there is not one name per row and column.
    """
    values = np.asarray(values, dtype=float)
    if values.shape != (len(row_names), len(column_names)):
        raise ValueError(
            f"There must be one name per row and column, got shape {values.shape}, {len(row_names)} rows and "
            f"{len(column_names)} columns."
        )
    largest = max((len(name) for name in row_names), default=0)
    beside = 0.09 * largest + 0.6
    cell = min(CELL[0], (style.WIDEST - beside) / max(1, len(column_names)))
    size = (cell * len(column_names) + beside, CELL[1] * len(row_names) + 0.9)
    ax = style.axes_or_new(ax, size)
    ax.set_facecolor(style.EMPTY)
    top = np.nanmax(values) if vmax is None and np.isfinite(values).any() else vmax
    ax.imshow(values, cmap=style.ATTENTION_MAP, vmin=vmin, vmax=top, aspect="auto")
    style.named_cells(ax, row_names, column_names)
    for label in ax.get_xticklabels():
        label.set(rotation=0 if max(map(len, column_names)) < 12 else 30)
        label.set(ha="center" if max(map(len, column_names)) < 12 else "right")
    style.print_cells(ax, values, form=form)
    ax.set_title(title)
    return ax
