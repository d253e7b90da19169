"""A check prints what is right, and raises one sentence for what is missing, of another kind, or wrong."""

import numpy as np
import pytest
import torch

from satkit.notebooks.checks.checking import Names, NotRight, called, listed, must, same, wants


@wants(double="twice the number x, a number")
def doubled(at: Names) -> None:
    """An example."""
    same("double", at.double, 2 * at.x)
    must(len(str(at.double)) < 9, "double is too long.")


def test_what_is_right_is_said(capsys):
    doubled({"x": 2, "double": 4})
    assert capsys.readouterr().out == "Right: double.\n"


@pytest.mark.parametrize(
    ("names", "said"),
    [
        ({"x": 2}, "double is missing. The cell above must define it: twice the number x, a number."),
        ({"x": 2, "double": ...}, "double is missing. The cell above must define it: twice the number x, a number."),
        ({"double": 4}, "x is missing: run the cells above first."),
        ({"x": 2, "double": -4}, "double has the wrong sign."),
        ({"x": "a", "double": 4}, "double is another one."),
        ({"x": 1.0e9, "double": 2.0e9}, "double is too long."),
    ],
)
def test_what_is_not_right_is_one_sentence(names, said):
    with pytest.raises(NotRight) as caught:
        doubled(names)
    assert str(caught.value) == said
    assert caught.value._render_traceback_() == [f"Not yet right: {said}"]


def test_what_cannot_be_compared_is_of_another_kind():
    check = wants(some="a list of lists")(lambda at: same("some", [list(each) for each in at.some], [[1]]))
    with pytest.raises(NotRight, match=r"another kind than asked for \(some, a list of lists\): 'int' object"):
        check({"some": [3]})


def test_a_function_of_a_reader_is_called_and_its_error_is_a_sentence():
    assert called("f", lambda x: x + 1, 1) == 2
    with pytest.raises(NotRight, match=r"^f stops with ZeroDivisionError: division by zero\.$"):
        called("f", lambda x: x / 0, 1)


def test_numbers_in_a_list_or_a_tensor_are_an_array():
    for value in ([1, 2], (1, 2), torch.tensor([1, 2]).float().requires_grad_()):
        assert np.array_equal(listed(value), [1.0, 2.0])
    assert listed(None) is None
