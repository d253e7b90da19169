"""Data that is probably not meant as it is read is said so; data that is sound is not."""

import numpy as np
import pytest

from satkit.data import IGNORE, Split
from satkit.data.labels import presence
from satkit.data.suspicions import count_pixels, suspicions


def split(*maps):
    labels = [np.array(each, dtype=np.uint8) for each in maps]
    images = [np.zeros((*each.shape, 3), dtype=np.uint8) for each in labels]
    return Split(images, labels, presence(labels, 80), tuple(map(str, range(len(labels)))))


SOUND = split([[0, 1, 1], [2, 2, 0]], [[0, 0, 2], [2, 2, 2]])
NAMES, VALUES = ("background", "dog", "cat"), {0: 0, 1: 1, 2: 2}


def test_sound_data_is_not_suspected():
    assert suspicions(NAMES, VALUES, SOUND, count_pixels(SOUND)) == []


def test_pixels_are_counted_by_label():
    counts = count_pixels(split([[0, 1], [IGNORE, 1]], [[1, 1, 2]]))
    assert (counts[0], counts[1], counts[2], counts[IGNORE], counts.sum()) == (1, 4, 1, 1, 7)


def test_a_class_that_is_called_background_and_counts_as_none_is_named():
    names = ("background", "road background", "cat")
    (said,) = suspicions(names, VALUES, SOUND, count_pixels(SOUND))
    assert said.startswith("The class 'road background' has a name that says it is none.")


@pytest.mark.parametrize(("everywhere", "count"), [(True, 1), (False, 0)])
def test_value_0_in_every_image_may_be_background(everywhere, count):
    shown = split([[1, 1, 2]], [[1, 2, 2]] if everywhere else [[2, 2, 2]])
    said = suspicions(("background", "sky", "cat"), {1: 0, 2: 5}, shown, count_pixels(shown))
    assert len(said) == count
    assert all("Value 0 is in every image and counts as the class 'sky'" in each for each in said)


def test_many_rare_classes_come_from_interpolation():
    values = np.zeros((100, 100), dtype=np.uint8)
    values[:50], values[0, :60] = 80, np.arange(1, 61)
    names = ("background", *(f"class {value}" for value in range(1, 81)))
    shown = split(values)
    (said,) = suspicions(names, {value: value for value in range(81)}, shown, count_pixels(shown))
    assert said.startswith("60 of 80 classes have less than 0.1 % of the pixels each.")


def test_visible_greys_with_an_ignored_255_are_named():
    shown = split([[0, 1, 2, 3, IGNORE]])
    names = ("background", "class 64", "class 128", "class 191")
    (said,) = suspicions(names, {0: 0, 1: 64, 2: 128, 3: 191}, shown, count_pixels(shown))
    assert said.startswith("The values 0, 64, 128, 191 and 255 lie far apart")
    small = {0: 0, 1: 1, 2: 2, 3: 3}
    assert suspicions(names, small, shown, count_pixels(shown)) == []
