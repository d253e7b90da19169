"""Objects are painted where their labels lie, in few colours, with a border one pixel wide, on a smooth background."""

import math

import numpy as np
import pytest

from satkit.data import BACKGROUND, IGNORE
from satkit.data.datasets.drawing import (
    Placing,
    background,
    draw_pose,
    paint_object,
    plain,
    stripe_period,
    striped,
    to_pixels,
    turned,
    wave,
)


def disc(x, y):
    return np.sqrt(x * x + y * y) - 0.9


def generator(seed=0):
    return np.random.Generator(np.random.PCG64(seed))


def painted(*objects, fill=plain, size=64, grey=0.5):
    """A grey image with discs, each given by label, position and seed; and its labels."""
    canvas, labels = np.full((3, size, size), grey), np.zeros((size, size), dtype=np.uint8)
    for label, position, seed in objects:
        paint_object(canvas, labels, label, (disc, fill), draw_pose(canvas, position, generator(seed)))
    return canvas, labels


def test_an_object_lies_where_it_was_placed_and_is_as_large_as_its_radius_says():
    _, labels = painted((7, (0.3, 0.6, 0.2), 0), size=100)
    rows, columns = np.nonzero(labels == 7)
    assert (rows.mean() + 0.5, columns.mean() + 0.5) == pytest.approx((30, 60), abs=0.3)
    assert len(rows) == pytest.approx(math.pi * (0.9 * 20) ** 2, rel=0.02)


def test_the_border_is_one_pixel_wide():
    _, labels = painted((1, (0.5, 0.5, 0.25), 0))
    objects = np.pad(labels == 1, 1)
    beside = objects[2:, 1:-1] | objects[:-2, 1:-1] | objects[1:-1, 2:] | objects[1:-1, :-2]
    np.testing.assert_array_equal(labels == IGNORE, beside & (labels != 1))
    assert set(np.unique(labels)) == {BACKGROUND, 1, IGNORE}


def test_a_later_object_covers_an_earlier_one():
    _, labels = painted((1, (0.5, 0.4, 0.25), 0), (2, (0.5, 0.6, 0.25), 1))
    assert labels[32, 38] == 2
    assert (labels == 1).sum() < (labels == 2).sum()


def test_an_object_at_the_edge_is_cut_off():
    _, labels = painted((1, (0.0, 0.0, 0.25), 0))
    assert labels[0, 0] == 1
    assert (labels == 1).sum() == pytest.approx(math.pi * (0.9 * 16) ** 2 / 4, rel=0.1)


def test_labels_lie_where_the_image_changed_and_nowhere_else():
    canvas, labels = painted((3, (0.3, 0.3, 0.2), 3), (16, (0.7, 0.7, 0.2), 16))
    changed = np.abs(canvas - 0.5).max(axis=0) > 0.11  # colours are 0.2 from 0.5 at least, edges half of it
    assert changed[(labels == 3) | (labels == 16)].mean() > 0.95
    assert not changed[labels == BACKGROUND].any()


@pytest.mark.parametrize(("fill", "count"), [(plain, 1), (striped, 2)])
def test_a_plain_object_has_one_colour_and_a_striped_one_two_complementary(fill, count):
    canvas, labels = painted((1, (0.5, 0.5, 0.3), 5), fill=fill, size=96)
    colours, counts = np.unique(canvas[:, labels == 1].round(6), axis=1, return_counts=True)
    common = colours[:, counts > 0.1 * counts.sum()]
    assert common.shape[1] == count
    if count == 2:
        np.testing.assert_allclose(common.sum(axis=1), 1.0, atol=1e-5)


@pytest.mark.parametrize("grey", [0.1, 0.9])
def test_a_colour_differs_from_what_lies_below_it(grey):
    for seed in range(20):
        canvas, labels = painted((1, (0.5, 0.5, 0.25), seed), grey=grey)
        assert np.linalg.norm(canvas[:, 32, 32] - grey) > 0.3
        assert labels[32, 32] == 1


def test_of_several_places_the_one_farthest_from_the_others_is_taken():
    taken = [(0.2, 0.2, 0.2)]

    def distance(tries):
        placing = Placing(radius=(0.1, 0.1), centre=(0.0, 1.0), tries=tries)
        places = [placing(generator(seed), taken) for seed in range(200)]
        return np.mean([math.hypot(row - 0.2, column - 0.2) for row, column, _ in places])

    assert distance(1) < distance(2) < distance(8)


def test_places_and_radii_keep_their_range_and_fill_it():
    placing = Placing(radius=(0.1, 0.3), centre=(0.2, 0.7), tries=1)
    rows, columns, radii = np.array([placing(generator(seed), []) for seed in range(500)]).T
    for values, low, high in ((rows, 0.2, 0.7), (columns, 0.2, 0.7), (radii, 0.1, 0.3)):
        assert low <= values.min() < low + 0.02
        assert high - 0.02 < values.max() <= high


def test_a_background_is_smooth_and_within_its_range():
    canvas = background(generator(), 96)
    assert canvas.shape == (3, 96, 96)
    assert 0 <= canvas.min() < canvas.max() <= 1
    assert np.abs(np.diff(canvas, axis=1)).max() < 0.1


def test_a_background_with_more_cells_changes_faster():
    coarse, fine = (np.abs(np.diff(background(generator(), 96, [(cells, 0.5)]))).mean() for cells in (3, 24))
    assert fine > 3 * coarse


def test_another_size_shows_the_same_background():
    small, large = background(generator(), 32), background(generator(), 96)
    np.testing.assert_allclose(small, large[:, 1::3, 1::3], atol=1e-12)


def test_a_wave_is_half_on_and_its_edges_are_mixed_over_one_pixel():
    pixels = np.arange(1000) / 10
    values = wave(pixels / 20.0, 20.0)
    assert (values.min(), values.max()) == (0.0, 1.0)
    assert values.mean() == pytest.approx(0.5, abs=0.01)
    assert ((values > 0) & (values < 1)).mean() == pytest.approx(2 * 1 / 20, abs=0.02)


def test_stripes_of_small_objects_can_be_seen():
    assert stripe_period(2.0) == 4.0
    assert stripe_period(40.0) == 20.0


def test_a_turn_keeps_lengths_and_turns_the_first_axis_into_the_second():
    u, v = turned(np.array(3.0), np.array(4.0), 0.7)
    assert np.hypot(u, v) == pytest.approx(5.0)
    assert turned(1.0, 0.0, math.pi / 2) == pytest.approx((0.0, -1.0))


def test_pixels_are_whole_levels_with_the_channel_last():
    canvas = np.zeros((3, 2, 4))
    canvas[1, 0, 3], canvas[2] = 1.0, 0.5
    pixels = to_pixels(canvas)
    assert (pixels.dtype, pixels.shape) == (np.uint8, (2, 4, 3))
    assert pixels[0, 3].tolist() == [0, 255, 128]
