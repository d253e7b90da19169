"""A scatter plot with a name beside every point."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes

from satkit.plots import style

DISTANCES = (5, 9, 14, 20, 28, 38, 50)  # points between a point and the middle of its name's near side
DIRECTIONS = 16
LEADER = 10  # distance in points from which a thin line connects a name with its point
ZERO = 3.0  # on a logarithmic axis, zero is drawn at the smallest positive value divided by this


def labelled_points(
    x: Sequence[float],
    y: Sequence[float],
    names: Sequence[str],
    *,
    groups: Sequence[str] | None = None,
    log: bool = False,
    ax: Axes | None = None,
    title: str | None = None,
) -> Axes:
    """A point for every name, with the name beside it; names do not overlap if there is space.

    See whether the two quantities are correlated, and which points are outliers. Groups differ in marker and colour.

    Args:
        x: A value for every name; with NaN here or in `y` a name has no point.
        y: The other value.
        names: Name of each point.
        groups: The group of every name; by default all points look the same.
        log: A logarithmic axis for `x`, which must not be negative then; zero is drawn at the left, behind a dotted
        line.

    Raises:
        ValueError: If there is not one value, and one group, per name, or `x` is negative on a logarithmic axis.
    """
    x, y = np.asarray(x, dtype=float), np.asarray(y, dtype=float)
    groups = [""] * len(names) if groups is None else list(groups)
    if not len(x) == len(y) == len(names) == len(groups):
        raise ValueError(
            f"There must be one value and one group per name, got {len(names)} names for {len(x)} and {len(y)} values "
            f"and {len(groups)} groups."
        )
    if log and (x < 0).any():
        raise ValueError(f"On a logarithmic axis values must be 0 or more, got {np.nanmin(x):g}. Pass log=False.")
    ax = style.axes_or_new(ax, (8, 5))
    shown = _logarithmic(ax, x) if log else x
    there = np.isfinite(shown) & np.isfinite(y)
    for group, look in style.strategy_style(dict.fromkeys(groups)).items():
        members = there & np.array([each == group for each in groups], dtype=bool)
        ax.plot(shown[members], y[members], look.marker, color=look.colour, markersize=7, label=group)
    if any(groups):
        ax.legend(loc="upper left", bbox_to_anchor=(1.01, 1))
    ax.set_title(title or "")
    ax.margins(0.12, 0.1)
    _name(ax, shown[there], y[there], [name for name, kept in zip(names, there, strict=True) if kept])
    return ax


def _logarithmic(ax: Axes, x: np.ndarray) -> np.ndarray:
    """Positions of the values on a logarithmic axis; zeros are left of the others, behind a dotted line."""
    positive = x[x > 0]
    if not len(positive):
        return x
    ax.set_xscale("log")
    low, high = positive.min(), positive.max()
    powers = range(int(np.floor(np.log10(low))), int(np.ceil(np.log10(high))) + 1)
    ticks = {factor * 10.0**power: f"{factor * 10.0**power:g}" for power in powers for factor in (1, 3)}
    ticks = {tick: text for tick, text in ticks.items() if low / ZERO**0.5 < tick < 2 * high}
    if (x == 0).any():
        ticks[low / ZERO] = "0"
        ax.axvline(low / ZERO**0.5, color=style.HATCH_GREY, linestyle=":", linewidth=1)
    ax.set_xticks(list(ticks), list(ticks.values()))
    ax.minorticks_off()
    return np.where(x == 0, low / ZERO, x)


def _name(ax: Axes, x: np.ndarray, y: np.ndarray, names: list[str]) -> None:
    """Write every name near its point, where it covers least of points and other names."""
    ax.figure.draw_without_rendering()  # from here on the positions of points in pixels are known
    renderer, scale = ax.figure.canvas.get_renderer(), ax.figure.dpi / 72
    points = ax.transData.transform(np.stack([x, y], axis=1)) if len(x) else np.empty((0, 2))
    taken = [(*(point - 5 * scale), *(point + 5 * scale)) for point in points]  # left, bottom, right, top
    for order in np.argsort(points[:, 1], kind="stable"):
        text = ax.annotate(names[order], (x[order], y[order]), (0, 0), textcoords="offset points", fontsize=style.SMALL)
        text.set_in_layout(False)
        size = np.array(text.get_window_extent(renderer).size)
        low = _free_box(size, points[order], np.array(taken), ax.bbox.extents, scale)
        text.set_position(tuple((low - points[order]) / scale))
        taken.append((*low, *(low + size)))
        nearest = np.clip(points[order], low, low + size)
        if np.linalg.norm(nearest - points[order]) > LEADER * scale:
            line = {"arrowstyle": "-", "color": style.HATCH_GREY, "linewidth": 0.7, "shrinkA": 0, "shrinkB": 4}
            end = ax.transData.inverted().transform(nearest)
            ax.annotate("", (x[order], y[order]), end, arrowprops=line).set_in_layout(False)


def _free_box(size: np.ndarray, point: np.ndarray, taken: np.ndarray, axes: np.ndarray, scale: float) -> np.ndarray:
    """Lower left corner, in pixels, of the box of this size that covers least and is nearest to the point."""
    distance, angle = np.meshgrid(DISTANCES, 2 * np.pi * np.arange(DIRECTIONS) / DIRECTIONS, indexing="ij")
    direction = np.stack([np.cos(angle), np.sin(angle)], axis=-1).reshape(-1, 2)
    low = point + direction * (distance.reshape(-1, 1) * scale + 0.5 * size) - 0.5 * size
    covered = _shared(low, low + size, taken).sum(axis=1)
    outside = size.prod() - _shared(low, low + size, axes[None])[:, 0]
    return low[np.argmin(covered + 4 * outside + 1e-3 * distance.ravel())]


def _shared(low: np.ndarray, high: np.ndarray, boxes: np.ndarray) -> np.ndarray:
    """Area that candidates share with boxes of left, bottom, right and top: (candidate, box)."""
    sides = np.minimum(high[:, None], boxes[:, 2:]) - np.maximum(low[:, None], boxes[:, :2])
    return sides.clip(min=0).prod(axis=-1)
