"""Eight bits are enough: codes mean what was coded, as exactly as the module says, and label maps come back whole."""

import numpy as np
import pytest

from satkit.analysis.codes import WORST, decoded, encoded, label_runs, labels_from


@pytest.fixture
def rows():
    """Attention rows of every kind: even, sharp, and with weights next to zero."""
    scores = np.random.default_rng(0).normal(size=(3, 200, 64)) * np.array([0.1, 2, 8])[:, None, None]
    weights = np.exp(scores - scores.max(axis=-1, keepdims=True))
    return (weights / weights.sum(axis=-1, keepdims=True)).astype(np.float32)


def test_a_weight_is_wrong_by_at_most_the_stated_part_of_the_largest_in_its_row(rows):
    codes, peaks = encoded(rows)
    assert codes.dtype == np.uint8
    error = np.abs(decoded(codes, peaks) - rows) / peaks[..., None]
    assert error.max() <= WORST + 1e-6
    assert error.max() > 0.9 * WORST  # the bound is no idle one


def test_weights_of_a_tenth_of_the_largest_are_wrong_by_at_most_1_3_percent_of_themselves(rows):
    codes, peaks = encoded(rows)
    large = rows >= 0.1 * peaks[..., None]
    assert (np.abs(decoded(codes, peaks) - rows)[large] <= 0.013 * rows[large]).all()


def test_the_largest_weight_of_a_row_and_zero_are_exact():
    codes, peaks = encoded(np.array([[0.0, 0.75, 0.25], [0.0, 0.0, 0.0]]))
    assert codes.tolist() == [[0, 255, 147], [0, 0, 0]]
    np.testing.assert_allclose(decoded(codes, peaks)[:, :2], [[0, 0.75], [0, 0]])


@pytest.mark.parametrize("value", [-0.1, np.nan, np.inf])
def test_what_is_no_weight_is_refused(value):
    with pytest.raises(ValueError, match="must be finite and >= 0"):
        encoded(np.array([[0.5, value]]))


def test_a_label_map_comes_back_whole():
    labels = np.zeros((40, 50), dtype=np.uint8)  # a run of more than 256
    labels[20:, 10:] = 7
    labels[-1, -1] = 255
    np.testing.assert_array_equal(labels_from(label_runs(labels)), labels.ravel())
    assert len(label_runs(labels)) < labels.size / 10
    assert label_runs(np.array([[3, 3, 0]])) == bytes([3, 1, 0, 0])
