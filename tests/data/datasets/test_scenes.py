import math

import numpy as np
import pytest

from satkit.data import BACKGROUND, IGNORE, load_data
from satkit.data.datasets import scenes
from satkit.utils.errors import UsageError

SMALL = {"size": 32, "train_images": 3, "test_images": 2}


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("SATKIT_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def cache_file(seed=0, **options):
    return scenes.cache_folder() / scenes.cache_name(**SMALL | options, seed=seed)


def same_objects(labels):
    """Whether neighbouring pixels, where neither is IGNORE, always have the same label."""
    pairs = [(labels[1:], labels[:-1]), (labels[:, 1:], labels[:, :-1])]
    return all((a == b)[(a != IGNORE) & (b != IGNORE)].all() for a, b in pairs)


def test_there_are_twenty_classes_plain_then_striped():
    names = scenes.CLASS_NAMES
    assert len(names) == 21
    assert names[:3] == ("background", "disc", "ring")
    assert [f"striped {name}" for name in names[1:11]] == list(names[11:])


def test_pixels_are_the_same_on_every_machine():
    data = scenes.load(size=32, train_images=40, test_images=10)
    assert data.train.present.any(axis=0).all(), "every class is drawn"
    assert data.fingerprint == "75315a0fe45917e9592295d2c27362facf80c280bea3c78014a84c5299f47ac7"


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
    small = scenes.draw_split("train", 20, 48, seed=0)[1]
    large = scenes.draw_split("train", 20, 96, seed=0)[1][:, ::2, ::2]
    known = (small != IGNORE) & (large != IGNORE)
    assert (small == large)[known].mean() > 0.97


def test_every_class_occurs_often_enough_to_be_learnt():
    _, labels = scenes.draw_split("train", 400, 32, seed=0)
    images_with = [sum((label == image).any() for image in labels) for label in range(21)]
    assert images_with[BACKGROUND] == 400
    assert min(images_with[1:]) >= 25


def test_a_class_is_never_beside_another_without_a_border_of_ignore():
    _, labels = scenes.draw_split("train", 30, 64, seed=1)
    assert all(same_objects(image) for image in labels)


def test_the_border_is_one_pixel_wide():
    canvas, labels = np.full((3, 64, 64), 0.5), np.zeros((64, 64), dtype=np.uint8)
    scenes.draw_object(canvas, labels, 1, (0.5, 0.5, 0.25), np.random.default_rng(0))
    rows, columns = np.nonzero(labels == IGNORE)
    objects = labels == 1
    assert len(rows) > 0
    for row, column in zip(rows, columns, strict=True):
        beside = (
            objects[row - 1, column],
            objects[row + 1, column],
            objects[row, column - 1],
            objects[row, column + 1],
        )
        assert any(beside)


def test_labels_lie_where_the_image_changed_and_nowhere_else():
    canvas, labels = np.full((3, 64, 64), 0.5), np.zeros((64, 64), dtype=np.uint8)
    for label, place in ((3, (0.3, 0.3, 0.2)), (16, (0.7, 0.7, 0.2))):
        scenes.draw_object(canvas, labels, label, place, np.random.default_rng(label))
    changed = np.abs(canvas - 0.5).max(axis=0) > 0.11  # colours are 0.2 from 0.5 at least, edges half of it
    assert changed[(labels == 3)].mean() > 0.95
    assert not changed[labels == BACKGROUND].any()


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
    assert reach < 1.3, "a longer shape is cut off where it is drawn"
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
    images, labels = scenes.draw_split("train", 600, 32, seed=2)
    means = []
    for label in range(1, 21):
        shown = [image[found].mean(axis=0) for image, found in zip(images, labels == label, strict=True) if found.any()]
        means.append(np.mean(shown, axis=0))
    spread = np.std(means, axis=0)
    assert (np.abs(np.mean(means, axis=0) - 127.5) < 15).all()
    assert (spread < 20).all(), "one colour differs by about 90 from the next; means of 60 by about 12"


def test_a_root_is_refused():
    with pytest.raises(UsageError, match="need no folder, got root 'somewhere'"):
        scenes.load("somewhere")


@pytest.mark.parametrize("wrong", [{"size": 31}, {"train_images": 0}, {"test_images": 2.5}, {"seed": -1}])
def test_impossible_sizes_are_refused(wrong):
    name, value = next(iter(wrong.items()))
    with pytest.raises(UsageError, match=f"{name} of the scenes must be a whole number from .*, got {value}"):
        scenes.load(**SMALL | wrong)


def test_scenes_are_drawn_once_and_then_read(monkeypatch):
    drawn = scenes.load(**SMALL)
    assert cache_file().is_file()
    monkeypatch.setattr(scenes, "draw_split", None)
    read = scenes.load(**SMALL)
    assert read.fingerprint == drawn.fingerprint
    np.testing.assert_array_equal(read.train.images, drawn.train.images)
    np.testing.assert_array_equal(read.test.labels, drawn.test.labels)
    assert read.train.images.flags.writeable


def test_every_parameter_has_its_own_cache_file():
    options = [{}, {"size": 33}, {"train_images": 4}, {"test_images": 3}, {"seed": 1}]
    assert len({cache_file(**option) for option in options}) == len(options)


@pytest.mark.parametrize("place", [0, 10, 64, 5000, -1])
def test_one_changed_byte_in_the_cache_is_found_and_the_scenes_are_drawn_again(place):
    good = scenes.load(**SMALL)
    data = bytearray(cache_file().read_bytes())
    data[place] ^= 1
    cache_file().write_bytes(data)
    with pytest.warns(UserWarning, match="are damaged; drawing them again"):
        assert scenes.load(**SMALL).fingerprint == good.fingerprint
    assert scenes.load(**SMALL).fingerprint == good.fingerprint


@pytest.mark.parametrize("length", [0, 30, 64, 3000])
def test_a_truncated_cache_is_found_and_written_anew(length):
    good = scenes.load(**SMALL)
    whole = cache_file().read_bytes()
    cache_file().write_bytes(whole[:length])
    with pytest.warns(UserWarning, match="are damaged"):
        assert scenes.load(**SMALL).fingerprint == good.fingerprint
    assert cache_file().read_bytes() == whole


def test_a_cache_that_cannot_be_written_only_warns(cache):
    cache.write_text("a file where the folder should be")
    with pytest.warns(UserWarning, match="could not be stored .* Set SATKIT_CACHE to a folder that can be written"):
        data = scenes.load(**SMALL)
    assert len(data.train) == 3


def test_only_the_complete_cache_file_remains(cache):
    scenes.load(**SMALL)
    assert list(cache.iterdir()) == [cache_file()]


def test_the_cache_is_in_the_home_folder_by_default(monkeypatch, tmp_path):
    monkeypatch.delenv("SATKIT_CACHE")
    monkeypatch.setattr(scenes.Path, "home", lambda: tmp_path)
    assert scenes.cache_folder() == tmp_path / ".cache" / "satkit"
