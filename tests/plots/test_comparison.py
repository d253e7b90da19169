"""Comparisons over seeds: positions of the marks and lengths of the bars are the numbers."""

import subprocess
import sys

import numpy as np
import pandas as pd
import pytest

from satkit.plots import effects, score_dots, style
from satkit.plots.style import WIDEST

NAN = float("nan")
RUNS = pd.DataFrame(
    [
        ("MiB", "plain", 0.48, 0.2, 0.4),
        ("MiB", "plain", 0.52, 0.2, 0.4),
        ("SATS", "plain", 0.6, NAN, 0.5),
        ("MiB", "shifted", 0.3, 0.1, 0.2),
    ],
    columns=["strategy", "world", "old", "new", "all"],
)
EFFECTS = pd.DataFrame(
    [
        ("plain", "MiB", "old", 0.03, 0.01),
        ("plain", "MiB", "new", -0.02, 0.04),
        ("plain", "LwF", "old", 0.0, NAN),
        ("shifted", "LwF", "old", 0.05, 0.01),
    ],
    columns=["world", "strategy", "classes", "mean", "half_width"],
)


def points(ax, look):
    """Where the marks of a group of classes are."""
    marked = [line for line in ax.lines if line.get_marker() == look.marker and line.get_color() == look.colour]
    found = np.concatenate([line.get_xydata() for line in marked])
    return found[np.isfinite(found).all(axis=1)].round(6).tolist()


def bars(ax, look):
    """Lengths of the bars of a group of classes, as seaborn draws them: one line, its parts and caps parted by NaN."""
    lines = [line.get_xdata() for line in ax.lines if line.get_color() == look.colour and line.get_marker() == "None"]
    return [float(np.nanmax(places) - np.nanmin(places)) for places in lines if np.isfinite(places).any()]


def names(labels):
    return [label.get_text() for label in labels]


def test_scores_stand_in_percent_in_the_row_of_their_strategy_a_panel_a_world():
    plain, shifted = score_dots(RUNS).axes
    assert [ax.get_title() for ax in (plain, shifted)] == ["plain", "shifted"]
    assert points(plain, style.OLD) == [[50, 0], [60, 1]]
    assert points(plain, style.NEW) == [[20, 0]]  # what does not exist is left out
    assert points(plain, style.ALL) == [[40, 0], [50, 1]]
    assert points(shifted, style.OLD) == [[30, 0]]
    assert names(plain.get_yticklabels()) == ["MiB", "SATS"]
    assert plain.yaxis_inverted()
    assert plain.get_xlabel() == "mIoU (%), ± one standard deviation over seeds"


def test_a_bar_is_twice_the_deviation_over_seeds():
    plain, shifted = score_dots(RUNS).axes
    assert bars(plain, style.OLD) == pytest.approx([2 * 100 * np.std([0.48, 0.52], ddof=1)])  # none for one seed
    assert bars(shifted, style.OLD) == []


def test_groups_differ_in_marker_as_well_as_in_colour():
    (legend,) = score_dots(RUNS).legends
    looks = {(handle.get_marker(), handle.get_color()) for handle in legend.legend_handles}
    assert looks == {(look.marker, look.colour) for look in (style.OLD, style.NEW, style.ALL)}
    assert names(legend.get_texts()) == ["old", "new", "all"]


def test_effects_have_their_interval_and_a_line_at_zero():
    figure = effects(EFFECTS, what="with minus without")
    plain, shifted = figure.axes
    old, new = points(plain, style.OLD), points(plain, style.NEW)
    assert [x for x, _ in old] == [3, 0]
    assert [x for x, _ in new] == [-2]
    assert old[0][1] < 0 < new[0][1]  # side by side around the row of their strategy
    lengths = [
        float(np.ptp(segment, axis=0).max())
        for container in plain.containers
        for segment in container[2][0].get_segments()
    ]
    assert lengths == pytest.approx([2, 0, 8])
    assert points(shifted, style.OLD) == [[5, 1]]  # in the row that the strategy has in every panel
    for ax in (plain, shifted):
        assert any(list(line.get_xdata()) == [0, 0] for line in ax.lines)
    assert names(plain.get_yticklabels()) == ["MiB", "LwF"]
    assert figure.get_supxlabel() == "with minus without (percentage points of mIoU, 95 % interval over seeds)"
    assert names(figure.legends[0].get_texts()) == ["old", "new"]


def test_many_worlds_stand_three_in_a_row_and_every_column_ends_in_numbers():
    worlds = pd.concat([EFFECTS.assign(world=f"{number}") for number in range(5)])
    figure = effects(worlds)
    axes = figure.axes
    assert figure.get_figwidth() <= WIDEST
    figure.canvas.draw()
    numbered = [any(tick.label1.get_visible() for tick in ax.xaxis.get_major_ticks()) for ax in axes]
    assert numbered == [False, False, True, True, True]
    assert [ax.get_title() for ax in axes] == [f"{number}" for number in range(5)]
    assert [ax.get_subplotspec().rowspan.start for ax in axes] == [0, 0, 0, 1, 1]


def test_other_figures_do_not_wait_for_seaborn():
    words = "import sys, satkit.plots; print(*{'seaborn', 'pandas'} & set(sys.modules))"
    command = [sys.executable, "-c", words]
    assert subprocess.run(command, capture_output=True, text=True, check=True).stdout.split() == []
