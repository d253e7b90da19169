"""Matrices of the explorers: the numbers of `relation_matrix`, one scale, one framed row."""

import matplotlib.pyplot as plt
import numpy as np
import pytest

from satkit.plots.attention_view import DIFFERENCE
from satkit.plots.matrix_view import MatrixView

TEACHER = np.array([[0.6, 0.3, 0.1], [0.2, 0.7, 0.1]])
STUDENT = np.array([[0.5, 0.4, 0.1], [0.4, 0.5, 0.1]])
NAMES = (["disc", "ring"], ["background", "disc", "ring"])


def test_teacher_student_and_difference_stand_side_by_side_on_one_scale():
    before = plt.get_fignums()
    view = MatrixView({"teacher": TEACHER, "student": STUDENT}, *NAMES)
    for ax, matrix in zip(view.axes, (TEACHER, STUDENT, STUDENT - TEACHER), strict=True):
        np.testing.assert_array_equal(ax.images[-1].get_array(), matrix)
    assert [ax.images[-1].get_clim() for ax in view.axes[:2]] == [(0, 0.7)] * 2
    assert view.axes[2].images[-1].get_clim() == pytest.approx((-0.2, 0.2))
    assert list(view.matrices) == ["teacher", "student", DIFFERENCE]
    assert plt.get_fignums() == before


def test_one_model_has_one_matrix():
    view = MatrixView({"model": TEACHER}, *NAMES)
    assert [ax.get_title() for ax in view.axes] == ["model"]


def test_the_chosen_row_is_framed_in_every_matrix_and_nothing_else_moves():
    view = MatrixView({"teacher": TEACHER, "student": STUDENT}, *NAMES)
    places = [ax.get_position().bounds for ax in view.axes]
    before = np.asarray(view.figure.canvas.buffer_rgba()).copy()
    view.choose(0)
    view.choose(1)
    changed = (np.asarray(view.figure.canvas.buffer_rgba()) != before).any(axis=-1)
    rows = np.flatnonzero(changed.any(axis=1))
    edges = [view.axes[0].transData.transform((0, y))[1] for y in (1.5, 0.5)]
    assert rows.min() >= changed.shape[0] - max(edges) - 3  # only around the second row
    assert rows.max() <= changed.shape[0] - min(edges) + 3
    for ax, frame in zip(view.axes, view.frames, strict=True):
        bottom, top = frame.get_y(), frame.get_y() + frame.get_height()
        assert bottom < 1 < top
        assert bottom > 0.5
        assert top < 1.5
        assert frame in ax.patches
    assert [ax.get_position().bounds for ax in view.axes] == places
