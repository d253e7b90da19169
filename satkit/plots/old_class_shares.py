"""Bars of how often old classes come back in the images of each later step, for several data sets side by side."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes

from satkit.plots import style

HATCHES = ("", "//", "..", "xx", "--", "oo")
WIDTH = 0.8  # of the bars of a step together; the steps are 1 apart


def old_class_shares(shares: Mapping[str, Sequence[float]], *, ax: Axes | None = None) -> Axes:
    """Share of each later step's images that show an old class, a group of bars for each step.

    Low bars mean that a step's images seldom show what was learnt before it, so that little of it is rehearsed.

    Args:
        shares: By data set, a share in [0, 1] for each of its later steps; NaN, for a step without images, has no bar.

    Raises:
        ValueError: Without data sets, or with more than can be told apart.
    """
    if not 1 <= len(shares) <= len(HATCHES):
        raise ValueError(f"There must be 1 to {len(HATCHES)} data sets, got {len(shares)}. Leave some out.")
    ax = style.axes_or_new(ax, (7, 3.2))
    looks = style.strategy_style(shares)
    width = WIDTH / len(shares)
    steps = 1 + np.arange(max(map(len, shares.values())))
    for number, (name, values) in enumerate(shares.items()):
        heights = 100 * np.asarray(values, dtype=float)
        places = steps[: len(heights)] + width * (number + 0.5) - WIDTH / 2
        look = {"color": looks[name].colour, "hatch": HATCHES[number], "edgecolor": "white"}
        bars = ax.bar(places, heights, 0.92 * width, label=name, **look)
        written = ["" if np.isnan(height) else f"{height:.0f}" for height in heights]
        ax.bar_label(bars, written, fontsize=style.SMALL, padding=1)
    ax.set(xlabel="step", ylabel="% of a step's images\nthat show an old class", xticks=steps, ylim=(0, 109))
    ax.grid(axis="x", visible=False)
    ax.legend(**style.BESIDE)
    return ax
