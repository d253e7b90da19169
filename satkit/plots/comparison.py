"""Strategies over several seeds: scores with their spread, effects with their intervals, curves over a weight.

Scores and differences are given as shares in [0, 1] and drawn in percent, differences in percentage points. A bar
through a mark is one standard deviation over seeds, or the 95 % interval; the axis names it.
"""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes

from satkit.plots import style

LOOKS = {"old": style.OLD, "new": style.NEW, "all": style.ALL}
INTERVALS = "95 % interval over seeds"
SPREAD = "± one standard deviation over seeds"


def score_dots(
    scores: Mapping[str, Mapping[str, tuple[float, float]]],
    *,
    ax: Axes | None = None,
    title: str | None = None,
    groups: Sequence[str] = ("old", "new", "all"),
) -> Axes:
    """Mean scores of each strategy as marks with their spread, one row per strategy.

    The blue circle of a strategy that forgets is at the left; so is the orange triangle of one that does not learn.

    Args:
        scores: By strategy and group, mean and standard deviation over seeds, in [0, 1]; NaN is left out.
        groups: Which of "old", "new" and "all" to draw.

    Raises:
        ValueError: If a strategy lacks a group.
    """
    for strategy, values in scores.items():
        missing = [group for group in groups if group not in values]
        if missing:
            raise ValueError(f"Each strategy must have {', '.join(groups)}, but {strategy!r} has no {missing[0]}.")
    ax = style.axes_or_new(ax, (8, 0.27 * len(scores) + 1.2))
    rows = np.arange(len(scores))
    for group in groups:
        mean, std = (100 * np.array([values[group][part] for values in scores.values()]) for part in (0, 1))
        _marks(ax, mean, rows, np.nan_to_num(std), LOOKS[group], group)
    _finish(ax, list(scores), title)
    ax.set_xlim(left=0)
    ax.set_xlabel(f"mIoU (%), {SPREAD}")
    ax.legend(title="classes", loc="upper left", bbox_to_anchor=(1.01, 1))
    return ax


def effects(
    differences: Mapping[str, Mapping[str, tuple[float, float]]],
    *,
    ax: Axes | None = None,
    title: str | None = None,
    what: str = "difference",
) -> Axes:
    """The effect of one change on each strategy: differences with their intervals, left of zero a loss.

    An interval that includes zero means that these seeds do not show whether the change helps.

    Args:
        differences: By strategy and group, mean difference and half the width of its interval, in [-1, 1]; NaN for
            the width draws no bar.
        what: What the difference is, for the axis.
    """
    groups = list(dict.fromkeys(group for values in differences.values() for group in values))
    ax = style.axes_or_new(ax, (8, 0.33 * len(differences) + 1.3))
    rows = np.arange(len(differences))
    for number, group in enumerate(groups):
        shifted = rows + 0.22 * (number - (len(groups) - 1) / 2)
        pairs = [values.get(group, (np.nan, np.nan)) for values in differences.values()]
        mean, half = (100 * np.array([pair[part] for pair in pairs]) for part in (0, 1))
        _marks(ax, mean, shifted, np.nan_to_num(half), LOOKS[group], group)
    ax.axvline(0, color="black", linewidth=1.2, zorder=1)
    _finish(ax, list(differences), title)
    ax.set_xlabel(f"{what} (percentage points of mIoU, {INTERVALS})")
    ax.legend(title="classes", loc="upper left", bbox_to_anchor=(1.01, 1))
    return ax


def weight_curve(
    weights: Sequence[float],
    scores: Mapping[str, Sequence[tuple[float, float]]],
    *,
    default: float | None = None,
    ax: Axes | None = None,
    title: str | None = None,
) -> Axes:
    """Scores over the weight of a term, at equal distances from weight to weight.

    Args:
        weights: Ascending; 0 means without the term.
        scores: By group ("old", "new", "all"), mean and standard deviation at each weight, in [0, 1].
        default: A weight to mark.

    Raises:
        ValueError: If weights and scores disagree on their number.
    """
    for group, values in scores.items():
        if len(values) != len(weights):
            raise ValueError(f"There must be one score per weight ({len(weights)}), but {group!r} has {len(values)}.")
    ax = style.axes_or_new(ax, (6, 3.6))
    positions = np.arange(len(weights))
    for group, values in scores.items():
        mean, std = (100 * np.array([value[part] for value in values]) for part in (0, 1))
        ax.errorbar(positions, mean, np.nan_to_num(std), **LOOKS[group].line(), capsize=3, label=group)
    if default is not None and default in list(weights):
        ax.axvline(list(weights).index(default), color=style.HATCH_GREY, linestyle=":", zorder=1)
        ax.annotate(
            "default",
            (list(weights).index(default), 1),
            (4, -10),
            xycoords=("data", "axes fraction"),
            textcoords="offset points",
            fontsize=style.SMALL,
        )
    ax.set_xticks(positions, [f"{weight:g}" for weight in weights])
    ax.set_xlabel("weight of the term (not to scale)")
    ax.set_ylabel("mIoU (%)")
    ax.set_ylim(bottom=0)
    ax.set_title(title or "")
    ax.legend(title="classes", loc="upper left", bbox_to_anchor=(1.01, 1))
    return ax


def _marks(ax: Axes, values: np.ndarray, rows: np.ndarray, widths: np.ndarray, look: style.Look, label: str) -> None:
    there = np.isfinite(values)
    ax.errorbar(
        values[there],
        rows[there],
        xerr=widths[there],
        fmt=look.marker,
        color=look.colour,
        ecolor=look.colour,
        markersize=6,
        capsize=2.5,
        elinewidth=1.4,
        label=label,
    )


def _finish(ax: Axes, names: list[str], title: str | None) -> None:
    ax.set_yticks(np.arange(len(names)), names)
    ax.set_ylim(len(names) - 0.5, -0.5)
    ax.set_title(title or "")
