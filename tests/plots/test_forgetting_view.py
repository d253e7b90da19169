"""The figure of the forgetting explorer: arrays, marks, and the same picture after any order of choices."""

import matplotlib.pyplot as plt
import numpy as np
import pytest

from satkit.evaluation.metrics import iou_table
from satkit.plots.forgetting_view import ForgettingView

NAMES = ["background", "cat", "dog", "cow"]
LEARNT = [0, 0, 0, 1]
GENERATOR = np.random.default_rng(0)
CONFUSIONS = [GENERATOR.integers(1, 50, (3, 3)), GENERATOR.integers(1, 50, (4, 4))]
IMAGE = GENERATOR.integers(0, 256, (24, 36, 3), dtype=np.uint8)
TRUTH = np.zeros((24, 36), dtype=np.uint8)
TRUTH[4:12, 4:20], TRUTH[14:22, 20:34] = 1, 3
PREDICTION = np.where(TRUTH == 1, 0, TRUTH).astype(np.uint8)


@pytest.fixture
def view():
    """A view of two steps, of which the second learns the cow."""
    return ForgettingView(iou_table(CONFUSIONS, 4), CONFUSIONS, NAMES, learnt_at=LEARNT)


def show(view, **choices):
    view.show(IMAGE, TRUTH, PREDICTION, **{"step": 1, "chosen": 1} | choices)
    return np.asarray(view.figure.canvas.buffer_rgba()).copy()


def test_step_and_class_are_marked_everywhere(view):
    before = plt.get_fignums()
    show(view, step=1, chosen=2)
    assert list(view.step_line.get_xdata()) == [1, 1]
    np.testing.assert_allclose(view.highlight.get_ydata(), 100 * iou_table(CONFUSIONS, 4)[:, 2])
    assert view.frame.get_y() < 2 < view.frame.get_y() + view.frame.get_height()
    assert [ax.get_title() for ax in view.strip] == ["image", "ground truth", "after step 1"]
    assert len(view.matrix.get_yticklabels()) == 4
    show(view, step=0)
    assert len(view.matrix.get_yticklabels()) == 3
    assert plt.get_fignums() == before


def test_however_it_was_reached_the_picture_is_the_same(view):
    fresh = ForgettingView(iou_table(CONFUSIONS, 4), CONFUSIONS, NAMES, learnt_at=LEARNT)
    for choices in ({"step": 0}, {"step": 1, "called": [0]}, {"chosen": 3}, {"step": 0, "chosen": 2}):
        show(view, **choices)
    np.testing.assert_array_equal(show(view, step=1, chosen=2), show(fresh, step=1, chosen=2))


def test_the_pixels_of_a_cell_are_outlined_and_no_others(view):
    show(view, chosen=1, called=[0])  # cat called background: all of it
    for ax in view.strip[1:]:
        assert len(ax.collections) == 2
        corners = ax.collections[0].get_paths()[0].vertices
        assert (corners.min(axis=0) >= [3, 3]).all()
        assert (corners.max(axis=0) <= [20, 12]).all()
    show(view, chosen=1, called=[1])  # no cat is right
    assert not view.strip[1].collections
    show(view, chosen=3, called=[3])
    assert view.strip[1].collections


def test_to_be_saved_everything_is_drawn_with_the_rest(view, tmp_path):
    shown = show(view)
    with view.whole() as figure:
        figure.savefig(tmp_path / "whole.png", dpi=100)
    saved = (255 * plt.imread(tmp_path / "whole.png")).round().astype(int)
    assert saved.shape == shown.shape
    assert (np.abs(saved - shown).max(axis=-1) > 60).mean() < 0.003  # order of overlapping marks
    np.testing.assert_array_equal(show(view), shown)


@pytest.mark.parametrize("choices", [{"step": 2}, {"step": -1}, {"chosen": 4}])
def test_a_step_or_class_that_does_not_exist_is_refused(view, choices):
    with pytest.raises(ValueError, match="There are 2 steps and 4 classes, got step"):
        show(view, **choices)


def test_of_many_classes_the_largest_have_rows_and_the_others_can_still_be_chosen():
    names = ["background", *(f"class {index}" for index in range(1, 61))]
    confusion = np.diag(np.arange(61) % 50 + 1)
    table = iou_table([confusion], 61)
    view = ForgettingView(table, [confusion], names, learnt_at=[0] * 61)
    assert len(view.shown) == 40
    assert view.shown == sorted(view.shown)
    assert view.shown[0] == 0
    left_out = sorted(set(range(1, 61)) - set(view.shown))
    assert confusion.diagonal()[left_out].max() <= confusion.diagonal()[view.shown[1:]].min()
    show(view, step=0, chosen=view.shown[7])
    assert view.frame.get_y() == pytest.approx(7 - 0.46)
    show(view, step=0, chosen=left_out[0])
    assert view.frame.get_y() < -1
    np.testing.assert_allclose(view.highlight.get_ydata(), [100.0])
