import matplotlib
import numpy as np
import pytest

from satkit.plots.feature_maps import feature_maps

matplotlib.use("Agg")
IMAGES = [np.full((20, 30, 3), value, dtype=np.uint8) for value in (50, 200)]
TITLES = ["before", "after", "after $5"]


def drawn(figure):
    """What every panel shows, by row and column."""
    panels = [ax for ax in figure.axes if ax.images]
    found = [np.asarray(ax.images[0].get_array()) for ax in panels]
    return np.array(found + [None], dtype=object)[:-1].reshape(len(IMAGES), -1)


def test_a_row_is_an_image_and_a_column_a_model():
    colours = [[np.random.default_rng(10 * m + i).random((4, 6, 3)) for i in range(2)] for m in range(3)]
    figure = feature_maps(IMAGES, colours, titles=TITLES)
    found = drawn(figure)
    for row in range(2):
        np.testing.assert_array_equal(found[row, 0], IMAGES[row])
        for column in range(3):
            np.testing.assert_array_equal(found[row, 1 + column], colours[column][row])
    assert [ax.get_title() for ax in figure.axes[:4]] == ["image", *TITLES]
    assert not any(ax.get_label() == "<colorbar>" for ax in figure.axes)


def test_similarities_share_one_scale_with_a_bar_and_a_cross_marks_their_place():
    maps = [[np.full((4, 6), value), np.full((4, 6), -value)] for value in (0.1, 0.9)]
    figure = feature_maps(IMAGES, maps, titles=TITLES[:2], place=(0.25, 0.5))
    scales = {ax.images[0].get_clim() for ax in figure.axes if ax.images and ax.images[0].get_array().ndim == 2}
    assert scales == {(0, 1)}
    (bar,) = [ax for ax in figure.axes if ax.get_label() == "<colorbar>"]
    assert bar.get_ylabel() == "cosine with the marked place"
    crossed = [ax for ax in figure.axes if ax.lines or ax.collections]
    assert crossed[:1] == figure.axes[:1]
    (x, y) = np.mean([line.get_xydata().mean(axis=0) for line in figure.axes[0].lines], axis=0)
    assert (x, y) == pytest.approx((14.5, 4.5))
    figure = feature_maps(IMAGES, maps, titles=TITLES[:2], place=(0.25, 0.5), of=1)
    assert [bool(ax.lines) for ax in figure.axes[:6]] == [False, False, False, True, False, False]


@pytest.mark.parametrize("height", [0.5, 2.0])
def test_maps_have_the_proportions_of_their_image(height):
    images = [np.zeros((int(20 * height), 20, 3), dtype=np.uint8)]
    figure = feature_maps(images, [[np.zeros((3, 3))]], titles=["one"])
    figure.canvas.draw()
    left, right = (ax.get_window_extent() for ax in figure.axes[:2])
    assert right.height / right.width == pytest.approx(height, rel=0.05)
    assert left.height / left.width == pytest.approx(height, rel=0.05)


@pytest.mark.parametrize(
    ("maps", "why"),
    [
        ([[np.zeros((3, 3))]], "one entry for each title .3., each with a map for each image .2., got 1 entries"),
        ([[np.zeros((3, 3)), np.zeros((3, 3, 3))]] * 3, "must all be"),
        ([[np.zeros((3, 3, 2))] * 2] * 3, r"got the shapes \[\(2,\)\]"),
    ],
)
def test_maps_that_do_not_fit_are_refused(maps, why):
    with pytest.raises(ValueError, match=why):
        feature_maps(IMAGES, maps, titles=TITLES)
