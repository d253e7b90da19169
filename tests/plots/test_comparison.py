"""Comparisons over seeds: positions of the marks and lengths of the bars are the numbers."""

import matplotlib.pyplot as plt
import numpy as np
import pytest

from satkit.plots import effects, score_dots, style, weight_curve

NAN = float("nan")
SCORES = {
    "MiB": {"old": (0.5, 0.02), "new": (0.2, 0.01), "all": (0.4, 0.03)},
    "SATS": {"old": (0.6, NAN), "new": (NAN, NAN), "all": (0.5, 0.01)},
}


@pytest.fixture(autouse=True)
def _close_figures():
    yield
    plt.close("all")


def marks(ax):
    """By label, the drawn values, rows and lengths of the bars."""
    found = {}
    for container in ax.containers:
        line, _, (bars,) = container
        lengths = [float(np.ptp(segment, axis=0).max()) for segment in bars.get_segments()]
        found[container.get_label()] = (line.get_xdata().tolist(), line.get_ydata().tolist(), lengths, line)
    return found


def test_scores_stand_in_percent_in_the_row_of_their_strategy():
    ax = score_dots(SCORES, title="plain")
    drawn = marks(ax)
    assert drawn["old"][:2] == ([50, 60], [0, 1])
    assert drawn["new"][:2] == ([20], [0])  # what does not exist is left out
    assert drawn["all"][0] == [40, 50]
    assert drawn["old"][2] == pytest.approx([4, 0])  # twice the deviation; none for one seed
    assert [label.get_text() for label in ax.get_yticklabels()] == ["MiB", "SATS"]
    assert ax.yaxis_inverted()
    assert "mIoU (%)" in ax.get_xlabel()
    assert "one standard deviation" in ax.get_xlabel()
    assert ax.get_title() == "plain"


def test_groups_differ_in_marker_as_well_as_in_colour():
    drawn = marks(score_dots(SCORES))
    looks = {(entry[3].get_marker(), entry[3].get_color()) for entry in drawn.values()}
    assert looks == {(look.marker, look.colour) for look in (style.OLD, style.NEW, style.ALL)}
    assert len({marker for marker, _ in looks}) == 3


def test_effects_have_their_interval_and_a_line_at_zero():
    table = {"MiB": {"old": (0.03, 0.01), "new": (-0.02, 0.04)}, "LwF": {"old": (0.0, NAN), "new": (NAN, NAN)}}
    ax = effects(table, what="with minus without")
    drawn = marks(ax)
    assert drawn["old"][0] == [3, 0]
    assert drawn["new"][0] == [-2]
    assert drawn["old"][2] == pytest.approx([2, 0])
    assert drawn["new"][2] == pytest.approx([8])
    assert drawn["old"][1][0] < 0 < drawn["new"][1][0]  # side by side around the row of their strategy
    assert any(list(line.get_xdata()) == [0, 0] for line in ax.lines)
    assert ax.get_xlabel() == "with minus without (percentage points of mIoU, 95 % interval over seeds)"


def test_a_weight_curve_marks_its_default_and_names_its_weights():
    ax = weight_curve([0, 5, 20], {"old": [(0.1, 0.01), (0.2, NAN), (0.3, 0.02)]}, default=20.0, title="SATS")
    line = ax.containers[0][0]
    assert line.get_xdata().tolist() == [0, 1, 2]
    assert line.get_ydata().tolist() == [10, 20, 30]
    assert [label.get_text() for label in ax.get_xticklabels()] == ["0", "5", "20"]
    assert [text.get_text() for text in ax.texts] == ["default"]
    assert ax.texts[0].xy[0] == 2
    assert not list(weight_curve([0, 5], {"old": [(0.1, NAN)] * 2}, default=20.0).texts)


def test_what_does_not_fit_is_refused():
    with pytest.raises(ValueError, match="Each strategy must have old, new, all, but 'MiB' has no all"):
        score_dots({"MiB": {"old": (0.1, 0.1), "new": (0.1, 0.1)}})
    with pytest.raises(ValueError, match="one score per weight .3., but 'old' has 1"):
        weight_curve([0, 1, 2], {"old": [(0.1, 0.1)]})


def test_axes_that_are_given_are_drawn_on():
    _, ax = plt.subplots()
    assert score_dots(SCORES, ax=ax) is ax
    assert effects({"a": {"old": (0.1, 0.1)}}, ax=ax) is ax
    assert weight_curve([0], {"old": [(0.1, 0.1)]}, ax=ax) is ax
