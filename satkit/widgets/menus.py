"""Menus whose entries depend on what is looked at, and how controls stand side by side."""

from collections.abc import Iterable

import ipywidgets

from satkit.utils.errors import UsageError


def offer(menu: ipywidgets.Dropdown, options: list) -> None:
    """Give a menu other options; what is chosen stays chosen if it still can be, else the first one is."""
    if tuple(options) != tuple(menu.options):
        before = menu.value
        menu.options = options
        values = [option[1] if isinstance(option, tuple) else option for option in options]
        menu.value = before if before in values else values[0]


def choose_stage(menu: ipywidgets.Dropdown, stage: int) -> None:
    """Choose a stage, from 1 as in its name, in the menu of all of them.

    Raises:
        UsageError: If there is no such stage.
    """
    stages = len(menu.options)
    if stage not in range(1, stages + 1):
        raise UsageError(f"There are the stages 1..{stages}, got {stage}.")
    menu.value = stage - 1


def side_by_side(controls: Iterable[ipywidgets.Widget]) -> None:
    """Let controls stand in two rows at 1280 pixels, and side by side at any width."""
    for control in controls:
        control.layout = {"width": "auto", "flex": "1 1 165px", "max_width": "230px"}
        control.style = {"description_width": "50px"}
