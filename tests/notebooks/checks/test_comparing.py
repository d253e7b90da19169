"""What is off is said by its kind: type, shape, axes, sign, factor, offset, sum or order; numbers may have any type."""

import numpy as np
import pytest
import torch

from satkit.notebooks.checks.comparing import answer, what_is_off

ROWS = torch.tensor([[0.2, 0.3, 0.5], [0.6, 0.3, 0.1]])


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        (ROWS, ROWS.double() + 1e-6),
        (ROWS.clone().requires_grad_(), ROWS),
        (0.25, torch.tensor(0.25)),
        (np.float32(0.25), 0.25),
        (np.array([1, np.nan]), np.array([1, np.nan])),
        ((1, 2.0), [1, 2]),
        ({"a": [ROWS]}, {"a": (ROWS,)}),
        ("one", "one"),
        (torch.zeros(3), torch.zeros(3)),
    ],
)
def test_the_same_as_another_type_of_number_is_right(found, expected):
    assert what_is_off(found, expected) == ""


@pytest.mark.parametrize(
    ("found", "said"),
    [
        (None, "is None; a function needs a return"),
        (ROWS.numpy(), "must be a tensor, it is a NumPy array"),
        (ROWS.tolist(), "must be a tensor, it is a list"),
        (0.5, "must be a tensor, it is a number"),
        (ROWS.T, "has its axes in another order than wanted (query, key)"),
        (ROWS[:, :2], "has the shape (2, 2), wanted is (2, 3) (query, key)"),
        (-ROWS, "has the wrong sign"),
        (2 * ROWS, "is 2 times what it should be"),
        (ROWS / 100, "is 0.01 times what it should be"),
        (ROWS + 1, "is too large by the same amount everywhere"),
        (ROWS * torch.nan, "has values that are no finite numbers"),
        (ROWS.exp(), "is not normalised: its sums over the axis key must be 1"),
        (ROWS.flip(1), "has the right values, in another order"),
        (ROWS * torch.tensor([1.0, 1.0, 1.1]), "is not normalised: its sums over the axis key must be 1"),
        (
            ROWS + torch.tensor([0.1, -0.1, 0.0]),
            "has the right shape, but 67% of its values are off, first at [0, 0]",
        ),
    ],
)
def test_what_is_off_is_named_by_its_kind(found, said):
    assert what_is_off(found, ROWS, "query key", sums="key") == said


def test_square_matrices_that_were_transposed_are_recognised():
    square = torch.tensor([[0.9, 0.1], [0.4, 0.6]])
    assert "axes in another order" in what_is_off(square.T, square)


@pytest.mark.parametrize(
    ("found", "expected", "said"),
    [
        ([1, 2], [1, 2, 3], "must have 3 entries, it has 2"),
        ([1, -2], [1, 2], "is off in entry 1: it has the wrong sign"),
        ({"a": 1}, {"b": 1}, "must have the keys b, in this order"),
        ({"a": 2}, {"a": 1}, "is off for a: it is 2 times what it should be"),
        ("one", "two", "is another one"),
        (3, [3], "must be a list or a tuple, it is a number"),
        ([3], {"a": 3}, "must be a dict, it is a list"),
        (0.0, 1.0, "is too small"),
    ],
)
def test_entries_and_kinds_are_named(found, expected, said):
    assert what_is_off(found, expected) == said


def test_no_sentence_holds_a_number_that_was_expected():
    expected = np.array([0.123456, 7.654321, 3.141592])
    for found in (expected + [0, 1, 0], expected[::-1], expected[:2], 3 * expected, [1.0]):
        said = what_is_off(found, expected)
        assert said
        assert not any(f"{value:.3g}"[:4] in said for value in expected)


def test_a_function_that_stops_is_a_sentence_too():
    assert answer("f", lambda x: 2 * x, 3) == (6, "")
    assert answer("f", lambda: {}["a"]) == (None, "f stops with KeyError: 'a'")
    assert answer("f", [1]) == (None, "f must be a function, it is a list")
