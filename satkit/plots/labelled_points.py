"""A scatter plot with a name beside every point."""

from collections.abc import Sequence

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from satkit.plots import style

DISTANCES = (5, 9, 14, 20, 28, 38, 50)  # points between a point and the middle of its name's near side
DIRECTIONS = 16
NARROW = 4.0  # inches of an axis that has space for few numbers
GAP = (2, 0)  # points that are kept free beside a name, and above and below it
LEADER = 12  # distance in points from which a thin line connects a name with its point
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
        ax.legend(**style.BESIDE)
    ax.set_title(title or "")
    ax.margins(0.12, 0.1)
    if not log and ax.get_window_extent().width < NARROW * ax.figure.dpi:
        ax.xaxis.set_major_locator(MaxNLocator(3))  # or their texts would run into each other
    NamesBesidePoints(ax, shown[there], y[there], [name for name, kept in zip(names, there, strict=True) if kept])
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


def _best_places(sizes: np.ndarray, points: np.ndarray, axes: np.ndarray, scale: float) -> np.ndarray:
    """Lower left corner of every name in pixels: the names find their places one by one, in the best of four orders."""
    orders = [order for values in points.T for order in (values.argsort(kind="stable"), (-values).argsort())]
    return min((_places(order, sizes, points, axes, scale) for order in orders), key=lambda found: found[1])[0]


def _places(order, sizes: np.ndarray, points: np.ndarray, axes: np.ndarray, scale: float) -> tuple[np.ndarray, float]:
    """Lower left corners if the names are placed in this order, and what they cost together."""
    taken = [(*(point - 5 * scale), *(point + 5 * scale)) for point in points]  # left, bottom, right, top
    low, total, gap = np.empty_like(points), 0.0, scale * np.array(GAP)
    for number in order:
        low[number], cost = _free_box(sizes[number] + 2 * gap, points[number], np.array(taken), axes, scale)
        taken.append((*low[number], *(low[number] + sizes[number] + 2 * gap)))
        total += cost
    return low + gap, total


def _free_box(
    size: np.ndarray, point: np.ndarray, taken: np.ndarray, axes: np.ndarray, scale: float
) -> tuple[np.ndarray, float]:
    """Lower left corner, in pixels, of the box of this size that covers least and is nearest to the point; its cost."""
    distance, angle = np.meshgrid(DISTANCES, 2 * np.pi * np.arange(DIRECTIONS) / DIRECTIONS, indexing="ij")
    direction = np.stack([np.cos(angle), np.sin(angle)], axis=-1).reshape(-1, 2)
    low = point + direction * (distance.reshape(-1, 1) * scale + 0.5 * size) - 0.5 * size
    covered = _shared(low, low + size, taken).sum(axis=1)
    outside = size.prod() - _shared(low, low + size, axes[None])[:, 0]
    cost = covered + 4 * outside + 1e-3 * distance.ravel() ** 2
    return low[np.argmin(cost)], cost.min()


def _shared(low: np.ndarray, high: np.ndarray, boxes: np.ndarray) -> np.ndarray:
    """Area that candidates share with boxes of left, bottom, right and top: (candidate, box)."""
    sides = np.minimum(high[:, None], boxes[:, 2:]) - np.maximum(low[:, None], boxes[:, :2])
    return sides.clip(min=0).prod(axis=-1)


class NamesBesidePoints(Artist):
    """Puts every name near its point, where it covers least of points and other names.

    It does so whenever the figure is drawn: labels of axes and other subplots that come later move the points.

    Args:
        ax: Axes that the points are drawn in.
        x, y: Where the points are.
        names: What to write beside each.
        colours: Of the names; black if empty.
    """

    def __init__(self, ax: Axes, x: np.ndarray, y: np.ndarray, names: Sequence[str], colours: Sequence[str] = ()):
        super().__init__()
        self.zorder = -1  # drawn before the names
        self.set_in_layout(False)
        self.points = np.stack([x, y], axis=1)
        line = {"arrowstyle": "-", "color": style.HATCH_GREY, "linewidth": 0.7, "shrinkA": 0, "shrinkB": 4}
        at = {"textcoords": "offset points", "fontsize": style.SMALL, "va": "bottom"}
        self.texts = [ax.annotate(name, point, (0, 0), **at) for name, point in zip(names, self.points, strict=True)]
        self.lines = [ax.annotate("", point, point, arrowprops=line) for point in self.points]
        for text, colour in zip(self.texts, colours, strict=False):
            text.set_color(colour)
        for each in self.texts + self.lines:
            each.set_in_layout(False)
        ax.add_artist(self)

    def draw(self, renderer) -> None:
        """Move the names to their places; they draw themselves afterwards."""
        if not self.texts:
            return
        scale, transform = renderer.points_to_pixels(1), self.axes.transData
        points, sizes = transform.transform(self.points), [each.get_window_extent(renderer).size for each in self.texts]
        places = _best_places(np.array(sizes), points, self.axes.bbox.extents, scale)
        for text, line, point, size, low in zip(self.texts, self.lines, points, sizes, places, strict=True):
            text.set_position(tuple((low - point) / scale))
            nearest = np.clip(point, low, low + size)
            line.set_position(tuple(transform.inverted().transform(nearest)))
            line.set_visible(np.linalg.norm(nearest - point) > LEADER * scale)
