import matplotlib
import matplotlib.pyplot as plt
import numpy as np
import pytest

from satkit.plots import style
from satkit.plots.training_curves import loss_terms, running_mean, stability_gap

matplotlib.use("Agg")

HISTORY = {
    "step": [1] * 100,
    "iteration": list(range(1, 101)),
    "lr": [0.1] * 100,
    "total": [3.0, 4.0] * 50,
    "cross-entropy": [2.0] * 100,
    "attention": [0.0, *[1.0] * 99],
}


def legend(ax):
    return [text.get_text() for text in ax.get_legend().get_texts()]


def slow_mean(values, window):
    result = []
    for place in range(len(values)):
        near = values[max(0, place - window // 2) : place + window // 2 + 1]
        near = [value for value in near if np.isfinite(value)]
        result.append(sum(near) / len(near) if near else np.nan)
    return result


@pytest.mark.parametrize("window", [0, 1, 4, 7, 50])
def test_running_mean_equals_the_slow_one_with_gaps(window):
    values = np.random.default_rng(0).random(20)
    values[[0, 7, 8, 9, 10, 11]] = np.nan
    np.testing.assert_allclose(running_mean(values, window), slow_mean(values.tolist(), window))


def test_each_term_has_a_thin_raw_and_a_thick_smoothed_line():
    ax = loss_terms(HISTORY)
    thin, thick = ax.lines[0::2], ax.lines[1::2]
    assert len(thin) == len(thick) == 3
    for raw, smooth in zip(thin, thick, strict=True):
        assert raw.get_linewidth() < smooth.get_linewidth()
        assert raw.get_color() == smooth.get_color()
    np.testing.assert_array_equal(thin[0].get_ydata(), HISTORY["total"])
    np.testing.assert_allclose(thick[0].get_ydata(), slow_mean(HISTORY["total"], 5), rtol=1e-12)
    np.testing.assert_array_equal(thin[0].get_xdata(), HISTORY["iteration"])


def test_the_axis_is_logarithmic_and_says_so():
    ax = loss_terms(HISTORY)
    assert ax.get_yscale() == "log"
    assert "logarithmic" in ax.get_ylabel()
    assert ax.get_xlabel() == "iteration"


def test_step_and_learning_rate_are_no_terms_and_the_total_is_black():
    ax = loss_terms(HISTORY)
    assert [text.split("\n")[0] for text in legend(ax)] == ["total", "cross-entropy", "attention"]
    assert ax.lines[0].get_color() == style.TRUTH.colour
    assert len({line.get_marker() for line in ax.lines[1::2]}) == 3


def test_values_that_a_logarithm_cannot_show_are_counted():
    ax = loss_terms(HISTORY)
    assert legend(ax)[2] == "attention\n(1 of 100 values \N{LESS-THAN OR EQUAL TO} 0 not shown)"
    assert np.isnan(ax.lines[4].get_ydata()[0])
    assert ax.lines[4].get_ydata()[1:].tolist() == [1.0] * 99


def test_missing_values_are_gaps():
    ax = loss_terms({"iteration": [1, 2, 3], "cross-entropy": [1.0, None, 2.0]})
    np.testing.assert_array_equal(ax.lines[0].get_ydata(), [1, np.nan, 2])
    assert legend(ax) == ["cross-entropy"]


def test_histories_that_cannot_be_drawn_are_refused():
    with pytest.raises(ValueError, match=r"'iteration' and at least one term, got the columns \['iteration', 'lr'\]"):
        loss_terms({"iteration": [1], "lr": [0.1]})
    with pytest.raises(ValueError, match="'cross-entropy': 1"):
        loss_terms({"iteration": [1, 2], "cross-entropy": [1.0]})
    with pytest.raises(ValueError, match="goes back. Pass the rows of one step"):
        loss_terms({"iteration": [1, 2, 1], "cross-entropy": [1.0, 2.0, 3.0]})


ITERATIONS = [-10, 0, 10, 20, 30]
VALUES = [0.1, 0.6, 0.3, 0.2, 0.5]


def marked(ax):
    return [tuple(line.get_xydata()[0]) for line in ax.lines if len(line.get_xydata()) == 1]


def test_the_gap_is_drawn_in_percent_with_its_lowest_point_after_the_boundary():
    ax = stability_gap(ITERATIONS, VALUES)
    curve = next(line for line in ax.lines if len(line.get_xydata()) == 5)
    np.testing.assert_allclose(curve.get_ydata(), [10, 60, 30, 20, 50])
    assert marked(ax) == [(20, 20)]  # not the lower value before the boundary
    assert "lowest 20.0 % at iteration 20" in [text.get_text() for text in ax.texts]
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("iteration", "mIoU of old classes (%)")
    assert ax.get_ylim()[0] == 0


def test_the_boundary_is_drawn_and_named():
    ax = stability_gap([100, 110, 120], [0.5, 0.2, 0.3], boundary=100)
    assert [line.get_xdata() for line in ax.lines if list(line.get_xdata()) == [100, 100]]
    (text,) = (text for text in ax.texts if text.get_text() == "new step begins")
    assert text.xy[0] == 100


def test_several_curves_share_axes_with_one_boundary_and_different_looks():
    ax = stability_gap(ITERATIONS, VALUES, label="SATS")
    assert stability_gap(ITERATIONS, [0.6, 0.6, 0.1, 0.2, 0.2], label="fine-tuning", ax=ax) is ax
    expected = list(style.strategy_style(["SATS", "fine-tuning"]).values())
    curves = [line for line in ax.lines if len(line.get_xydata()) == 5]
    assert [(line.get_color(), line.get_marker(), line.get_linestyle()) for line in curves] == expected
    assert marked(ax) == [(20, 20), (10, 10)]
    assert [text.get_text() for text in ax.texts] == ["new step begins"]
    assert legend(ax) == ["SATS\n(lowest 20.0 % at iteration 20)", "fine-tuning\n(lowest 10.0 % at iteration 10)"]


@pytest.mark.parametrize("count", [2, 5])
def test_the_legend_of_several_curves_covers_none_of_them_and_is_not_cut_off(count):
    style.use_style()
    ax = None
    for number in range(count):  # from corner to corner, in both directions, so that every place inside is taken
        values = np.linspace(0, 1, 5)[:: (-1) ** number] * (1 - 0.1 * number)
        ax = stability_gap(ITERATIONS, values, ax=ax, label=f"pseudo-labels-distillation-{number}")
    ax.figure.canvas.draw()
    box, frame = ax.get_legend().get_window_extent(), ax.get_window_extent()
    assert not box.overlaps(frame)
    assert ax.figure.bbox.x1 >= box.x1
    assert ax.figure.bbox.y0 <= box.y0
    assert frame.width > 0.4 * ax.figure.bbox.width


def test_a_value_that_was_not_measured_is_not_the_lowest():
    assert marked(stability_gap(ITERATIONS, [0.6, 0.6, np.nan, 0.4, 0.5])) == [(20, 40)]


@pytest.mark.parametrize("values", [[0.6, 0.6, 0.3, 0.1, 0.0], [0.6, 0.6, 0.0, 0.1, 0.2], [0.6, 0.6, 0.6, 0.5, 0.4]])
def test_the_words_at_the_lowest_point_stay_inside_the_axes(values):
    ax = stability_gap(ITERATIONS, values)
    ax.figure.canvas.draw()
    (text,) = (text for text in ax.texts if text.get_text().startswith("lowest"))
    box, frame = text.get_window_extent(), ax.get_window_extent()
    assert frame.x0 <= box.x0
    assert box.x1 <= frame.x1
    assert frame.y0 <= box.y0


def test_curves_that_cannot_be_drawn_are_refused():
    with pytest.raises(ValueError, match=r"got shapes \(2,\) and \(3,\)"):
        stability_gap([1, 2], [0.1, 0.2, 0.3])
    with pytest.raises(ValueError, match=r"after the boundary \(5\), got iterations up to 2"):
        stability_gap([1, 2], [0.1, 0.2], boundary=5)
    assert plt.get_fignums() == []


@pytest.mark.parametrize(
    "draw",
    [lambda ax: loss_terms(HISTORY, ax=ax), lambda ax: stability_gap(ITERATIONS, VALUES, ax=ax, label="SATS")],
    ids=["loss", "gap"],
)
def test_given_axes_are_used_without_opening_a_figure_and_text_is_readable(draw):
    figure, ax = plt.subplots()
    assert draw(ax) is ax
    assert plt.get_fignums() == [figure.number]
    figure.canvas.draw()
    texts = [text for text in figure.findobj(matplotlib.text.Text) if text.get_text()]
    assert min(text.get_fontsize() for text in texts) >= 8
