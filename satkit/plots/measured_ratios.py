"""Ratios of times with their intervals, beside what they should be."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from matplotlib.axes import Axes

from satkit.plots import style

ROW = 0.34  # inches
APART = 0.6  # of a row, between the first and the last mark in it
TARGETS = "targets"  # the mark of their lines


class MeasuredRatio(NamedTuple):
    """One ratio, its interval, and the target that it should not be above; None without one."""

    value: float
    low: float
    high: float
    target: float | None = None


def measured_ratios(
    rows: Sequence[str], groups: Mapping[str, Mapping[str, MeasuredRatio]], *, ax: Axes | None = None
) -> Axes:
    """A mark with its interval for each ratio: a row for what is compared, a colour and marker for each group.

    A vertical bar in the colour of its group is the target: the mark should lie on it or to its left. The dashed line
    is where both take the same time.

    Args:
        rows: What is compared, from top to bottom.
        groups: By group, e.g. a model, its ratios by row; a row may be missing.

    Raises:
        ValueError: Without rows or groups.
    """
    if not rows or not groups:
        raise ValueError(f"There must be rows and groups to draw, got {len(rows)} and {len(groups)}.")
    ax = style.axes_or_new(ax, (8, ROW * max(1.5, len(groups)) * len(rows) + 1))
    looks = style.strategy_style(groups)
    shifts = np.linspace(-APART / 2, APART / 2, len(groups)) if len(groups) > 1 else [0.0]
    ax.axvline(1, color=style.HATCH_GREY, linestyle="--", linewidth=1)
    for (name, ratios), shift in zip(groups.items(), shifts, strict=True):
        look = looks[name]
        places = [rows.index(row) + shift for row in ratios]
        found = list(ratios.values())
        around = np.array([[each.value - each.low, each.high - each.value] for each in found]).T.clip(min=0)
        drawn = dict(marker=look.marker, color=look.colour, linestyle="none", capsize=3, label=name)
        ax.errorbar([each.value for each in found], places, xerr=around, **drawn)
        for each, place in zip(found, places, strict=True):
            if each.target is not None:
                ax.plot(
                    each.target, place, marker="|", color=look.colour, markersize=14, markeredgewidth=2.5, gid=TARGETS
                )
    ax.plot([], [], marker="|", color="black", linestyle="none", markersize=10, markeredgewidth=2, label="at most")
    ax.set_yticks(range(len(rows)), rows)
    ax.set_ylim(len(rows) - 0.4, -0.6)
    ax.set(xlabel="ratio of times, with the 95 % interval of the median")
    ax.grid(True, axis="x")
    ax.grid(False, axis="y")
    ax.legend(**style.BESIDE)
    return ax
