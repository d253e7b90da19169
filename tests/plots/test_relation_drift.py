import io
import re

import matplotlib
import matplotlib.pyplot as plt
import numpy as np
import pytest

from satkit.plots import relation_drift, style

matplotlib.use("Agg")

NAN = np.nan
ITERATIONS = [0, 10, 20]
STAGES = ("stage 1", "stage 2", "stage 3")
DRIFT = np.array([[0.0, 0.0, 0.0], [0.1, 0.02, 0.3], [0.2, 0.0312, NAN]])


def lines(ax):
    return {line.get_label(): line for line in ax.lines if not line.get_label().startswith("_")}


def printed(ax):
    return sorted(text.get_text() for text in ax.texts if text.get_text())


def visible(figure):
    return [ax for ax in figure.axes if ax.get_visible()]


def test_every_stage_has_a_line_and_its_last_value_at_the_end():
    ax = relation_drift(ITERATIONS, DRIFT, STAGES, title="SATS")
    for place, stage in enumerate(STAGES):
        np.testing.assert_allclose(lines(ax)[stage].get_ydata(), DRIFT[:, place])
        assert list(lines(ax)[stage].get_xdata()) == ITERATIONS
    assert printed(ax) == ["stage 1: 0.2", "stage 2: 0.0312", "stage 3: 0.3"]
    assert (ax.get_title(), ax.get_xlabel()) == ("SATS", "iteration")
    assert ax.get_ylim()[0] == 0
    assert ax.get_ylim()[1] > 0.3


def test_a_value_is_at_the_height_of_its_line():
    ax = relation_drift(ITERATIONS, DRIFT, STAGES)
    ax.figure.canvas.draw()
    (text,) = (text for text in ax.texts if text.get_text() == "stage 3: 0.3")
    box = text.get_window_extent()
    assert box.y0 < ax.transData.transform((10, 0.3))[1] < box.y1
    assert box.x0 > ax.get_window_extent().x1


def test_six_stages_differ_in_colour_marker_and_dash():
    stages = [f"stage {number}" for number in range(6)]
    ax = relation_drift([0, 1], np.ones((2, 6)), stages)
    drawn = lines(ax).values()
    for looks in ([line.get_color() for line in drawn], [line.get_marker() for line in drawn]):
        assert len(set(looks)) == 6
    ax.grid(False)
    file = io.StringIO()
    ax.figure.savefig(file, format="svg")
    assert len(set(re.findall(r"stroke-dasharray: [\d. ,]+", file.getvalue()))) == 5  # and one that is solid
    with pytest.raises(ValueError, match="At most 6 stages can be distinguished in one figure, got 7"):
        relation_drift([0, 1], np.ones((2, 7)), [*stages, "stage 6"])


def test_markers_of_close_lines_do_not_hide_each_other():
    drawn = lines(relation_drift(range(100), np.ones((100, 2)), STAGES[:2])).values()
    marked = [set(range(first, 100, every)) for first, every in (line.get_markevery() for line in drawn)]
    assert not marked[0] & marked[1]


def test_strategies_have_a_panel_each_on_one_scale_with_one_legend():
    drifts = {name: factor * DRIFT for name, factor in (("fine-tuning", 3), ("MiB", 1), ("SATS", 0.1), ("EWC", 2))}
    figure = relation_drift(ITERATIONS, drifts, STAGES, title="Step 1")
    assert [ax.get_title() for ax in visible(figure)] == list(drifts)
    for ax, values in zip(visible(figure), drifts.values(), strict=True):
        np.testing.assert_allclose(lines(ax)["stage 1"].get_ydata(), values[:, 0])
        assert f"{values[2, 0]:.3g}" in printed(ax)
    assert len({ax.get_ylim() for ax in visible(figure)}) == 1
    assert visible(figure)[0].get_ylim()[1] > 0.9
    assert [text.get_text() for text in figure.legends[0].get_texts()] == list(STAGES)
    assert figure.legends[0].get_title().get_text() == "Step 1"


def test_legend_labels_and_numbers_of_panels_do_not_overlap():
    figure = relation_drift(ITERATIONS, dict.fromkeys("abcd", DRIFT), STAGES, title="Step 1")
    figure.canvas.draw()
    boxes = [text.get_window_extent() for ax in visible(figure) for text in (*ax.texts, ax.title) if text.get_text()]
    (label,) = (text for text in figure.texts if text.get_text() == figure.get_supxlabel())
    boxes += [figure.legends[0].get_window_extent(), label.get_window_extent()]
    boxes += [ax.get_window_extent() for ax in visible(figure)]
    assert not any(first.overlaps(second) for place, first in enumerate(boxes) for second in boxes[:place])


def test_what_cannot_be_drawn_is_refused():
    with pytest.raises(ValueError, match=r"got shape \(3, 3\), 2 iterations and 3 names"):
        relation_drift([0, 1], DRIFT, STAGES)
    with pytest.raises(ValueError, match=r"got shape \(3, 3\), 3 iterations and 2 names"):
        relation_drift(ITERATIONS, {"SATS": DRIFT}, STAGES[:2])
    with pytest.raises(ValueError, match="A distance must be >= 0, got -0.1"):
        relation_drift(ITERATIONS, DRIFT - 0.1, STAGES)
    with pytest.raises(ValueError, match="a panel each, got one Axes. Leave ax out"):
        relation_drift(ITERATIONS, {"SATS": DRIFT}, STAGES, ax=plt.gca())
    with pytest.raises(ValueError, match="There must be a strategy to draw, got none"):
        relation_drift(ITERATIONS, {}, STAGES)


def test_the_colours_are_those_of_the_style():
    drawn = lines(relation_drift(ITERATIONS, DRIFT, STAGES))
    looks = style.strategy_style(STAGES)
    assert {stage: line.get_color() for stage, line in drawn.items()} == {n: look.colour for n, look in looks.items()}
