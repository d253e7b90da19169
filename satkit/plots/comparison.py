"""Strategies over several seeds: scores with their spread, effects with their intervals.

The functions take pandas tables, with scores and differences as shares in [0, 1]; they are drawn in percent, or in
percentage points where they are differences. Each world has a panel of its own. A bar through a mark is one standard
deviation over seeds, or the 95 % interval, and the axis says which.
"""

from typing import TYPE_CHECKING

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from satkit.plots import style

if TYPE_CHECKING:
    import pandas as pd

LOOKS = {"old": style.OLD, "new": style.NEW, "all": style.ALL}
INTERVALS = "95 % interval over seeds"
SPREAD = "± one standard deviation"
APART = 0.22  # of a row, between the marks of two groups of classes
WIDTH = 4.6  # inches of a panel
IN_A_ROW = 3  # panels


def score_dots(runs: "pd.DataFrame") -> Figure:
    """Mean scores of each strategy as marks with their spread, a row a strategy, a panel a world.

    The blue circle of a strategy that forgets is at the left; so is the orange triangle of one that does not learn.

    Args:
        runs: A line per run with its strategy, world, and scores "old", "new" and "all"; NaN is left out. Strategies
            are drawn in the order in which they first stand there.
    """
    import seaborn  # here, because it takes a second, and all other figures do without

    look = _points(height=0.27 * runs["strategy"].nunique() + 1.2)
    scores = _long(runs, ["world", "strategy"])
    grid = seaborn.catplot(scores, x="score", y="strategy", col="world", linestyle="none", **look)
    grid.set(xlim=(-2, None)).set_titles("{col_name}").set_axis_labels(f"mIoU (%), {SPREAD} over seeds", "")
    for ax in grid.axes.flat:
        ax.grid(True)
    return grid.figure


def effects(measured: "pd.DataFrame", *, what: str = "difference") -> Figure:
    """What one change does to each strategy: differences with their intervals, left of zero a loss.

    There is a panel for each world, three in a row.

    An interval that includes zero means that these seeds do not show whether the change helps.

    Args:
        measured: A line per world, strategy and group of classes, in the columns world, strategy and classes ("old",
            "new" or "all"), with its mean and half_width in [-1, 1]; a half width that is NaN is drawn without a bar.
        what: What the difference is, for the axis.
    """
    rows, worlds = (list(dict.fromkeys(measured[column])) for column in ("strategy", "world"))
    columns = min(IN_A_ROW, len(worlds))
    lines = -(-len(worlds) // columns)
    width = min(WIDTH * columns + 2, style.WIDEST)  # names and legend take some of it
    size = (width, (0.33 * len(rows) + 0.7) * lines + 0.6)
    shared = dict(sharex=True, sharey=True, layout="constrained", squeeze=False)
    figure, axes = plt.subplots(lines, columns, figsize=size, **shared)
    for ax, world in zip(axes.flat, worlds, strict=False):
        _intervals(ax, measured[measured["world"] == world], rows)
        ax.axvline(0, color="black", linewidth=1.2, zorder=1)
        ax.set(title=world, ylim=(len(rows) - 0.5, -0.5))
        ax.set_yticks(np.arange(len(rows)), rows)
        ax.grid(True)
    for place, ax in enumerate(axes.flat):
        ax.tick_params(labelbottom=place + columns >= len(worlds))  # the lowest panel of its column
        if place >= len(worlds):
            ax.remove()
    figure.supxlabel(f"{what} (percentage points of mIoU, {INTERVALS})", fontsize=plt.rcParams["axes.labelsize"])
    handles = dict(zip(*reversed(axes[0, 0].get_legend_handles_labels()), strict=True))
    figure.legend(handles.values(), handles, title="classes", loc="outside right center")
    return figure


def _long(runs: "pd.DataFrame", keys: list[str]) -> "pd.DataFrame":
    """A line per score, in percent."""
    long = runs.melt(keys, list(LOOKS), "classes", "score")
    return long.assign(score=100 * long["score"])


def _points(height: float) -> dict:
    """How seaborn draws means with one standard deviation in panels of this height in inches, by group of classes."""
    return dict(
        kind="point",
        hue="classes",
        palette={name: look.colour for name, look in LOOKS.items()},
        markers=[look.marker for look in LOOKS.values()],
        errorbar="sd",
        capsize=0.15,
        markersize=6,
        linewidth=1.5,
        height=height,
        aspect=WIDTH / height,
    )


def _intervals(ax: Axes, data: "pd.DataFrame", rows: list[str]) -> None:
    """Marks with their intervals in a panel, the groups of classes side by side."""
    groups = [name for name in LOOKS if name in set(data["classes"])]
    for place, name in enumerate(groups):
        part, look = data[data["classes"] == name], LOOKS[name]
        ax.errorbar(
            100 * part["mean"],
            [rows.index(row) + APART * (place - (len(groups) - 1) / 2) for row in part["strategy"]],
            xerr=100 * part["half_width"].fillna(0),
            fmt=look.marker,
            color=look.colour,
            capsize=2.5,
            elinewidth=1.4,
            label=name,
        )
