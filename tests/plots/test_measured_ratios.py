"""Every ratio stands in its row and group, with its interval and its target."""

import pytest

from satkit.plots import measured_ratios, style
from satkit.plots.measured_ratios import TARGETS, MeasuredRatio

ROWS = ["with / without", "evaluation / forward"]
GROUPS = {
    "small": {ROWS[0]: MeasuredRatio(1.1, 1.05, 1.2, 1.04), ROWS[1]: MeasuredRatio(1.3, 1.2, 1.4)},
    "large": {ROWS[0]: MeasuredRatio(1.02, 1.0, 1.03, 1.02)},
}


def test_each_ratio_has_its_mark_interval_and_row():
    ax = measured_ratios(ROWS, GROUPS)
    small, large = ax.containers
    assert small[0].get_xdata().tolist() == [1.1, 1.3]
    assert large[0].get_xdata().tolist() == [1.02]
    assert [round(place) for place in small[0].get_ydata()] == [0, 1]
    assert small[0].get_ydata()[0] != large[0].get_ydata()[0]  # side by side in one row
    (segments,) = [bars.get_segments() for bars in small[2]]
    assert [segment[:, 0].tolist() for segment in segments] == [pytest.approx([1.05, 1.2]), pytest.approx([1.2, 1.4])]
    assert [text.get_text() for text in ax.get_yticklabels()] == ROWS
    assert ax.yaxis_inverted()


def test_groups_differ_in_marker_and_colour_and_targets_are_drawn_in_that_of_their_group():
    ax = measured_ratios(ROWS, GROUPS)
    looks = style.strategy_style(GROUPS)
    targets = [line for line in ax.lines if line.get_gid() == TARGETS]
    assert [(line.get_xdata()[0], line.get_color()) for line in targets] == [
        (1.04, looks["small"].colour),
        (1.02, looks["large"].colour),
    ]
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["at most", "small", "large"]
    assert len({line.get_marker() for line in (ax.containers[0][0], ax.containers[1][0])}) == 2


def test_a_figure_without_rows_or_groups_is_refused():
    for rows, groups in (([], GROUPS), (ROWS, {})):
        with pytest.raises(ValueError, match="There must be rows and groups to draw"):
            measured_ratios(rows, groups)
