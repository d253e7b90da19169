"""The figure of a weight: a mark for every value at its weight, one line at the chosen one, worlds on shared axes."""

import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.text import Text

from satkit.plots.alt import alt_text
from satkit.plots.weight_effect import APART, LOOKS, WorldColumn, weight_effect

WEIGHTS = ("0", "2", "20")
NAMES = ("background", "cat", "dog", "cow")
TRUTH = np.kron(np.array([[0, 1], [2, 3]], dtype=np.uint8), np.ones((12, 12), dtype=np.uint8))
IMAGE = np.full((24, 24, 3), 90, dtype=np.uint8)


def column(shift=0.0):
    means = {"old": [0.5, 0.6, 0.7], "new": [0.4, 0.2, 0.1], "all": [0.45, 0.4, 0.4], "drift": [0.3, 0.2, 0.1]}
    means = {name: np.array(values) + shift for name, values in means.items()}
    widths = {name: np.array([0.05, 0.02, np.nan]) for name in means}
    return WorldColumn(means, widths, [(IMAGE, TRUTH, np.where(TRUTH == 3, 0, TRUTH))] * 3)


@pytest.fixture
def figure():
    made = weight_effect({"habitat": column(), "uniform": column(0.1)}, WEIGHTS, NAMES, chosen=1, old=(1, 2), seeds=3)
    yield made
    plt.close(made)


def panels(figure, label):
    return [ax for ax in figure.axes if label in ax.get_ylabel()]


def charts(figure):
    return [ax for ax in figure.axes if ax.containers]


def test_every_value_is_a_mark_at_its_weight_with_its_interval(figure):
    habitat, drift, uniform, _ = charts(figure)
    for ax, shift in ((habitat, 0.0), (uniform, 0.1)):
        for place, (name, bars) in enumerate(zip(LOOKS, ax.containers, strict=True)):
            across, up = bars.lines[0].get_data()
            np.testing.assert_allclose(across, np.arange(3) + APART * (place - 1))
            np.testing.assert_allclose(up, 100 * (column().means[name] + shift))
            assert bars.lines[0].get_linestyle() == "None"  # nothing was run between two weights
            ends = [segment[:, 1] for segment in bars.lines[2][0].get_segments()]
            np.testing.assert_allclose(np.ptp(ends, axis=1), [10, 4, 0], atol=1e-9)
    np.testing.assert_allclose(drift.containers[0].lines[0].get_ydata(), [0.3, 0.2, 0.1])


def test_the_chosen_weight_is_marked_in_every_chart_and_beside_its_predictions(figure):
    for ax in charts(figure):
        assert [list(line.get_xdata()) for line in ax.lines if line.get_linestyle() == ":"] == [[1, 1]]
    assert len(panels(figure, "weight 2")) == len(panels(figure, "ground truth")) == 2
    assert len(figure.axes) == 4 + 2 * 3 * 2


def test_worlds_share_their_axes_and_weights_are_equally_far_apart(figure):
    scores, drift, others, other_drift = charts(figure)
    for one, other in ((scores, others), (drift, other_drift)):
        assert one.get_ylim() == other.get_ylim()
        assert one.get_xlim() == other.get_xlim()
        assert one.get_ylim()[0] == 0
        ends = [
            segment[1, 1]
            for ax in (one, other)
            for bars in ax.containers
            for segment in bars.lines[2][0].get_segments()
        ]
        assert max(ends) < one.get_ylim()[1]  # also those of the second world
    assert scores.get_ylim() == (0, 100)
    assert list(drift.get_xticks()) == [0, 1, 2]
    assert [text.get_text() for text in other_drift.get_xticklabels()] == list(WEIGHTS)
    assert (scores.get_title(), others.get_title()) == ("habitat world", "uniform world")


def test_all_text_is_readable_and_the_alt_text_names_worlds_and_groups(figure):
    figure.canvas.draw()
    assert min(text.get_fontsize() for text in figure.findobj(Text) if text.get_text()) >= 9
    assert "95 % interval over 3 seeds" in figure.legends[0].get_title().get_text()
    said = alt_text(figure)
    for words in ("habitat world", "uniform world", "mIoU (%)", "old classes", "new classes", "3 cow (new)"):
        assert words in said


def test_classes_of_other_weights_are_in_the_legend_too():
    alone = WorldColumn(column().means, column().widths, [(IMAGE, np.where(TRUTH == 1, 1, 0), np.zeros_like(TRUTH))])
    figure = weight_effect({"here": alone}, WEIGHTS, NAMES, chosen=0, old=(1,), seeds=1, occurring=[TRUTH])
    entries = [text.get_text() for legend in figure.legends for text in legend.get_texts()]
    assert "one seed: no intervals" in figure.legends[0].get_title().get_text()
    assert {"1 cat (old)", "2 dog (new)", "3 cow (new)"} <= set(entries)
    plt.close(figure)


@pytest.mark.parametrize(
    ("worlds", "chosen", "said"),
    [
        ({}, 0, "There must be a world"),
        ({"here": column()}, 3, r"the chosen weight one of 0\.\.2, got 1 worlds and 3"),
        (
            {"here": column()._replace(means={**column().means, "new": np.zeros(2)})},
            0,
            "'new' for each of 3 weights in the here world",
        ),
    ],
)
def test_what_cannot_be_drawn_is_refused(worlds, chosen, said):
    with pytest.raises(ValueError, match=said):
        weight_effect(worlds, WEIGHTS, NAMES, chosen=chosen, old=(), seeds=1)
