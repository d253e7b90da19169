"""The drift of the student's relations from the teacher's during a step, by stage."""

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from satkit.plots import style

DASHES = ("-", "--", "-.", ":", (0, (8, 2, 2, 2, 2, 2)), (0, (1, 3)))
MARKS = 10  # markers along a curve
BESIDE = 3  # panels in a row
PANEL = (3.0, 2.7)  # inches


def relation_drift(
    iterations: Sequence[int],
    drift: np.ndarray | Mapping[str, np.ndarray],
    stage_names: Sequence[str],
    *,
    ax: Axes | None = None,
    title: str | None = None,
    label: str = "distance from the teacher's relations",
) -> Axes | Figure:
    """Distance between the teacher's and the student's relations over the iterations of a step, one line per stage.

    See which stage drifts first, and whether the drift becomes smaller again. The number at the end of a line is its
    last value. Several strategies have a panel each, on one scale: see which of them keeps the relations.

    Args:
        iterations: Of each measurement, increasing.
        drift: Shape (measurement, stage), >= 0; NaN leaves a gap. Or such arrays by strategy.
        stage_names: Name of each stage.
        ax: Only for one array.
        title: Of the axes, or of the figure.
        label: What the distance is, for the axis.

    Returns:
        The axes, or the figure where several strategies are drawn.

    Raises:
        ValueError: If a distance is negative, shapes do not fit, there are too many stages, or axes are given for
            several strategies.
    """
    if isinstance(drift, Mapping):
        if ax is not None:
            raise ValueError("Several strategies need a panel each, got one Axes. Leave ax out, or draw one by one.")
        return _panels(iterations, drift, stage_names, title, label)
    drift = _check(drift, iterations, stage_names)
    ax = style.axes_or_new(ax, (8, 4.2))
    ax.set_ylim(0, _top([drift]))
    _lines(ax, iterations, drift, stage_names, last="{stage}: {value}")
    ax.set(xlabel="iteration", ylabel=label, title=title or "")
    return ax


def _panels(iterations, drift: Mapping, stage_names: Sequence[str], title: str | None, label: str) -> Figure:
    """One panel for each strategy, all on one scale."""
    if not drift:
        raise ValueError("There must be a strategy to draw, got none.")
    drift = {name: _check(values, iterations, stage_names) for name, values in drift.items()}
    rows = -(-len(drift) // BESIDE)
    columns = -(-len(drift) // rows)
    size = (PANEL[0] * columns + 0.5, PANEL[1] * rows + 0.5 + 0.3 * bool(title))
    figure, axes = plt.subplots(
        rows, columns, figsize=size, layout="constrained", sharex=True, sharey=True, squeeze=False
    )
    axes[0, 0].set_ylim(0, _top(drift.values()))
    for panel, (name, values) in zip(axes.flat, drift.items(), strict=False):
        handles = _lines(panel, iterations, values, stage_names, last="{value}")
        panel.set_title(name)
    for panel in axes.flat[len(drift) :]:
        panel.set_visible(False)
    for panel in axes.flat[len(drift) - columns : len(drift)]:
        panel.tick_params(labelbottom=True)
    figure.supxlabel("iteration", fontsize=10)
    figure.supylabel(label, fontsize=10)
    layout = {"loc": "outside upper center", "ncols": len(handles)}
    figure.legend(handles=handles, fontsize=style.SMALL, title=title, title_fontsize=12, **layout)
    return figure


def _lines(ax: Axes, iterations, drift: np.ndarray, stage_names: Sequence[str], *, last: str) -> list:
    """One line per stage, its last value at its end; returns the lines."""
    looks = style.strategy_style(stage_names)
    every, drawn, ends = max(1, len(iterations) // MARKS), [], []
    for number, (stage, values) in enumerate(zip(stage_names, drift.T, strict=True)):
        look = looks[stage]._replace(dash=DASHES[number])
        first = number * every // len(stage_names)  # so that the markers of close lines do not overlap
        drawn += ax.plot(iterations, values, **look.line(), markersize=5, markevery=(first, every), label=stage)
        known = np.flatnonzero(np.isfinite(values))
        if len(known):
            value = values[known[-1]]
            ends.append((iterations[known[-1]], value, last.format(stage=stage, value=f"{value:.3g}"), look.colour))
    style.name_ends(ax, ends)
    return drawn


def _top(arrays) -> float:
    """The end of the scale: a little above the largest value."""
    return 1.08 * style.from_zero(*arrays).vmax


def _check(drift, iterations, stage_names) -> np.ndarray:
    drift = np.asarray(drift, dtype=float)
    if drift.shape != (len(iterations), len(stage_names)) or not drift.size:
        raise ValueError(
            f"drift must have shape (measurement, stage) with one iteration per measurement and one name per stage, "
            f"got shape {drift.shape}, {len(iterations)} iterations and {len(stage_names)} names."
        )
    if (drift < 0).any():
        raise ValueError(
            f"A distance must be >= 0, got {np.nanmin(drift):g}. Draw differences as their absolute value."
        )
    if len(stage_names) > len(DASHES):
        raise ValueError(
            f"At most {len(DASHES)} stages can be distinguished in one figure, got {len(stage_names)}. Draw fewer."
        )
    return drift
