import numpy as np
import pytest

from satkit.data.labels import BACKGROUND, IGNORE, class_palette, colour_code, label_table, presence


def test_a_table_changes_what_it_names_and_makes_background_of_the_rest():
    table = label_table({3: 1, 7: 2})
    labels = np.array([[3, 7, 5], [0, IGNORE, 3]], dtype=np.uint8)
    np.testing.assert_array_equal(table[labels], [[1, 2, 0], [0, 255, 1]])
    assert table.dtype == np.uint8
    assert table.shape == (256,)


def test_a_table_equals_a_loop_over_pixels():
    mapping = {3: 1, 7: 2, 200: 9}
    labels = np.random.default_rng(0).integers(0, 256, (20, 20), dtype=np.uint8)
    slow = [[IGNORE if value == IGNORE else mapping.get(int(value), BACKGROUND) for value in row] for row in labels]
    np.testing.assert_array_equal(label_table(mapping)[labels], slow)


def test_the_default_can_be_ignore():
    table = label_table({3: 1}, default=IGNORE)
    assert (table[3], table[0], table[9]) == (1, IGNORE, IGNORE)


def test_ignore_stays_ignored_unless_the_mapping_says_otherwise():
    assert label_table({})[IGNORE] == IGNORE
    assert label_table({IGNORE: 4})[IGNORE] == 4


@pytest.mark.parametrize("wrong", [{256: 0}, {-1: 0}, {0: 256}, {0: -1}])
def test_values_outside_a_byte_are_refused(wrong):
    (old, new) = next(iter(wrong.items()))
    with pytest.raises(ValueError, match=f"0..255, got the mapping {old} -> {new}"):
        label_table(wrong)


def test_presence_shows_which_class_is_in_which_image():
    maps = [np.array([[0, 2], [2, 255]], dtype=np.uint8), np.array([[3, 3, 1]], dtype=np.uint8)]
    expected = [[True, False, True, False], [False, True, False, True]]
    np.testing.assert_array_equal(presence(maps, num_classes=3), expected)


def test_presence_of_nothing_has_a_column_for_each_class():
    assert presence([], num_classes=3).shape == (0, 4)


def test_the_palette_begins_like_that_of_voc_and_has_a_colour_for_every_value():
    published = ["#000000", "#800000", "#008000", "#808000", "#000080", "#800080", "#008080", "#808080", "#400000"]
    assert [colour_code(index) for index in range(9)] == published
    assert colour_code(20) == "#004080"
    assert len(np.unique(class_palette(), axis=0)) == 256
