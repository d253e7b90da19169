"""The pretext is richer than the scenes, shares no class with them, and is the same on every machine."""

import math

import numpy as np
import pytest

from satkit.data import BACKGROUND, IGNORE, load_data
from satkit.data.datasets import pretext, scenes
from satkit.data.datasets.drawing import REACH, turned
from satkit.data.datasets.drawn import DrawnData

SMALL = {"size": 32, "train_images": 300, "test_images": 20}
AXIS = np.linspace(-1.45, 1.45, 181)
ANGLES = np.linspace(0, 2 * math.pi, 72, endpoint=False)
ALIKE = 0.9  # overlap from which two shapes would be taken for one another


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("SATKIT_CACHE", str(tmp_path))


def drawn(count, size=32, seed=0):
    return DrawnData("pretext", pretext.CLASS_NAMES, pretext.draw_pretext, "test").first("train", count, size, seed)


def inside(shape, angle=0.0, centre=(0.0, 0.0), scale=1.0):
    u, v = turned(scale * AXIS[None, :], scale * AXIS[:, None], angle)
    return shape(u + centre[0], v + centre[1]) <= 0


def alike(shape):
    """The pixels of a shape of unit area, its centre of gravity in the middle, at every angle: (angle, pixel)."""
    upright = inside(shape)
    rows, columns = np.nonzero(upright)
    centre, area = (AXIS[columns].mean(), AXIS[rows].mean()), len(rows) * (AXIS[1] - AXIS[0]) ** 2
    masks = [inside(shape, angle, centre, math.sqrt(area / 1.5)) for angle in ANGLES]
    return np.array(masks).reshape(len(ANGLES), *upright.shape)


def test_pixels_are_the_same_on_every_machine():
    data = pretext.load(**SMALL)
    assert data.train.present.any(axis=0).all(), "every class is drawn"
    assert data.fingerprint == "58dcc62c14d508af5f5aa2ea4eed81d15781ae7163adedd401cd99ce61f8a215"


def test_the_contract_holds():
    data = load_data("pretext", size=40, train_images=5, test_images=4)
    assert data.train.images.shape == (5, 40, 40, 3)
    for labels, present in zip(data.test.labels, data.test.present, strict=True):
        assert set(np.unique(labels)) - {IGNORE} == set(np.flatnonzero(present))


def test_a_class_is_a_shape_and_a_fill():
    assert len(pretext.SHAPES) >= 16
    assert len(pretext.FILLS) >= 5
    names = pretext.CLASS_NAMES
    assert len(set(names)) == len(names) == 1 + len(pretext.SHAPES) * len(pretext.FILLS) <= IGNORE
    assert names[BACKGROUND] == "background"
    assert pretext.LOOKS[names.index("dotted star") - 1] == (pretext.SHAPES["star"], pretext.FILLS["dotted"])


def test_no_class_and_no_shape_has_the_name_of_one_of_the_scenes():
    assert not set(pretext.SHAPES) & set(scenes.SHAPES)
    assert set(pretext.CLASS_NAMES) & set(scenes.CLASS_NAMES) == {"background"}


def test_no_shape_looks_like_one_of_the_scenes_in_any_rotation_or_mirror_image():
    """Highest overlap (intersection over union) at equal area and the same centre: pentagon and disc, 0.896."""
    overlaps = {}
    ours = {name: alike(shape)[0] for name, shape in pretext.SHAPES.items()}
    for theirs, shape in scenes.SHAPES.items():
        turns = alike(shape).reshape(len(ANGLES), -1).astype(np.float32)
        for name, mask in ours.items():
            for image in (mask, mask[:, ::-1]):
                shared = turns @ image.ravel().astype(np.float32)
                union = turns.sum(axis=1) + image.sum() - shared
                overlaps[name, theirs] = max(overlaps.get((name, theirs), 0.0), (shared / union).max())
    closest = max(overlaps, key=overlaps.get)
    assert overlaps[closest] < ALIKE, closest


@pytest.mark.parametrize("name", pretext.SHAPES)
def test_every_shape_is_bounded_and_large_enough_to_recognise(name):
    upright = inside(pretext.SHAPES[name])
    reach = np.hypot(AXIS[None, :], AXIS[:, None])[upright].max()
    area = upright.mean() * (AXIS[-1] - AXIS[0]) ** 2 / math.pi  # of the unit disc
    assert reach < REACH, "a longer shape is cut off where it is drawn"
    assert 0.25 < area < 0.95


@pytest.mark.parametrize("name", pretext.SHAPES)
def test_a_shape_gives_distances_at_its_outline(name):
    """A step of 0.02 radii changes the distance by as much, or by less where the outline has a corner."""
    fine = np.linspace(-1.45, 1.45, 1451)
    distance = pretext.SHAPES[name](fine[None, :], fine[:, None])
    down, along = np.gradient(distance, fine[1] - fine[0])
    slope = np.hypot(down, along)[np.abs(distance) < 0.02]
    assert 0.7 < np.median(slope) < 1.5


@pytest.mark.parametrize("name", pretext.FILLS)
def test_every_fill_is_a_share_of_the_second_colour_and_but_for_the_plain_one_shows_both(name):
    pixel = np.arange(64) - 31.5
    share = np.broadcast_to(pretext.FILLS[name](pixel[None, :], pixel[:, None], 20.0, 0.3), (64, 64))
    assert 0 <= share.min() <= share.max() <= 1
    assert (share.mean() == 0) if name == "plain" else (0.2 < share.mean() < 0.8)


def test_images_hold_more_objects_that_cover_more_than_those_of_the_scenes():
    _, ours = drawn(200)
    theirs = scenes.drawn(0.0).first("train", 200, 32, 0)[1]
    classes = [
        np.mean([len(set(np.unique(image)) - {BACKGROUND, IGNORE}) for image in each]) for each in (ours, theirs)
    ]
    assert classes[0] > 1.3 * classes[1]
    assert (ours != BACKGROUND).mean() > (theirs != BACKGROUND).mean()


def test_half_of_the_backgrounds_have_a_texture():
    """Only a texture gives a background edges; in a large image the noise changes little from pixel to pixel."""
    images, labels = drawn(80, size=192, seed=1)
    steps = []
    for image, label in zip(images.astype(int), labels, strict=True):
        free = (label[:, 1:] == BACKGROUND) & (label[:, :-1] == BACKGROUND)
        steps.append(np.quantile(np.abs(np.diff(image, axis=1)).max(axis=-1)[free], 0.97))
    assert 0.3 < np.mean(np.array(steps) > 10) < 0.7


def test_seed_split_and_index_each_change_the_image():
    same = pretext.draw_pretext("train", 0, 32, 0)[0]
    np.testing.assert_array_equal(same, pretext.draw_pretext("train", 0, 32, 0)[0])
    for split, index, seed in (("test", 0, 0), ("train", 1, 0), ("train", 0, 1)):
        assert (same != pretext.draw_pretext(split, index, 32, seed)[0]).mean() > 0.5


def test_another_size_shows_the_same_objects():
    small, large = drawn(20, size=48)[1], drawn(20, size=96)[1][:, ::2, ::2]
    known = (small != IGNORE) & (large != IGNORE)
    assert (small == large)[known].mean() > 0.96


def test_no_object_is_drawn_like_one_of_the_scenes_with_the_same_seed():
    ours, theirs = pretext.draw_pretext("train", 0, 32, 0)[0], scenes.draw_scene("train", 0, 32, 0)[0]
    assert (ours != theirs).mean() > 0.9
