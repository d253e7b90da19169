"""Menus keep what is chosen, if it can still be chosen."""

import ipywidgets

from satkit.widgets.menus import offer


def test_what_is_chosen_stays_chosen_where_it_is_still_offered():
    menu = ipywidgets.Dropdown(options=[("one", 1), ("two", 2)], value=2)
    offer(menu, [("two", 2), ("three", 3)])
    assert menu.value == 2
    offer(menu, [("four", 4), ("five", 5)])
    assert menu.value == 4


def test_the_same_options_are_not_set_again():
    menu, heard = ipywidgets.Dropdown(options=["mean", 0, 1], value=1), []
    menu.observe(heard.append)
    offer(menu, ["mean", 0, 1])
    assert heard == []
