"""What one weight does, at the weights that were run: scores, drift of relations, and predictions at the chosen one.

A column a world, on shared axes. The weights stand at equal distances, because they are names of runs here and no
scale: nothing was run between two of them.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from satkit.plots import style
from satkit.plots.predictions import class_handles, overlay

LOOKS = {"old": style.OLD, "new": style.NEW, "all": style.ALL}
DRIFT = "drift"
APART = 0.13  # of the distance of two weights, between the marks of two groups of classes
ROWS = (2.6, 1.35, 1.8, 1.8)  # inches: scores, drift, truth, prediction
MARGIN = 0.3  # of the distance of two weights, beside the first and the last
MARKED = {"color": "black", "linewidth": 1.4, "linestyle": ":", "zorder": 1}


class WorldColumn(NamedTuple):
    """What is drawn of a world.

    Attributes:
        means: By "old", "new", "all", in [0, 1], and "drift", >= 0: a value for each weight.
        widths: Half the width of the interval of each mean; NaN where there is none.
        pictures: Image, ground truth and prediction of test images, as `overlay` takes them.
    """

    means: Mapping[str, np.ndarray]
    widths: Mapping[str, np.ndarray]
    pictures: Sequence[tuple[np.ndarray, np.ndarray, np.ndarray]]


def weight_effect(
    worlds: Mapping[str, WorldColumn],
    weights: Sequence[str],
    names: Sequence[str],
    *,
    chosen: int,
    old: Sequence[int],
    seeds: int,
    occurring: Sequence[np.ndarray] = (),
) -> Figure:
    """Scores and drift of relations by weight, and example predictions at one of them; a column a world.

    Follow the blue circles and the orange triangles from left to right: the weight pays where the blue ones rise more
    than the orange ones fall. Compare the two worlds at one weight.

    Args:
        worlds: What is drawn of each world, by its name.
        weights: Text of each weight, in the order of the values.
        names: Name of each label value.
        chosen: Place of the weight whose predictions are drawn; a dotted line marks it.
        old: Label values to be marked "old" in the legend of the classes, the others "new".
        seeds: How many each mean is taken over; the legend says it.
        occurring: Further label maps whose classes are in the legend, so that it stays for other weights.

    Raises:
        ValueError: If there is no world, no such weight, or not one value for each weight.
    """
    _check(worlds, weights, chosen)
    columns = max(1, *(len(each.pictures) for each in worlds.values()))
    maps = [*occurring, *(labels for each in worlds.values() for _, *pair in each.pictures for labels in pair)]
    handles = class_handles(maps, names, old=old)
    beside = 4 if len(worlds) > 1 else 2
    height = sum(ROWS) + 0.95 + 0.22 * -(-len(handles) // beside)
    figure = plt.figure(figsize=(min(5.7 * len(worlds), style.WIDEST), height), layout="constrained")
    grid = figure.add_gridspec(4, columns * len(worlds), height_ratios=ROWS)
    most = max(np.nanmax(each.means[DRIFT] + np.nan_to_num(each.widths[DRIFT])) for each in worlds.values())
    tops = (100.0, 1.12 * most or 1.0)
    first: list[Axes] = []
    for number, (world, column) in enumerate(worlds.items()):
        across = slice(columns * number, columns * (number + 1))
        for row, draw in enumerate((_scores, _drift)):
            shared = first[row] if number else None
            ax = figure.add_subplot(grid[row, across], sharex=shared, sharey=shared)
            first += [ax] * (not number)
            draw(ax, column)
            ax.set_ylim(0, tops[row])
            _finish(ax, weights, chosen, labelled=row == 1, named=not number)
            if row == 0:
                ax.set_title(f"{world} world")
        for place, (image, *both) in enumerate(column.pictures):
            for row, labels in enumerate(both, start=2):
                ax = overlay(image, labels, ax=figure.add_subplot(grid[row, across.start + place]))
                if place == 0:
                    ax.set_ylabel("ground truth" if row == 2 else f"prediction,\nweight {weights[chosen]}")
    bars = f"bars: 95 % interval over {seeds} seeds" if seeds > 1 else "one seed: no intervals"
    named = {"title": f"mean IoU ({bars})", "title_fontsize": style.SMALL, "ncols": len(LOOKS)}
    figure.legend(*first[0].get_legend_handles_labels(), loc="outside upper center", **named)
    if handles:
        figure.legend(handles=handles, loc="outside lower center", ncols=beside)
    return figure


def _scores(ax: Axes, column: WorldColumn) -> None:
    for place, (name, look) in enumerate(LOOKS.items()):
        _points(ax, 100 * column.means[name], 100 * column.widths[name], look, APART * (place - 1), f"{name} classes")
    ax.set_ylabel("mIoU (%)")


def _drift(ax: Axes, column: WorldColumn) -> None:
    _points(ax, column.means[DRIFT], column.widths[DRIFT], style.STUDENT, 0.0, "drift of relations")
    ax.set_ylabel("drift of the\nold relations")


def _points(ax: Axes, means: np.ndarray, widths: np.ndarray, look: style.Look, shift: float, label: str) -> None:
    places = np.arange(len(means)) + shift
    bars = {"yerr": np.nan_to_num(widths), "capsize": 2.5, "elinewidth": 1.4}
    ax.errorbar(places, means, **bars, fmt=look.marker, color=look.colour, label=label)


def _finish(ax: Axes, weights: Sequence[str], chosen: int, *, labelled: bool, named: bool) -> None:
    """The axis of weights, and the mark of the chosen one."""
    ax.axvline(chosen, **MARKED)
    ax.set_xticks(range(len(weights)), weights)
    ax.set_xlim(-0.5 - MARGIN / 2, len(weights) - 0.5 + MARGIN / 2)
    ax.grid(True, axis="y")
    ax.grid(False, axis="x")
    ax.tick_params(labelbottom=labelled, labelleft=named)
    if labelled:
        ax.set_xlabel("weight of attention transfer (0: without the term)")
    if not named:
        ax.set_ylabel("")


def _check(worlds: Mapping[str, WorldColumn], weights: Sequence[str], chosen: int) -> None:
    if not worlds or not 0 <= chosen < len(weights):
        raise ValueError(
            f"There must be a world, and the chosen weight one of 0..{len(weights) - 1}, got {len(worlds)} worlds and "
            f"{chosen}. Choose the place of a weight that was run."
        )
    for world, column in worlds.items():
        for name in (*LOOKS, DRIFT):
            shapes = {np.shape(column.means.get(name)), np.shape(column.widths.get(name))}
            if shapes != {(len(weights),)}:
                raise ValueError(
                    f"There must be a mean and a width of {name!r} for each of {len(weights)} weights in the {world} "
                    f"world, got shapes {sorted(shapes)}. Leave no weight out; NaN stands for no interval."
                )
