"""Differences between papers and released code, what satkit does, and the test of it.

The table is `assets/paper_vs_code.csv`; notebook 10 shows it.
"""

from dataclasses import dataclass, field, fields

from satkit.utils.assets import asset
from satkit.utils.csv_files import read_records
from satkit.utils.tables import Column, Table


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
    paper: str = field(metadata={"head": "the paper"})
    released: str = field(metadata={"head": "the released code"})
    satkit: str
    test: str


def points() -> list[Point]:
    """The whole table."""
    return read_records(asset("paper_vs_code.csv"), Point)


def markdown(about: str = "", tests: bool = True) -> str:
    """The table as Markdown.

    Args:
        about: Only points that name this method.
        tests: Whether there is a column with the names of the tests, which are long.
    """
    shown = [each for each in fields(Point) if tests or each.name != "test"]
    columns = [Column(each.metadata.get("head", each.name), markup=True) for each in shown]
    rows = [[getattr(point, each.name) for each in shown] for point in points() if about in point.point]
    return Table(columns, rows).markdown()
