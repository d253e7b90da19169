"""Named points: each is at its values with its name beside it, and names do not overlap."""

from itertools import pairwise

import matplotlib.pyplot as plt
import numpy as np
import pytest

from satkit.plots import labelled_points

NAMES = [f"strategy {number}" for number in range(12)]
X = np.array([0.01, 0.0101, 0.0102, 0.0103, 0.0104, 0.1, 0.3, 0.02, 0.05, 0.0, 0.0, 0.03])
Y = np.array([1.0, 1.1, 0.9, 1.05, 0.95, 5, 3, 2, 4, 0.5, 3, np.nan])


def boxes(ax):
    ax.figure.draw_without_rendering()
    return {text.get_text(): text.get_window_extent() for text in ax.texts if text.get_text()}


def points(ax):
    drawn = [line for line in ax.lines if line.get_linestyle() == "None"]
    return np.concatenate([np.stack(line.get_data(), axis=1) for line in drawn])


def test_every_name_with_both_values_has_a_point_and_stands_alone():
    ax = labelled_points(X, Y, NAMES, log=True)
    found = boxes(ax)
    assert sorted(found) == sorted(NAMES[:-1])  # the last has no value
    assert len(points(ax)) == 11
    for name, box in found.items():
        assert not [other for other in found if other != name and box.overlaps(found[other])]
        assert ax.bbox.contains(*box.min)
        assert ax.bbox.contains(*box.max)


def test_a_name_with_letters_below_the_line_does_not_touch_its_own_point():
    ax = labelled_points([1, 2, 3], [3, 2, 1], ["going, gone", "quay, pagoda", "jig, gypsy"])
    radius = 4 * ax.figure.dpi / 72  # pixels of half a mark with its edge
    for box, (column, row) in zip(boxes(ax).values(), ax.transData.transform(points(ax)), strict=True):
        nearest = (np.clip(column, box.x0, box.x1), np.clip(row, box.y0, box.y1))
        assert np.abs(np.subtract(nearest, (column, row))).max() > radius


def test_the_numbers_of_narrow_axes_do_not_overlap():
    figure, axes = plt.subplots(1, 3, figsize=(9.6, 3.6), layout="constrained")
    for ax in axes:
        labelled_points([0.00175, 0.0021, 0.0028], [1, 2, 3], ["a", "b", "c"], ax=ax)
    figure.canvas.draw()
    for ax in axes:
        shown = [
            text for text in ax.get_xticklabels() if ax.get_xlim()[0] <= text.get_position()[0] <= ax.get_xlim()[1]
        ]
        texts = [text.get_window_extent() for text in shown]
        assert len(texts) >= 2
        assert all(left.x1 < right.x0 for left, right in pairwise(texts))


def test_a_name_is_nearer_to_its_own_point_than_most_others_are():
    ax = labelled_points([1, 2, 3], [1, 2, 3], ["a", "b", "c"])
    found = boxes(ax)
    for number, name in enumerate("abc"):
        places = ax.transData.transform([(n, n) for n in (1, 2, 3)])
        middle = (found[name].min + found[name].max) / 2
        assert np.linalg.norm(places - middle, axis=1).argmin() == number


def test_names_stand_alone_when_subplots_and_labels_that_are_drawn_later_have_moved_the_points():
    figure, (ax, *others) = plt.subplots(1, 3, figsize=(12, 4), layout="constrained")
    labelled_points(X, Y, NAMES, ax=ax)
    for other in others:
        other.set(xlabel="label", ylabel="label", yticks=[0, 1], yticklabels=["a long name of a row", "another"])
    found = list(boxes(ax).values())
    assert not [1 for number, box in enumerate(found) for other in found[:number] if box.overlaps(other)]


def test_values_are_drawn_as_they_are_and_zero_has_a_place_and_a_tick_of_its_own():
    ax = labelled_points(X, Y, NAMES, log=True)
    drawn = {tuple(point) for point in points(ax)}
    assert {(x, y) for x, y in zip(X, Y, strict=True) if x > 0 and np.isfinite(y)} <= drawn
    ticks = dict(zip([each.get_text() for each in ax.get_xticklabels()], ax.get_xticks(), strict=True))
    zeros = [x for x, _ in drawn if x < X[X > 0].min()]
    assert zeros == [ticks["0"]] * 2
    assert ticks["0.1"] == pytest.approx(0.1)
    assert "0" not in [each.get_text() for each in labelled_points(X + 1, Y, NAMES, log=True).get_xticklabels()]


def test_groups_differ_in_marker_and_colour_and_are_named():
    ax = labelled_points([1, 2, 3], [1, 2, 3], ["a", "b", "c"], groups=["x", "y", "x"])
    drawn = {line.get_label(): line for line in ax.lines}
    assert drawn["x"].get_xdata().tolist() == [1, 3]
    assert drawn["x"].get_marker() != drawn["y"].get_marker()
    assert drawn["x"].get_color() != drawn["y"].get_color()
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["x", "y"]
    assert labelled_points([1], [1], ["a"]).get_legend() is None


def test_what_does_not_fit_is_refused():
    with pytest.raises(ValueError, match="got 2 names for 3 and 2 values and 2 groups"):
        labelled_points([1, 2, 3], [1, 2], ["a", "b"])
    with pytest.raises(ValueError, match="values must be 0 or more, got -1"):
        labelled_points([-1, 2], [1, 2], ["a", "b"], log=True)


def test_nothing_but_zeros_and_nothing_at_all_can_be_drawn():
    assert len(points(labelled_points([0, 0], [1, 2], ["a", "b"], log=True))) == 2
    assert boxes(labelled_points([], [], [])) == {}
