"""The drift of a student's relations from its teacher's, by stage and head."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes

from satkit.plots import style


def head_drift(drift: Sequence[np.ndarray], stage_names: Sequence[str], *, ax: Axes | None = None) -> Axes:
    """The distance between the relations of teacher and student for every head in every stage.

    See in which stage the student has drifted most, and whether only one head has drifted.

    Args:
        drift: Per stage, distances >= 0 of shape (head,); NaN, drawn as a dash, without a measurement. Stages
            may have different numbers of heads.
        stage_names: Per stage, the name of its row.

    Raises:
        ValueError: If there is not one name per stage, or no head.
    """
    if len(drift) != len(stage_names) or not any(len(stage) for stage in drift):
        raise ValueError(
            f"There must be one name per stage and at least one head, got {len(stage_names)} names for stages of "
            f"{[len(stage) for stage in drift]} heads."
        )
    table = np.full((len(drift), max(len(stage) for stage in drift)), np.nan)
    for row, stage in zip(table, drift, strict=True):
        row[: len(stage)] = stage
    ax = style.axes_or_new(ax, (0.8 * table.shape[1] + 1.6, 0.42 * len(table) + 1.0))
    ax.imshow(np.ma.masked_invalid(table), cmap=style.ATTENTION_MAP, norm=style.from_zero(table), aspect="auto")
    style.named_cells(ax, stage_names, [f"head {head}" for head in range(1, table.shape[1] + 1)])
    for label in ax.get_xticklabels():
        label.set(rotation=0, ha="center")
    for row, stage in enumerate(drift):
        _print(ax, row, np.asarray(stage, dtype=float))
    ax.set_title("distance from the teacher's relations")
    return ax


def _print(ax: Axes, row: int, values: np.ndarray) -> None:
    picture = ax.images[-1]
    for column, value in enumerate(values):
        known = np.isfinite(value)
        colour = style.text_on(picture.cmap(picture.norm(value))) if known else "black"
        text = f"{value:.3f}" if known else "–"
        ax.text(column, row, text, ha="center", va="center", fontsize=style.SMALL, color=colour)
