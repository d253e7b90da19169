"""Errors in a user's request, and one wording for every unknown name: the name, the choices, the nearest match.

It is used for everything that is chosen by name: a task, a data set, a strategy, a backbone, a preset, a notebook or
one of its parameters.
"""

import difflib
import re
from collections.abc import Iterable

LONGEST = 120  # characters of a value in a message


class UsageError(ValueError):
    """A request that cannot be carried out as given.

    Attributes:
        exit_code: Of a command that such an error ends. Every error that has one is told in a sentence.
    """

    exit_code = 2


SAME_NUMBER = 0.8  # similarity of digits from which another number is a typing error, as 15-55 for 15-5


def shown(value: object) -> str:
    """A value as a message quotes it: in one line, and shortened in the middle where it is very long."""
    text = repr(value)
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 20]} ... {text[-15:]}"


def nearest(name: str, choices: Iterable[str]) -> str | None:
    """The choice that is most similar to `name`, or None if none is similar.

    A choice with other numbers means something else, and a single letter is similar to nothing.
    """
    by_lower = {choice.lower(): choice for choice in choices if _same_number(str(name), choice)}
    close = difflib.get_close_matches(str(name).lower(), by_lower, n=1, cutoff=0.5)
    return by_lower[close[0]] if close and len(str(name)) > 1 else None


def _same_number(name: str, choice: str) -> bool:
    """Whether the digits of two names are similar, or one of them has none."""
    mine, other = (re.sub(r"\D", "", text).lstrip("0") for text in (name, choice))
    return not (mine and other) or difflib.SequenceMatcher(None, mine, other).ratio() >= SAME_NUMBER


def unknown(kind: str, name: object, choices: Iterable[str]) -> UsageError:
    """The error to raise for a `name` that is not among `choices`.

    Args:
        kind: What is being chosen, in the singular ("task", "strategy").
        name: What was asked for.
        choices: All accepted names.
    """
    choices = list(dict.fromkeys(choices))
    if not choices:
        return UsageError(f"Unknown {kind} {shown(name)}. There is none to choose.")
    match = nearest(str(name)[:LONGEST], choices)
    hint = f" Did you mean {match!r}?" if match else ""
    return UsageError(f"Unknown {kind} {shown(name)}.{hint} Choose one of: {', '.join(choices)}.")


def choose(kind: str, name: str, choices: dict):
    """`choices[name]`, or the error of `unknown` when there is no such name."""
    if name not in choices:
        raise unknown(kind, name, choices)
    return choices[name]
