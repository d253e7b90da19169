"""Predictions of every class's pixels: counted by a loop, drawn as percent of the class."""

import numpy as np
import pytest

from satkit.plots.class_flow import KINDS, class_flow, flow_counts

NAMES = ["background", "cat", "dog", "cow", "sheep"]
OLD, NEW = (1, 2), (3, 4)
CONFUSION = np.random.default_rng(0).integers(0, 50, (5, 5))


def slowly(confusion):
    """The four counts of every class, pixel group by pixel group."""
    counts = np.zeros((len(confusion), 4), dtype=int)
    for truth in range(len(confusion)):
        for called in range(len(confusion)):
            group = 0 if called == truth else 2 if called == 0 else 1 if called in OLD else 3
            counts[truth, group] += confusion[truth, called]
    return counts


def test_counts_are_those_of_a_loop_also_for_many_images_at_once():
    np.testing.assert_array_equal(flow_counts(CONFUSION, OLD, NEW), slowly(CONFUSION))
    many = np.random.default_rng(1).integers(0, 9, (3, 5, 5))
    np.testing.assert_array_equal(flow_counts(many, OLD, NEW), [slowly(each) for each in many])


def test_before_the_new_classes_come_there_are_only_old_ones():
    confusion = CONFUSION[:3, :3]
    counts = flow_counts(confusion, OLD, NEW)
    np.testing.assert_array_equal(counts, slowly(confusion))
    assert counts[:, KINDS.index("a new class")].sum() == 0


def test_the_matrix_shows_percent_of_the_class_and_dashes_where_there_is_nothing():
    confusion = CONFUSION.copy()
    confusion[4] = 0  # no pixel of sheep
    ax = class_flow(confusion, NAMES, old=OLD, new=NEW, title="after step 1")
    shown = np.ma.filled(ax.images[-1].get_array(), np.nan)
    counts = slowly(confusion)
    np.testing.assert_allclose(shown[1:4], 100 * counts[1:4] / counts[1:4].sum(axis=1, keepdims=True))
    assert np.isnan(shown[4]).all()
    assert np.isnan(shown[0, 2])  # background called background is right
    assert [text.get_text() for text in ax.get_yticklabels()] == [*NAMES[:3], "cow (new)", "sheep (new)"]
    assert [text.get_text() for text in ax.get_xticklabels()] == list(KINDS)
    assert ax.get_title() == "after step 1"
    assert [text.get_text() for text in ax.texts][-4:] == ["–"] * 4


def test_a_class_without_name_is_refused():
    with pytest.raises(ValueError, match="5 classes and 3 names"):
        class_flow(CONFUSION, NAMES[:3], old=OLD, new=NEW)


def test_only_some_classes_may_have_a_row():
    ax = class_flow(CONFUSION, NAMES, old=OLD, new=NEW, shown=[0, 3])
    counts = slowly(CONFUSION)
    np.testing.assert_allclose(np.ma.filled(ax.images[-1].get_array(), np.nan)[1], 100 * counts[3] / counts[3].sum())
    assert [text.get_text() for text in ax.get_yticklabels()] == ["background", "cow (new)"]
