"""Differences between papers and released code, what satkit does, and the test of it.

The table is `assets/paper_vs_code.csv`; notebook 10 shows it.
"""

import csv
from dataclasses import dataclass

from satkit.utils.assets import asset


@dataclass(frozen=True)
class Point:
    """One difference.

    Attributes:
        point: What it is about, and in which method.
        paper: What the paper says; "-" where it says nothing.
        released: What the released code does.
        satkit: What satkit does by default, and how to choose the other.
        test: Name of the test, or of the test file, that checks it; in backquotes.
    """

    point: str
    paper: str
    released: str
    satkit: str
    test: str


def points() -> list[Point]:
    """The whole table."""
    with asset("paper_vs_code.csv").open(newline="", encoding="utf-8") as file:
        return [Point(*row.values()) for row in csv.DictReader(file)]


def markdown(about: str = "", tests: bool = True) -> str:
    """The table as Markdown.

    Args:
        about: Only points that name this method.
        tests: Whether there is a column with the names of the tests, which are long.
    """
    heads = {"point": "point", "paper": "the paper", "released": "the released code", "satkit": "satkit"}
    heads |= {"test": "test"} if tests else {}
    lines = ["| " + " | ".join(heads.values()) + " |", "|" + "---|" * len(heads)]
    lines += [
        "| " + " | ".join(getattr(each, name) for name in heads) + " |" for each in points() if about in each.point
    ]
    return "\n".join(lines)
