"""Where papers and released code differ, what satkit does, and the test that holds it to that.

The table is `assets/paper_vs_code.csv`; the README shows it, and notebook 10.
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
        satkit: What satkit does by default, and how to have the other.
        test: Name of the test, or of the file of tests, that pins it; in code marks.
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
        tests: Whether the names of the tests, which are long, have a column.
    """
    shown = [each for each in fields(Point) if tests or each.name != "test"]
    columns = [Column(each.metadata.get("head", each.name)) for each in shown]
    rows = [[getattr(point, each.name) for each in shown] for point in points() if about in point.point]
    return Table(columns, rows).markdown()
