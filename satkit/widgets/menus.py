"""Menus whose entries depend on what is looked at."""

import ipywidgets


def offer(menu: ipywidgets.Dropdown, options: list) -> None:
    """Give a menu other options; what is chosen stays chosen if it still can be, else the first one is."""
    if tuple(options) != tuple(menu.options):
        before = menu.value
        menu.options = options
        values = [option[1] if isinstance(option, tuple) else option for option in options]
        menu.value = before if before in values else values[0]
