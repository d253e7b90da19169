"""One wording for every unknown name: what came, the choices, the nearest match.

Users meet this sentence wherever they choose something by name: a task, a data set, a strategy, a backbone,
a preset, a notebook or one of its parameters.
"""

import difflib
from collections.abc import Iterable


class UsageError(ValueError):
    """A request that cannot be carried out as it was written; commands end with exit code 2."""


def nearest(name: str, choices: Iterable[str]) -> str | None:
    """The choice that looks most like `name`, or None if none does."""
    by_lower = {choice.lower(): choice for choice in choices}
    close = difflib.get_close_matches(str(name).lower(), by_lower, n=1, cutoff=0.5)
    return by_lower[close[0]] if close else None


def unknown(kind: str, name: object, choices: Iterable[str]) -> UsageError:
    """The error to raise for a `name` that is not among `choices`.

    Args:
        kind: What is being chosen, in the singular ("task", "strategy").
        name: What was asked for.
        choices: Every name that would have been accepted.
    """
    choices = list(choices)
    match = nearest(str(name), choices)
    hint = f" Did you mean {match!r}?" if match else ""
    return UsageError(f"Unknown {kind} {name!r}.{hint} Choose one of: {', '.join(choices)}.")


def choose(kind: str, name: str, choices: dict):
    """`choices[name]`, or the error of `unknown` when there is no such name."""
    if name not in choices:
        raise unknown(kind, name, choices)
    return choices[name]
