"""Scenes: twenty classes that can be told apart by shape and fill alone; a habitat changes nothing but the classes."""

import math

import numpy as np
import pytest

from satkit.data import BACKGROUND, IGNORE, load_data
from satkit.data.datasets import scenes
from satkit.data.datasets.drawing import REACH
from satkit.data.labels import presence
from satkit.utils.errors import UsageError

SMALL = {"size": 32, "train_images": 3, "test_images": 2}


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("SATKIT_CACHE", str(tmp_path))


def drawn(count, size=32, seed=0, habitat=scenes.HABITAT):
    """Images and labels of the first training scenes."""
    return scenes.drawn(habitat).first("train", count, size, seed)


def objects(habitat, count=1000):
    """What is drawn in each of the first scenes: label, position, state of the generator and colour of each object."""
    found, draw_object = [], scenes.draw_object

    def watch(canvas, labels, label, position, random):
        state = random.bit_generator.state["state"]
        draw_object(canvas, labels, label, position, random)
        row, column = (int(part * labels.shape[0]) for part in position[:2])
        found[-1].append((label, position, state, canvas[:, row, column].tolist()))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(scenes, "draw_object", watch)
        for index in range(count):
            found.append([])
            scenes.draw_scene("train", index, 32, 0, habitat)
    return found


def same_objects(labels):
    """Whether neighbouring pixels, where neither is IGNORE, always have the same label."""
    pairs = [(labels[1:], labels[:-1]), (labels[:, 1:], labels[:, :-1])]
    return all((a == b)[(a != IGNORE) & (b != IGNORE)].all() for a, b in pairs)


def test_there_are_twenty_classes_plain_then_striped():
    names = scenes.CLASS_NAMES
    assert len(names) == 21
    assert names[:3] == ("background", "disc", "ring")
    assert [f"striped {name}" for name in names[1:11]] == list(names[11:])


@pytest.mark.parametrize(
    ("habitat", "fingerprint"),
    [
        (0.0, "75315a0fe45917e9592295d2c27362facf80c280bea3c78014a84c5299f47ac7"),
        (0.75, "0f47c35b26151adbc49f513304aea0ecaf22aa34bae959c990aa6d760c9a2130"),
    ],
)
def test_pixels_are_the_same_on_every_machine(habitat, fingerprint):
    data = scenes.load(size=32, train_images=40, test_images=10, habitat=habitat)
    assert data.train.present[:, 1:].any(axis=0).sum() > 15, "nearly every class is drawn"
    assert data.fingerprint == fingerprint


def test_the_contract_holds():
    data = load_data("scenes", size=40, train_images=5, test_images=4)
    for split, count in ((data.train, 5), (data.test, 4)):
        assert len(split) == len(set(split.names)) == count
        assert split.images.shape == (count, 40, 40, 3)
        assert split.labels.shape == (count, 40, 40)
        assert split.images.dtype == split.labels.dtype == np.uint8
        assert split.present.shape == (count, 21)
        for labels, present in zip(split.labels, split.present, strict=True):
            assert set(np.unique(labels)) - {IGNORE} == set(np.flatnonzero(present))


def test_a_small_data_set_is_the_beginning_of_a_larger_one():
    small = scenes.load(**SMALL)
    large = scenes.load(**SMALL | {"train_images": 8, "test_images": 5})
    np.testing.assert_array_equal(small.train.images, large.train.images[:3])
    np.testing.assert_array_equal(small.test.labels, large.test.labels[:2])


def test_seed_split_and_index_each_change_the_scene():
    same = scenes.draw_scene("train", 0, 32, seed=0)[0]
    np.testing.assert_array_equal(same, scenes.draw_scene("train", 0, 32, seed=0)[0])
    for split, index, seed in (("test", 0, 0), ("train", 1, 0), ("train", 0, 1)):
        assert (same != scenes.draw_scene(split, index, 32, seed)[0]).mean() > 0.5


def test_another_size_shows_the_same_objects():
    small = drawn(20, size=48)[1]
    large = drawn(20, size=96)[1][:, ::2, ::2]
    known = (small != IGNORE) & (large != IGNORE)
    assert (small == large)[known].mean() > 0.97


@pytest.mark.parametrize(("habitat", "fewest"), [(0.0, 50), (0.75, 30), (1.0, 20)])
def test_every_class_occurs_often_enough_to_be_learnt(habitat, fewest):
    images_with = presence(drawn(600, habitat=habitat)[1], 20).sum(axis=0)
    assert images_with[BACKGROUND] == 600
    assert images_with[1:].min() >= fewest


def test_a_class_is_never_beside_another_without_a_border_of_ignore():
    _, labels = drawn(30, size=64, seed=1)
    assert all(same_objects(image) for image in labels)


@pytest.mark.parametrize("label", range(1, 21))
def test_plain_objects_have_one_colour_and_striped_ones_two_complementary(label):
    canvas, labels = np.full((3, 96, 96), 0.5), np.zeros((96, 96), dtype=np.uint8)
    scenes.draw_object(canvas, labels, label, (0.5, 0.5, 0.3), np.random.default_rng(5))
    ink = canvas[:, labels == label].round(6)
    colours, counts = np.unique(ink, axis=1, return_counts=True)
    common = colours[:, counts > 0.1 * counts.sum()]
    assert common.shape[1] == (1 if label <= 10 else 2)
    if label > 10:
        np.testing.assert_allclose(common.sum(axis=1), 1.0, atol=1e-5)


@pytest.mark.parametrize("name", scenes.SHAPES)
def test_every_shape_is_bounded_and_large_enough_to_recognise(name):
    axis = (np.arange(260) - 129.5) / 100
    inside = scenes.SHAPES[name](axis[None, :], axis[:, None]) <= 0
    reach = np.hypot(axis[None, :], axis[:, None])[inside].max()
    area = inside.mean() * 2.6**2 / math.pi  # of the unit disc
    assert reach < REACH, "a longer shape is cut off where it is drawn"
    assert 0.25 < area < 0.95


def test_no_two_shapes_look_alike_in_any_rotation():
    axis = (np.arange(65) - 32) / 25
    y, x = np.meshgrid(axis, axis, indexing="ij")

    def turned(shape, angle):
        cosine, sine = math.cos(angle), math.sin(angle)
        return shape(cosine * x + sine * y, cosine * y - sine * x) <= 0

    shapes = list(scenes.SHAPES.values())
    for number, first in enumerate(shapes):
        for second in shapes[:number]:
            upright = turned(first, 0.0)
            overlaps = []
            for angle in np.linspace(0, 2 * math.pi, 36, endpoint=False):
                other = turned(second, angle)
                overlaps.append((upright & other).sum() / (upright | other).sum())
            assert max(overlaps) < 0.88, (first.__name__, second.__name__)


def test_colour_is_independent_of_the_class():
    images, labels = drawn(900, seed=2)
    means = []
    for label in range(1, 21):
        shown = [image[found].mean(axis=0) for image, found in zip(images, labels == label, strict=True) if found.any()]
        means.append(np.mean(shown, axis=0))
    spread = np.std(means, axis=0)
    assert (np.abs(np.mean(means, axis=0) - 127.5) < 15).all()
    assert (spread < 20).all(), "one colour differs by about 90 from the next; means of 60 by about 12"


def test_another_habitat_draws_as_many_objects_in_the_same_places_with_the_same_random_numbers():
    uniform = objects(0.0, 300)
    for habitat in (0.3, 0.75, 1.0):
        for ours, theirs in zip(objects(habitat, 300), uniform, strict=True):
            assert [each[1:3] for each in ours] == [each[1:3] for each in theirs]
            assert ours[0] == theirs[0], "the first object is the same in every world"


def test_an_object_has_the_same_colour_in_every_habitat_unless_something_else_lies_below_it():
    pairs = [
        (here, there)
        for ours, theirs in zip(objects(0.75), objects(0.0), strict=True)
        for here, there in zip(ours, theirs, strict=True)
        if here[0] == there[0] != scenes.CLASS_NAMES.index("ring")  # whose middle shows what lies below
    ]
    assert np.mean([here[-1] == there[-1] for here, there in pairs]) > 0.98


def test_a_further_object_is_of_the_class_of_the_first_or_of_the_one_that_it_has_in_the_uniform_world():
    for ours, theirs in zip(objects(0.5, 300), objects(0.0, 300), strict=True):
        assert all(here[0] in (ours[0][0], there[0]) for here, there in zip(ours, theirs, strict=True))


@pytest.mark.parametrize("habitat", [0.0, 0.4, 0.75])
def test_the_habitat_is_the_probability_that_a_further_object_repeats_the_first(habitat):
    again = np.array([each[0] == scene[0][0] for scene in objects(habitat, 2000) for each in scene[1:]])
    expected = habitat + (1 - habitat) / 20  # one of twenty is of the class of the first by chance
    interval = 3 * math.sqrt(expected * (1 - expected) / len(again))
    assert len(again) > 2500
    assert again.mean() == pytest.approx(expected, abs=interval)


def test_there_is_one_class_in_an_image_at_a_habitat_of_one():
    assert set(presence(drawn(200, habitat=1)[1], 20)[:, 1:].sum(axis=1)) == {1}
    assert max(presence(drawn(200, habitat=0)[1], 20)[:, 1:].sum(axis=1)) == 4


def test_every_habitat_is_stored_by_itself():
    options = SMALL | {"train_images": 30}
    for _ in range(2):  # drawn, then read
        assert len({scenes.load(**options, habitat=habitat).fingerprint for habitat in (0, 0.75, 1)}) == 3
    names = [scenes.drawn(habitat).cache_name(32, 3, 2, 0) for habitat in (1, 1.0, np.float32(1), 0.75, 0.75 + 1e-7, 0)]
    assert len(set(names[:3])) == 1
    assert len(set(names[2:])) == 4


@pytest.mark.parametrize("wrong", [-0.1, 1.5, "a", True, float("nan"), None])
def test_an_impossible_habitat_is_refused_in_one_sentence(wrong):
    with pytest.raises(UsageError) as caught:
        scenes.load(**SMALL, habitat=wrong)
    assert str(caught.value) == (
        f"habitat of the scenes must be a number between 0 and 1, got {wrong!r}: take 0 to mix all classes, "
        "1 for one class an image, or leave it out for 0.75."
    )
