"""Fronts are drawn point by point, in order, with what is written beside them."""

import pandas as pd
import pytest

from satkit.plots.fronts import fronts


@pytest.fixture
def points():
    lines = [("a", "x", 0, 0.5, 0.4), ("a", "x+1", 1, 0.6, 0.3), ("b", "x", 0, 0.5, 0.4), ("b", "x+2", 1, 0.7, 0.1)]
    points = pd.DataFrame(lines, columns=["front", "strategy", "place", "old", "new"])
    return points.assign(old_half_width=0.02, new_half_width=float("nan"))


def test_every_front_is_a_line_through_its_points_in_percent(points):
    ax = fronts(points.iloc[::-1], {})
    drawn = {line.get_label(): line.get_xydata().tolist() for line in ax.lines if len(line.get_xdata()) == 2}
    assert drawn["a"] == [[50.0, 40.0], [60.0, 30.0]]
    assert drawn["b"] == [[50.0, 40.0], [70.0, 10.0]]
    assert "old classes" in ax.get_xlabel()
    assert "new classes" in ax.get_ylabel()


def test_points_are_named_and_the_ends_of_what_can_be_reached_are_marked(points):
    ax = fronts(points, {"x+1": "weight 1"}, base=0.9, joint=0.8)
    assert [text.get_text() for text in ax.texts if text.get_text()] == ["weight 1"]
    labels = [text.get_text() for text in ax.get_legend().get_texts()]
    assert {"a", "b", "old classes after the base step", "new classes, joint training"} == set(labels)
    assert sorted({line.get_xdata()[0] for line in ax.lines if line.get_label().startswith("old")}) == [90.0]


def test_a_point_where_fronts_meet_is_named_once_and_in_black(points):
    ax = fronts(points, {"x": "itself", "x+2": "2"})
    named = {text.get_text(): text.get_color() for text in ax.texts if text.get_text()}
    assert [text.get_text() for text in ax.texts if text.get_text()] == ["itself", "2"]
    assert named["itself"] == "black"
    assert named["2"] != "black"
