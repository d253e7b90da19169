"""Drift by stage and head: every number is in its cell, and stages may have different numbers of heads."""

import numpy as np
import pytest

from satkit.plots import head_drift

DRIFT = [np.array([0.01]), np.array([0.02, 0.5]), np.array([np.nan, 0.125])]
STAGES = ["stage 1", "stage 2", "stage 3"]


def test_every_head_has_its_number_and_a_missing_one_a_dash():
    ax = head_drift(DRIFT, STAGES)
    shown = {(text.get_position()[1], text.get_position()[0]): text.get_text() for text in ax.texts}
    assert shown == {(0, 0): "0.010", (1, 0): "0.020", (1, 1): "0.500", (2, 0): "–", (2, 1): "0.125"}
    table = ax.images[0].get_array()
    np.testing.assert_array_equal(table.mask, [[False, True], [False, False], [True, False]])
    assert table.max() == 0.5
    assert ax.images[0].get_clim() == (0, 0.5)
    assert [label.get_text() for label in ax.get_yticklabels()] == STAGES
    assert [label.get_text() for label in ax.get_xticklabels()] == ["head 1", "head 2"]


def test_names_that_do_not_fit_and_stages_without_heads_are_refused():
    with pytest.raises(ValueError, match=r"got 2 names for stages of \[1, 2, 2\] heads"):
        head_drift(DRIFT, STAGES[:2])
    with pytest.raises(ValueError, match="at least one head"):
        head_drift([np.array([])], ["stage 1"])
