import numpy as np
import pytest

from satkit.plots import attention_heads, patch_centre, style

IMAGE = np.arange(48 * 64 * 3, dtype=np.uint8).reshape(48, 64, 3)
PLACES = {"queries": [(1, 3), (0, 1)], "grids": [(6, 8), (3, 4)], "stage_names": ["stage 1", "stage 2"]}


def weights(heads, height, width, seed=0):
    rows = np.random.default_rng(seed).random((heads, height * width))
    return (rows / rows.sum(axis=1, keepdims=True)).reshape(heads, height, width)


@pytest.fixture
def maps():
    return [weights(1, 6, 8), weights(3, 3, 4, seed=1)]


def lines(figure, columns=4):
    panels = [ax for ax in figure.axes if ax.get_label() != "<colorbar>"]
    return [panels[start : start + columns] for start in range(0, len(panels), columns)]


def test_a_line_shows_the_mean_and_then_every_head(maps):
    for line, stage in zip(lines(attention_heads(IMAGE, maps, **PLACES)), maps, strict=True):
        drawn = [np.asarray(ax.images[1].get_array()) for ax in line if ax.get_visible()]
        np.testing.assert_allclose(drawn, [stage.mean(axis=0), *stage])


def test_a_line_has_one_scale_from_zero_and_lines_have_their_own(maps):
    limits = [
        {ax.images[1].get_clim() for ax in line if ax.get_visible()}
        for line in lines(attention_heads(IMAGE, maps, **PLACES))
    ]
    assert limits == [{(0, maps[0].max())}, {(0, maps[1].max())}]
    figure = attention_heads(IMAGE, maps, **PLACES)
    assert len([ax for ax in figure.axes if ax.get_label() == "<colorbar>"]) == 2


def test_the_query_is_in_its_own_cell_of_every_grid(maps):
    found = lines(attention_heads(IMAGE, maps, **PLACES))
    for line, query, grid in zip(found, PLACES["queries"], PLACES["grids"], strict=True):
        for ax in (each for each in line if each.get_visible()):
            assert tuple(ax.lines[0].get_xydata()[0]) == patch_centre(query, grid, IMAGE.shape[:2])


def test_columns_are_named_where_they_begin(maps):
    first, second = lines(attention_heads(IMAGE, maps, title="all", **PLACES))
    assert [ax.get_title() for ax in first] == ["mean", "head 1", "", ""]
    assert [ax.get_title() for ax in second] == ["", "", "head 2", "head 3"]
    assert [ax.get_visible() for ax in first] == [True, True, False, False]
    assert [line[0].get_ylabel() for line in (first, second)] == ["stage 1", "stage 2"]


def test_lists_of_different_lengths_and_stages_without_heads_are_refused(maps):
    with pytest.raises(ValueError, match="one entry per stage in every list, got .*'maps': 1"):
        attention_heads(IMAGE, maps[:1], **PLACES)
    with pytest.raises(ValueError, match=r"shape \(head, key_height, key_width\), got \[\(1, 6, 8\), \(3, 4\)\]"):
        attention_heads(IMAGE, [maps[0], maps[1][0]], **PLACES)
    with pytest.raises(ValueError, match="finite and >= 0"):
        attention_heads(IMAGE, [maps[0], -maps[1]], **PLACES)


def test_eight_heads_stay_within_a_page():
    many = {**PLACES, "queries": [(1, 3)], "grids": [(6, 8)], "stage_names": ["stage 4"]}
    assert attention_heads(IMAGE, [weights(8, 6, 8)], **many).get_figwidth() <= style.WIDEST
