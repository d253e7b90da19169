"""Options that several commands share: the settings, the tracker, and numbers in texts."""

import argparse
from collections.abc import Iterable

from satkit.experiments.settings import FIELDS, described, flag, read
from satkit.utils.errors import UsageError


def add_settings(command: argparse.ArgumentParser, names: Iterable[str] = tuple(FIELDS)) -> None:
    """Give a command an option for every setting, or for some of them."""
    for name in names:
        default, about = FIELDS[name].default, described(name).replace("%", "%%")
        if default is False:  # it is named or not, and takes no value
            command.add_argument(flag(name), dest=name, action="store_const", const="true", help=about)
        else:
            shown = "" if default in ("", ()) else f" (default {default})"
            command.add_argument(flag(name), dest=name, metavar="VALUE", help=about + shown)


def add_track(command: argparse.ArgumentParser) -> None:
    """Give a command the option that names a tracker, see `satkit.experiments.trackers.choice.tracking`."""
    command.add_argument(
        "--track",
        default="",
        metavar="NAME",
        help="also record curves, configuration and figures for tensorboard, wandb or trackio, a package that pip "
        "installs; nothing is sent anywhere, and the results stay the same",
    )


def given(options: argparse.Namespace) -> dict:
    """The settings that a command line names; a class order may hold names, see `with_labels`.

    Raises:
        UsageError: For a value that is none of its setting.
    """
    texts = {name: getattr(options, name, None) for name in FIELDS}
    return {name: read(name, text, flag(name)) for name, text in texts.items() if text is not None}


def number(option: str, text: str) -> int:
    """A whole number from the command line.

    Raises:
        UsageError: Naming the option and what came.
    """
    try:
        return int(text)
    except ValueError:
        raise UsageError(f"{option} must be a whole number, got {text!r}.") from None


def whole_numbers(option: str, text: str) -> tuple[int, ...]:
    """Whole numbers separated by commas."""
    return tuple(number(option, part) for part in text.split(",") if part.strip())
