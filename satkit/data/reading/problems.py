"""Problems of a data set on disk: one `Problem` per file, one `DataError` for all of them."""

from collections.abc import Collection
from dataclasses import dataclass

from satkit.utils.names import printable

MOST_OF_A_KIND = 3  # problems of one kind that get a line each


@dataclass(frozen=True)
class Problem:
    """One problem of a data set.

    Attributes:
        path: The file or folder concerned.
        what: The kind of problem, in the same words for all files.
        detail: What was found in this file.
        warning: Whether the data can be used nevertheless.
    """

    path: str
    what: str
    detail: str = ""
    warning: bool = False

    def __str__(self) -> str:
        return printable(f"{self.path}: {self.what}") + self.in_brackets

    @property
    def in_brackets(self) -> str:
        """The detail in one line, as it stands behind the kind; "" if there is none."""
        detail = " ".join(self.detail.split())
        return printable(f" ({detail})") if detail else ""


class DataError(ValueError):
    """Missing, damaged or wrong data on disk; `problems` holds all that was found."""

    exit_code = 2

    def __init__(self, problems: Collection[Problem]):
        self.problems = tuple(problems)
        found = counted(len(self.problems), "problem")
        super().__init__(f"The data set has {found}; repair or remove what is listed:\n{listing(self.problems)}")


class DataWarning(UserWarning):
    """Data on disk that can be used, but is probably not as intended."""


def raise_if(problems: Collection[Problem]) -> None:
    """Raise one `DataError` with all problems that are not warnings, if there are any."""
    serious = [problem for problem in problems if not problem.warning]
    if serious:
        raise DataError(serious)


def listing(problems: Collection[Problem], every: bool = False) -> str:
    """Problems, one a line; those of a kind that many files have share a line, with their number and an example.

    Args:
        every: A line for every problem.
    """
    kinds: dict[str, list[Problem]] = {}
    for problem in problems:
        kinds.setdefault(problem.what, []).append(problem)
    lines = []
    for what, found in kinds.items():
        if every or len(found) <= MOST_OF_A_KIND:
            lines += [f"  {problem}" for problem in found]
        else:
            first = found[0]
            lines.append(f"  {len(found):,} times: {what}; for example {printable(first.path)}{first.in_brackets}")
    return "\n".join(lines)


def counted(count: int, thing: str) -> str:
    """A number with its noun: "1 problem", "2 problems"."""
    return f"{count:,} {thing}" + ("" if count == 1 else "s")
