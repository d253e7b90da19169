"""What a check is: the names that a cell must define, and a function that says whether they are right.

A check cell calls one, `check.attention(globals())`. It prints what is right, or raises `NotRight` with one sentence
that says what is off, so a lesson that is not finished stops there. Nothing in it says how to do it right.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from satkit.notebooks.checks.comparing import answer, what_is_off


class NotRight(Exception):
    """What a cell has computed is missing or wrong; the message is one sentence."""

    def _render_traceback_(self) -> list[str]:
        """What IPython shows: the sentence alone."""
        return [f"Not yet right: {self}"]


class Names:
    """The names of a notebook, as attributes.

    Raises:
        NotRight: For a name that is not there: a cell above was not run.
    """

    def __init__(self, names: Mapping[str, object]):
        self._names = names

    def __getattr__(self, name: str):
        if name not in self._names:
            raise NotRight(f"{name} is missing: run the cells above first.")
        return self._names[name]


@dataclass(frozen=True)
class Check:
    """A check; call it with the names of the notebook, `globals()`.

    What cannot even be compared, such as a number in place of a list, is not right either.

    Attributes:
        wants: What every name must hold, that the cell above defines.
        examine: Given the names, raises `NotRight` for the first that is off.
    """

    wants: dict[str, str]
    examine: Callable[[Names], None]

    def __call__(self, names: Mapping[str, object]) -> None:
        for name, meaning in self.wants.items():
            if names.get(name) is None or names.get(name) is ...:
                raise NotRight(f"{name} is missing. The cell above must define it: {meaning}.")
        try:
            self.examine(Names(names))
        except (TypeError, ValueError, AttributeError, IndexError, KeyError) as error:
            wanted = "; ".join(f"{name}, {meaning}" for name, meaning in self.wants.items())
            raise NotRight(f"This is of another kind than asked for ({wanted}): {error}.") from None
        print(f"Right: {', '.join(self.wants)}.")


def wants(**meanings: str) -> Callable[[Callable[[Names], None]], Check]:
    """Make a check of a function: by name, what the cell above must define."""
    return lambda examine: Check(meanings, examine)


def same(name: str, found, expected, axes: str = "", sums: str = "") -> None:
    """See `comparing.what_is_off`.

    Raises:
        NotRight: If the two differ.
    """
    off = what_is_off(found, expected, axes, sums)
    if off:
        raise NotRight(f"{name} {off}.")


def listed(value):
    """A list of numbers, or a tensor, as an array; anything else as it is."""
    if hasattr(value, "detach"):
        return value.detach().cpu().double().numpy()
    return np.array(value, dtype=float) if isinstance(value, list | tuple) else value


def called(name: str, function: Callable, *given):
    """What a reader's function gives.

    Raises:
        NotRight: If it is no function, or stops with an error.
    """
    result, off = answer(name, function, *given)
    if off:
        raise NotRight(f"{off}.")
    return result


def must(holds: bool, sentence: str) -> None:
    """Raise NotRight with a sentence unless something holds."""
    if not holds:
        raise NotRight(sentence)
