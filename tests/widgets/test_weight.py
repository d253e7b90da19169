"""A weight is dragged along the weights that were run, and everything shown is what was measured there."""

import base64

import matplotlib.pyplot as plt
import numpy as np
import pytest
from weight_files import NAMES, WEIGHTS, about, weight_file

from satkit.utils.errors import UsageError
from satkit.widgets import explore_weight


@pytest.fixture
def explorer(tmp_path):
    return explore_weight(weight_file(tmp_path))


def shown(explorer):
    """The label map that is drawn below the truth, as the ground truth is drawn above it."""
    rows = [ax for ax in explorer.figure.axes if not ax.containers and ax.get_ylabel()]
    return {ax.get_ylabel().split("\n")[-1]: ax.images[1].get_array()[..., 3] for ax in rows[:2]}


def test_the_steps_of_the_slider_are_the_weights_that_were_run(explorer):
    assert explorer.weight.options == (("0", 0.0), ("5", 5.0), ("20", 20.0))
    assert explorer.weight.value == 20
    for weight in WEIGHTS:
        explorer.weight.value = weight
        assert explorer.text.startswith(f"weight {weight:g} \N{MIDDLE DOT} habitat world: old ")


def test_line_text_and_predictions_follow_the_slider(explorer):
    for place, weight in enumerate(WEIGHTS):
        explorer.weight.value = weight
        for ax in [ax for ax in explorer.figure.axes if ax.containers]:
            assert [line.get_xdata()[0] for line in ax.lines if line.get_linestyle() == ":"] == [place]
        below = shown(explorer)
        assert (below[f"weight {weight:g}"] > 0).sum() == (12 if place == 0 else 8)  # the new class is there, or not
        assert (below["ground truth"] > 0).sum() == 12
    means, widths = (explorer.arrays()[f"uniform old{more}"] for more in ("", " half width"))
    said = f"uniform world: old {100 * means[2]:.1f} ± {100 * widths[2]:.1f}, new "
    assert said in explorer.text
    assert said.replace("uniform world:", "uniform world") in explorer.alt
    assert "at weight 0 old" in explorer.alt


def test_it_gives_the_means_that_it_draws(explorer):
    arrays = explorer.arrays()
    assert arrays["weight"].tolist() == list(WEIGHTS)
    drawn = next(ax for ax in explorer.figure.axes if ax.containers).containers[0].lines[0].get_ydata()
    np.testing.assert_allclose(drawn, 100 * arrays["habitat old"])


def test_a_weight_can_be_chosen_in_code_if_it_was_run(explorer, tmp_path):
    explorer.choose(weight=5)
    assert (explorer.weight.value, explorer.text[:8]) == (5, "weight 5")
    with pytest.raises(UsageError, match=r"one that was run: 0, 5, 20, got 7. Nothing lies between"):
        explorer.choose(weight=7)
    assert explorer.weight.value == 5
    assert explore_weight(weight_file(tmp_path), weight=0).weight.value == 0


def test_without_a_front_end_there_is_a_picture_with_words_and_only_one(explorer):
    data, metadata = explorer._repr_mimebundle_()
    assert base64.b64decode(data["image/png"])[1:4] == b"PNG"
    assert metadata["image/png"]["alt"] == data["text/plain"] == explorer.alt
    assert not plt.get_fignums()
    assert all(name not in explorer.alt for name in NAMES[1:])


def test_a_weight_that_was_drawn_is_not_drawn_again(explorer):
    first = explorer.figure
    explorer.weight.value = 0
    explorer.weight.value = 20
    assert explorer.figure is first


def test_one_seed_has_no_interval_and_says_so(tmp_path):
    rows = [row for row in about()["rows"] if row["seed"] == 1]
    one = explore_weight(weight_file(tmp_path, rows=rows, settings={**about()["settings"], "seed": [1]}))
    assert "\N{PLUS-MINUS SIGN}" not in one.text + one.alt
    assert "mean IoU in % of one seed." in one.alt
