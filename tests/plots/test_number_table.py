"""A heat map of numbers has every number in its cell."""

import numpy as np
import pytest

from satkit.plots import number_table

VALUES = np.array([[0.5, 1.0, np.nan], [0.0, 0.25, 0.75]])


def test_numbers_names_and_scale():
    ax = number_table(VALUES, ["base", "SATS"], ["stage 1", "stage 2", "embedding"], title="known", form="{:.1f}")
    shown = {(text.get_position()[1], text.get_position()[0]): text.get_text() for text in ax.texts}
    assert shown == {(0, 0): "0.5", (0, 1): "1.0", (0, 2): "–", (1, 0): "0.0", (1, 1): "0.2", (1, 2): "0.8"}
    assert ax.images[0].get_clim() == (0.0, 1.0)
    assert [label.get_text() for label in ax.get_xticklabels()] == ["stage 1", "stage 2", "embedding"]
    assert [label.get_text() for label in ax.get_yticklabels()] == ["base", "SATS"]
    assert ax.get_title() == "known"
    assert number_table(VALUES, ["a", "b"], ["c", "d", "e"], vmin=-1, vmax=2).images[0].get_clim() == (-1, 2)


def test_names_that_do_not_fit_are_refused():
    with pytest.raises(ValueError, match=r"got shape \(2, 3\), 1 rows and 3 columns"):
        number_table(VALUES, ["base"], ["a", "b", "c"])
