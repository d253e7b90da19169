"""A bar for every step of every data set, as high as its share, with the number on it."""

import matplotlib.pyplot as plt
import numpy as np
import pytest

from satkit.plots import old_class_shares

SHARES = {"ours": [0.25, 0.5, np.nan], "theirs": [0.8, 0.001, 1.0, 0.4]}


def test_bars_are_shares_in_percent_beside_one_another_at_their_step():
    ax = old_class_shares(SHARES)
    for (name, shares), bars in zip(SHARES.items(), ax.containers, strict=True):
        assert bars.get_label() == name
        np.testing.assert_allclose([bar.get_height() for bar in bars], np.multiply(shares, 100))
        assert [round(bar.get_x() + bar.get_width() / 2) for bar in bars] == list(range(1, len(shares) + 1))
    edges = sorted((bar.get_x(), bar.get_x() + bar.get_width()) for bars in ax.containers for bar in bars)
    assert all(right <= left for (_, right), (left, _) in zip(edges, edges[1:], strict=False))
    assert ax.get_xticks().tolist() == [1, 2, 3, 4]


def test_every_share_is_written_and_a_step_without_images_has_none():
    assert [text.get_text() for text in old_class_shares(SHARES).texts] == ["25", "50", "", "80", "0", "100", "40"]


def test_data_sets_differ_in_more_than_colour_and_are_named():
    ax = old_class_shares(SHARES)
    assert len({bars[0].get_hatch() for bars in ax.containers}) == len(
        {bars[0].get_facecolor() for bars in ax.containers}
    )
    assert len({bars[0].get_hatch() for bars in ax.containers}) == 2
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["ours", "theirs"]


def test_it_draws_into_given_axes():
    _, ax = plt.subplots()
    assert old_class_shares({"ours": [0.5]}, ax=ax) is ax


@pytest.mark.parametrize("count", [0, 7])
def test_more_than_can_be_told_apart_and_nothing_at_all_are_refused(count):
    with pytest.raises(ValueError, match=f"There must be 1 to 6 data sets, got {count}"):
        old_class_shares({str(number): [0.5] for number in range(count)})
