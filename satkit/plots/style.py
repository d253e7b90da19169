"""The common style of all figures: colours, markers, dashes, class palette, colour maps, text sizes.

Nothing is shown by colour alone. The teacher is a solid line with circles and the student a dashed line with
squares; strategies differ in marker as well as in colour and dash; classes are numbered as well as coloured.
Teacher, student, old and new have colours of Okabe and Ito, strategies those of Tol's "muted" scheme, so that
the colour of a strategy is never that of teacher or student.
"""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import Normalize, to_rgb
from matplotlib.patches import PathPatch
from matplotlib.path import Path
from matplotlib.patheffects import withStroke

from satkit.data.labels import BACKGROUND, IGNORE, UNKNOWN, class_palette
from satkit.plots.alt import register_alt_text
from satkit.plots.text import use_plain_text


class Look(NamedTuple):
    """How a line is drawn: colour, marker and dash, as matplotlib takes them."""

    colour: str
    marker: str
    dash: str

    def line(self) -> dict[str, str]:
        """The keyword arguments of `Axes.plot`."""
        return {"color": self.colour, "marker": self.marker, "linestyle": self.dash}


TEACHER = Look("#0072B2", "o", "-")
STUDENT = Look("#D55E00", "s", "--")
TRUTH = Look("black", "D", "-")
OLD = Look("#56B4E9", "o", "-")
NEW = Look("#E69F00", "^", "--")
ALL = Look("#555555", "D", "-.")
REST = Look("#8C8C8C", "x", ":")  # background, where classes are old or new

ATTENTION_MAP = "cividis"
OVERLAY_MAP = "magma"
DIFFERENCE_MAP = "PuOr"
OVERLAY_ALPHA = 0.6
CLASS_ALPHA = 0.7

OTHER_OLD = "#C7E6F8"
BACKGROUND_GREY = "#B8B8B8"
EMPTY = "#EEEEEE"
GRID = "#D9D9D9"
HATCH = "////"
HATCH_GREY = "#7A7A7A"
SMALL = 9
# Where a legend covers nothing that is drawn: to the right of the axes.
BESIDE = {"loc": "upper left", "bbox_to_anchor": (1.01, 1), "fontsize": SMALL}
# Smallest end of the scale of a difference, as a part of the scale of the pair, so that tiny differences are pale.
LEAST_CHANGE = 0.1
WIDEST = 9.6  # inches; on a page of 780 pixels the smallest text of such a figure still has nine
STRETCHED, LEAST_PANEL = 12.0, 0.93  # inches: up to which width panels do not become narrower than that

_COLOURS = ("#332288", "#44AA99", "#882255", "#999933", "#117733", "#CC6677")
_MARKERS = ("o", "s", "^", "D", "v", "P", "X", "<", ">", "p", "h", "*")
_DASHES = ("-", "--")


def side_of_panel(columns: int, largest: float) -> float:
    """Inches of each of several panels side by side, so that their text can be read on a page."""
    width = max(WIDEST, min(columns * LEAST_PANEL, STRETCHED))
    return min(largest, width / columns)


def use_style() -> None:
    """Set matplotlib's defaults for this kit: 100 dots per inch, readable text, light grid behind curves.

    In a notebook, figures get an alt text as well, see `satkit.plots.alt`. Text is drawn as it is, see
    `satkit.plots.text`.
    """
    register_alt_text()
    use_plain_text()
    mpl.rcParams.update(
        {
            "figure.dpi": 100,
            "savefig.dpi": 100,
            "figure.facecolor": "white",
            "axes.facecolor": "white",
            "font.size": 10,
            "axes.titlesize": 11,
            "axes.labelsize": 10,
            "xtick.labelsize": SMALL,
            "ytick.labelsize": SMALL,
            "legend.fontsize": SMALL,
            "figure.titlesize": 12,
            "axes.grid": True,
            "axes.axisbelow": True,
            "grid.color": GRID,
            "grid.linewidth": 0.8,
            "axes.edgecolor": "#B0B0B0",
            "axes.spines.top": False,
            "axes.spines.right": False,
            "lines.linewidth": 1.8,
            "lines.markersize": 6,
            "legend.frameon": False,
            "hatch.linewidth": 0.8,
        }
    )


def strategy_style(names: Iterable[str]) -> dict[str, Look]:
    """Colour, marker and dash of each strategy, by its position among the names.

    The first six have different colours and solid lines, the next six the same colours and dashed lines; all
    twelve markers differ.

    Raises:
        ValueError: For a repeated name or more than twelve names.
    """
    names = list(names)
    if len(set(names)) < len(names):
        repeated = sorted({name for name in names if names.count(name) > 1})
        raise ValueError(f"Names must differ, got {', '.join(repeated)} more than once. Rename them.")
    if len(names) > len(_MARKERS):
        raise ValueError(
            f"At most {len(_MARKERS)} lines can be distinguished in one figure, got {len(names)}. "
            f"Draw them in several figures."
        )
    return {name: Look(_COLOURS[i % 6], _MARKERS[i], _DASHES[i // 6]) for i, name in enumerate(names)}


def class_colour(index: int) -> tuple[float, float, float]:
    """Colour of a label value, red, green and blue in [0, 1]; grey for UNKNOWN."""
    return to_rgb(HATCH_GREY) if index == UNKNOWN else tuple(class_palette()[index] / 255)


def class_image(labels: np.ndarray, alpha: float = CLASS_ALPHA) -> np.ndarray:
    """A label map in colour to lay over its image: floats of shape (height, width, 4), in [0, 1].

    Background and IGNORE are transparent, `hatch_ignore` draws the latter; UNKNOWN is grey.
    """
    colours = np.zeros((*labels.shape, 4))
    colours[..., :3] = class_palette()[labels] / 255
    colours[labels == UNKNOWN, :3] = class_colour(UNKNOWN)
    colours[..., 3] = np.where((labels == BACKGROUND) | (labels == IGNORE), 0, alpha)
    return colours


def hatch_ignore(labels: np.ndarray, ax: Axes) -> PathPatch | None:
    """Cover the IGNORE pixels of a label map with white, hatched in grey; None if there are none."""
    if not (labels == IGNORE).any():
        return None
    boxes = [_box(row, start, stop) for row, start, stop in _runs(labels == IGNORE)]
    patch = PathPatch(
        Path.make_compound_path(*boxes), facecolor="white", edgecolor=HATCH_GREY, linewidth=0, hatch=HATCH
    )
    return ax.add_artist(patch)  # add_patch would compute limits from all corners, which takes long


def text_on(colour) -> str:
    """Black or white, whichever is easier to read on a colour."""
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in to_rgb(colour))
    return "black" if 0.2126 * red + 0.7152 * green + 0.0722 * blue > 0.18 else "white"


def outlined(width: float = 2.5, colour: str = "black") -> list[withStroke]:
    """Path effects that keep a mark readable on any picture."""
    return [withStroke(linewidth=width, foreground=colour)]


def cross(ax: Axes, x: float, y: float) -> None:
    """Mark a query with a white cross in a dark outline; the limits of the axes stay."""
    ax.plot(
        [x],
        [y],
        marker="+",
        markersize=14,
        markeredgewidth=2,
        color="white",
        linestyle="none",
        label="query",
        path_effects=outlined(4.5),
        scalex=False,
        scaley=False,
    )


def from_zero(*maps: np.ndarray, vmax: float | None = None) -> Normalize:
    """The scale from 0 to the largest value of all the maps, or to `vmax`; to 1 where all values are 0."""
    limit = _largest(maps) if vmax is None else vmax
    return Normalize(0, limit or 1.0)


def centred(difference: np.ndarray, *, center: float = 0.0, vmax: float | None = None, least: float = 0.0) -> Normalize:
    """The scale with `center` in its middle that holds every value and at least `least`, or that ends at `vmax`."""
    half = max(_largest([np.abs(np.asarray(difference) - center)]), least) if vmax is None else vmax - center
    half = half or 1.0
    return Normalize(center - half, center + half)


def axes_or_new(ax: Axes | None, size: tuple[float, float]) -> Axes:
    """The given axes, or those of a new figure of that size in inches."""
    return plt.subplots(figsize=size, layout="constrained")[1] if ax is None else ax


def bare(ax: Axes) -> Axes:
    """Remove ticks, frame and grid of a picture; its axis labels stay."""
    ax.grid(False)
    ax.set(xticks=[], yticks=[])
    ax.spines[:].set_visible(False)
    return ax


def named_cells(ax: Axes, row_names: Sequence[str], column_names: Sequence[str]) -> Axes:
    """Name the rows and columns of a heat map, and separate its cells by white lines."""
    ax.set_xticks(range(len(column_names)), column_names)
    ax.set_yticks(range(len(row_names)), row_names)
    if max(map(len, column_names), default=0) > 4:
        ax.tick_params(axis="x", labelrotation=45)
        for label in ax.get_xticklabels():
            label.set(ha="right", rotation_mode="anchor")
    ax.grid(False)
    ax.set_xticks(np.arange(len(column_names) - 1) + 0.5, minor=True)
    ax.set_yticks(np.arange(len(row_names) - 1) + 0.5, minor=True)
    ax.grid(True, which="minor", color="white", linewidth=1)
    ax.tick_params(which="both", length=0)
    ax.spines[:].set_visible(False)
    return ax


def print_cells(ax: Axes, values: np.ndarray, *, form: str = "{:.2f}", size: float = SMALL) -> None:
    """Write its value into every cell of the heat map drawn last; "–" where it is undefined."""
    picture = ax.images[-1]
    for (row, column), value in np.ndenumerate(values):
        known = np.isfinite(value)
        background = picture.cmap(picture.norm(value)) if known else to_rgb(EMPTY)
        text = form.format(value) if known else "–"
        if float(value) < 0 and not any(digit in text for digit in "123456789"):
            text = text.replace("-", "")  # rounded to zero
        text = text.replace("-", "\N{MINUS SIGN}")
        ax.text(column, row, text, ha="center", va="center", fontsize=size, color=text_on(background))


def name_ends(ax: Axes, ends: Sequence[tuple[float, float, str, str]]) -> None:
    """Write names to the right of the axes, one for each (x, y, name, colour), with a thin line to each.

    The names are spread so that they do not overlap; if they do not fit, they exceed the axes above and below. Set the
    limits of the axes before.
    """
    bottom, top = ax.get_ylim()
    points = ax.get_position().height * ax.figure.get_figheight() * 72
    gap = (SMALL + 3.5) * (top - bottom) / points
    heights = spread([y for _, y, _, _ in ends], gap, low=bottom, high=top)
    for (x, y, name, colour), height in zip(ends, heights, strict=True):
        level = (height - bottom) / (top - bottom)
        line = {"arrowstyle": "-", "color": colour, "linewidth": 0.8, "shrinkA": 0, "shrinkB": 3}
        ax.annotate("", (x, y), (1.07, level), textcoords="axes fraction", arrowprops=line)
        ax.text(1.08, level, name, transform=ax.transAxes, va="center", fontsize=SMALL)


def spread(positions: Sequence[float], gap: float, *, low: float = -np.inf, high: float = np.inf) -> np.ndarray:
    """Positions at least `gap` apart and in the same order, moved as little as possible (least squares).

    They stay within `low` and `high`; if they do not fit, they exceed both by the same amount.
    """
    positions = np.asarray(positions, dtype=float)
    order = np.argsort(positions, kind="stable")
    steps = gap * np.arange(len(positions))
    blocks = []  # [sum, count] of neighbours that touch, in positions less their steps
    for value in positions[order] - steps:
        blocks.append([value, 1])
        while len(blocks) > 1 and blocks[-2][0] / blocks[-2][1] >= blocks[-1][0] / blocks[-1][1]:
            total, count = blocks.pop()
            blocks[-1][0] += total
            blocks[-1][1] += count
    settled = np.array([total / count for total, count in blocks for _ in range(count)])
    room = high - low - (steps[-1] if len(steps) else 0)
    if room < 0:
        low, room = low + room / 2, 0.0
    result = np.empty(len(positions))
    result[order] = np.clip(settled, low, low + room if np.isfinite(room) else high) + steps
    return result


def _largest(arrays) -> float:
    finite = [np.asarray(values)[np.isfinite(values)] for values in arrays]
    return float(max((values.max() for values in finite if values.size), default=0.0))


def _runs(mask: np.ndarray):
    """Row, first and one past the last column of every horizontal run of True."""
    edges = np.diff(np.pad(mask.astype(np.int8), ((0, 0), (1, 1))), axis=1)
    rows, starts = np.nonzero(edges == 1)
    stops = np.nonzero(edges == -1)[1]
    return zip(rows.tolist(), starts.tolist(), stops.tolist(), strict=True)


def _box(row: int, start: int, stop: int) -> Path:
    left, right, top, bottom = start - 0.5, stop - 0.5, row - 0.5, row + 0.5
    corners = [(left, top), (right, top), (right, bottom), (left, bottom), (left, top)]
    return Path(corners, [Path.MOVETO, Path.LINETO, Path.LINETO, Path.LINETO, Path.CLOSEPOLY])
