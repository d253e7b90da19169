"""What all explorers share: one refresh for several changes, mistakes told in the line, pictures that can be kept."""

import ipywidgets
import pytest
from matplotlib.figure import Figure

from satkit.widgets.explorer import Explorer


class Counting(Explorer):
    """An explorer of two sliders that counts how often it was drawn."""

    def __init__(self):
        self.first, self.second = ipywidgets.IntSlider(), ipywidgets.IntSlider()
        self.drawn = 0
        super().__init__("Counts.", [self.first, self.second])

    def refresh(self):
        if self.first.value == 13:
            raise ValueError("Thirteen is not allowed.")
        if self.first.value == 14:
            raise ZeroDivisionError("a mistake of ours")
        self.drawn += 1
        self.show(Figure(figsize=(1, 1)), f"{self.first.value}, {self.second.value}", "A square.")


@pytest.fixture
def counting():
    """An explorer that has been drawn once."""
    made = Counting()
    made.refresh()
    return made


def test_every_change_of_a_control_draws_once(counting):
    counting.first.value = 3
    counting.second.value = 4
    assert (counting.drawn, counting.text) == (3, "3, 4")


def test_several_changes_at_once_draw_once_and_silent_ones_not_at_all(counting):
    with counting.with_one_refresh():
        counting.first.value = 3
        with counting.with_one_refresh():
            counting.second.value = 4
    assert (counting.drawn, counting.text) == (2, "3, 4")
    with counting.without_refresh():
        counting.first.value = 5
    assert counting.drawn == 2


def test_after_a_failure_it_is_no_longer_quiet(counting):
    with pytest.raises(ValueError, match="Thirteen"), counting.with_one_refresh():
        counting.first.value = 13
    counting.first.value = 2
    assert counting.text == "2, 0"


def test_a_mistake_of_the_reader_is_told_in_the_line(counting):
    counting.first.value = 13
    assert counting.text == "Thirteen is not allowed."
    counting.first.value = 12
    assert counting.text == "12, 0"


def test_a_mistake_of_ours_is_told_and_raised(counting):
    with pytest.raises(ZeroDivisionError):
        counting.first.value = 14
    assert counting.text == "ZeroDivisionError: a mistake of ours"


def test_it_is_represented_by_its_meaning_not_by_its_bytes(counting):
    assert repr(counting) == "<Counting: A square.>"
