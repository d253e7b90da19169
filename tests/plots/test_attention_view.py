"""The attention figure of explorers: the same maps, marks and scales as the static figures."""

import matplotlib.pyplot as plt
import numpy as np
import pytest

from satkit.plots import style
from satkit.plots.attention_view import DIFFERENCE, AttentionView

IMAGE = np.random.default_rng(0).integers(0, 256, (40, 60, 3), dtype=np.uint8)
PAIR = ("teacher", "student", DIFFERENCE)


def rows(seed, shape=(4, 6)):
    """Two attention rows that sum to one."""
    values = np.random.default_rng(seed).random((2, *shape))
    return dict(zip(("teacher", "student"), values / values.sum(axis=(1, 2), keepdims=True), strict=True))


def pixels(view):
    view.figure.canvas.draw()
    return np.asarray(view.figure.canvas.buffer_rgba()).copy()


def test_it_shows_the_maps_their_difference_and_one_scale():
    before = plt.get_fignums()
    view, maps = AttentionView(IMAGE, PAIR), rows(0)
    view.show(maps, query=(2, 3), grid=(8, 12))
    shown = view.arrays()
    for name, values in maps.items():
        np.testing.assert_array_equal(shown[name], values)
        assert shown[name].sum() == pytest.approx(1)
    np.testing.assert_allclose(shown[DIFFERENCE], maps["student"] - maps["teacher"])
    limits = [ax.images[-1].get_clim() for ax in view.axes[0][1:3]]
    assert limits == [(0, max(values.max() for values in maps.values()))] * 2
    low, high = view.axes[0][3].images[-1].get_clim()
    assert low == -high == -np.abs(shown[DIFFERENCE]).max()
    assert [ax.get_title() for ax in view.axes[0]] == ["image", "teacher", "student", "student \N{MINUS SIGN} teacher"]
    assert plt.get_fignums() == before  # it belongs to nobody's list of figures


def test_a_scale_runs_over_maps_that_are_not_shown():
    view, maps = AttentionView(IMAGE, ("student",)), rows(1)
    maps["teacher"] = maps["teacher"] * 3
    view.show(maps)
    assert view.axes[0][1].images[-1].get_clim()[1] == maps["teacher"].max()


def test_a_tiny_difference_is_pale():
    view, maps = AttentionView(IMAGE, PAIR), rows(1)
    maps["student"] = maps["teacher"] * 1.001
    view.show(maps)
    view.show(maps)
    limit = maps["student"].max()
    assert view.axes[0][3].images[-1].get_clim() == pytest.approx((-0.1 * limit, 0.1 * limit))


@pytest.mark.parametrize("grid", [(10, 15), (3, 7), (1, 1)])
def test_the_map_lies_over_the_whole_image_and_the_cross_in_its_cell(grid):
    view = AttentionView(IMAGE, PAIR)
    query = (grid[0] - 1, grid[1] // 2)
    view.show(rows(0, (2, 3)), query=query, grid=grid)
    for ax in view.axes[0]:
        (cross,) = [line for line in ax.lines if line.get_label() == "query"]
        (x,), (y,) = cross.get_data()
        assert (int((y + 0.5) * grid[0] / 40), int((x + 0.5) * grid[1] / 60)) == query
        if len(ax.images) > 1:
            assert list(ax.images[-1].get_extent()) == [-0.5, 59.5, 39.5, -0.5]


def test_a_view_that_has_moved_is_the_one_that_would_have_been_drawn_anew():
    moved, fresh = AttentionView(IMAGE, PAIR, rows=2), AttentionView(IMAGE, PAIR, rows=2)
    for seed in range(5):
        moved.show(rows(seed), row=seed % 2, query=(seed, seed), grid=(8, 12), name="before")
    mask = IMAGE[..., 0] > 128
    moved.show(rows(7), row=0, region=mask, colour="red")
    for view in (moved, fresh):
        tiny = {name: values / 1e4 for name, values in rows(9, (5, 5)).items()}
        view.show(tiny, row=0, query=(1, 1), grid=(4, 4), name="pinned")
        view.show(rows(3), row=1, query=(7, 11), grid=(8, 12), name="query")
    np.testing.assert_array_equal(pixels(moved), pixels(fresh))


def test_a_region_replaces_the_cross():
    view = AttentionView(IMAGE, PAIR)
    view.show(rows(0), query=(0, 0), grid=(4, 6))
    mask = np.zeros(IMAGE.shape[:2], dtype=bool)
    mask[10:20, 10:30] = True
    view.show(rows(0), region=mask, colour="red")
    assert not [line for ax in view.axes[0] for line in ax.lines]
    assert view.axes[0][0].get_title() == "region"
    assert view.axes[0][0].collections


@pytest.mark.parametrize(("factor", "text"), [(1.0, ""), (1e-4, "\N{MULTIPLICATION SIGN}1e\N{MINUS SIGN}5")])
def test_the_bars_name_the_values_of_their_picture(factor, text):
    view = AttentionView(IMAGE, PAIR)
    maps = {"teacher": np.full((2, 2), 0.5), "student": np.array([[0.5, 0.25], [0.5, 0.5]])}
    view.show({name: factor * values for name, values in maps.items()})
    bar = view.bars[0]["student"]
    low, high = view.axes[0][2].images[-1].get_clim()
    for place, label in zip(bar.get_yticks(), bar.get_yticklabels(), strict=True):
        power = 10 ** np.floor(np.log10(high)) if factor < 1 else 1
        assert float(label.get_text()) * power == pytest.approx(low + place * (high - low), rel=1e-6)
    assert bar.texts[0].get_text() == text
    assert bar.images[0].get_cmap().name == style.OVERLAY_MAP


@pytest.mark.parametrize(
    ("maps", "message"),
    [
        ({"teacher": np.ones((2, 2))}, "two-dimensional|shape"),
        ({"teacher": np.ones((2, 2)), "student": np.ones((2, 3))}, "same key grid"),
        ({"teacher": np.ones((2, 2)), "student": -np.ones((2, 2))}, "finite and >= 0"),
    ],
)
def test_maps_that_do_not_fit_are_refused(maps, message):
    with pytest.raises(ValueError, match=message):
        AttentionView(IMAGE, PAIR).show(maps)


def test_a_panel_without_map_a_query_outside_and_a_view_without_panel_are_refused():
    with pytest.raises(ValueError, match="there is none for model"):
        AttentionView(IMAGE, ("model",)).show(rows(0))
    view = AttentionView(IMAGE, PAIR)
    view.show(rows(0))
    before = pixels(view)
    with pytest.raises(ValueError, match="must lie in the query grid of 4 rows and 6 columns, got row 4"):
        view.show(rows(1), query=(4, 0), grid=(4, 6))
    np.testing.assert_array_equal(pixels(view), before)
    with pytest.raises(ValueError, match="at least one panel"):
        AttentionView(IMAGE, ())
