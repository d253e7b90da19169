"""Fronts: what is kept of old classes against what is learnt of new ones, one line for each thing that grows."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.axes import Axes

from satkit.plots import style
from satkit.plots.labelled_points import NamesBesidePoints

if TYPE_CHECKING:
    import pandas as pd


def fronts(
    points: "pd.DataFrame",
    labels: Mapping[str, str],
    *,
    base: float | None = None,
    joint: float | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Mean scores of old and new classes along fronts; up and to the right is better.

    Args:
        points: As `evaluation.fronts.front_points` returns them, scores in [0, 1].
        labels: What to write beside a point, by strategy, in the colour of its front, or in black where several fronts
            meet; others have no text.
        base: Score of the old classes after the base step, where nothing is forgotten yet: a vertical line.
        joint: Score of the new classes of joint training: a horizontal line.
        ax: Axes to draw into; new ones if None.
    """
    ax = style.axes_or_new(ax, (8.6, 4.4))
    names, looks = {}, style.strategy_style(dict.fromkeys(points["front"]))
    meeting = points.groupby("strategy")["front"].nunique() > 1
    for name, look in looks.items():
        part = points[points["front"] == name].sort_values("place")
        old, new = 100 * part["old"], 100 * part["new"]
        widths = {"xerr": 100 * part["old_half_width"].fillna(0), "yerr": 100 * part["new_half_width"].fillna(0)}
        ax.errorbar(old, new, **widths, color=look.colour, elinewidth=0.7, alpha=0.35, linestyle="none")
        ax.plot(old, new, color=look.colour, marker=look.marker, linestyle=look.dash, label=name)
        for x, y, strategy in zip(old, new, part["strategy"], strict=True):
            if strategy in labels:
                names[strategy] = (x, y, labels[strategy], "black" if meeting[strategy] else look.colour)
    if names:
        NamesBesidePoints(ax, *map(np.array, zip(*names.values(), strict=True)))
    if base is not None:
        ax.axvline(100 * base, color=style.HATCH_GREY, linestyle=":", label="old classes after the base step")
    if joint is not None:
        ax.axhline(100 * joint, color=style.HATCH_GREY, linestyle="--", label="new classes, joint training")
    ax.set(xlabel="old classes: mIoU (%)", ylabel="new classes: mIoU (%)")
    ax.grid(True)
    ax.legend(**style.BESIDE)
    return ax
