"""Words of the command line become numbers and orders, or an error that names the option and the word."""

import pytest

from satkit.cli import actions
from satkit.utils.errors import UsageError


def test_numbers_are_read():
    assert actions.number("--seed", "3") == 3
    assert actions.number("--shift", "0.5", float) == 0.5
    assert actions.whole_numbers("--seeds", "0, 1,2,") == (0, 1, 2)


@pytest.mark.parametrize(
    ("read", "said"),
    [
        (lambda: actions.number("--seed", "1.5"), "--seed takes a whole number, got '1.5'"),
        (lambda: actions.number("--shift", "much", float), "--shift takes a number, got 'much'"),
        (lambda: actions.whole_numbers("--seeds", "0,x"), "--seeds takes a whole number, got 'x'"),
    ],
)
def test_what_is_no_number_is_named_with_its_option(read, said):
    with pytest.raises(UsageError, match=said):
        read()


def test_a_published_order_is_taken_by_its_name():
    assert actions.class_order("voc", "b")[:3] == (12, 9, 20)
    assert actions.class_order("voc", "3,1,2") == (3, 1, 2)
    assert actions.class_order("voc", "") == ()
