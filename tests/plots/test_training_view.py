"""The figure of a running training."""

import matplotlib.pyplot as plt
import numpy as np

from satkit.plots import style
from satkit.plots.training_view import LEAST, TrainingView

HISTORY = {"iteration": [1, 2, 3], "total": [3.0, 2.5, 2.0], "cross-entropy": [2.0, 1.5, 1.0]}


def curves(ax):
    return {line.get_label(): line for line in ax.lines if not line.get_label().startswith("_")}


def test_terms_and_scores_are_drawn_over_the_whole_length_of_the_step():
    before = plt.get_fignums()
    view = TrainingView(100)
    view.show(HISTORY, [0, 3], {"old classes": [0.5, 0.25], "new classes": [0.0, 0.4]})
    assert {"total", "cross-entropy"} <= set(curves(view.losses))
    drawn = curves(view.scores)
    np.testing.assert_allclose(drawn["old classes"].get_ydata(), [50, 25])
    np.testing.assert_allclose(drawn["new classes"].get_xdata(), [0, 3])
    assert drawn["old classes"].get_color() == style.OLD.colour
    assert view.losses.get_xlim() == view.scores.get_xlim() == (0, 100)
    assert plt.get_fignums() == before


def test_the_legend_of_the_scores_covers_no_curve_and_no_title():
    view = TrainingView(100)
    view.show(HISTORY, [0, 100], {"old classes": [0.9, 0.0], "new classes": [0.0, 0.9]})
    view.figure.canvas.draw()
    legend, title = view.scores.get_legend().get_window_extent(), view.scores.title.get_window_extent()
    assert not legend.overlaps(view.scores.get_window_extent())
    assert not legend.overlaps(title)
    assert view.figure.bbox.y1 >= title.y1


def test_drawing_again_adds_no_artists():
    view = TrainingView(100)
    for _ in range(3):
        view.show(HISTORY, [0], {"new classes": [0.01]})
    assert len(curves(view.scores)) == 1
    assert view.scores.get_ylim()[1] >= LEAST  # a hundredth does not fill the axis


def test_before_the_first_iteration_it_is_empty():
    view = TrainingView(5)
    view.show({}, [], {})
    assert not view.losses.lines
    assert not view.scores.lines
