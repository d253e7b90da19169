"""One table, written as text for a terminal, as Markdown, as HTML and as CSV.

A table has columns, rows of plain values and a note. A column says how its values are written. For files of rows that
are read again see `satkit.utils.csv_files`.
"""

import csv
import io
import math
import re
import shutil
import textwrap
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

GAP = "  "  # between two columns of text
NARROWEST = 12  # characters of a column that is wrapped
NO_TERMINAL = 72  # characters of a line where there is no terminal: a notebook in a window of 780 pixels shows 76
MARKDOWN_WIDTH = 118  # characters of a line of a note
# What is no plain text in Markdown: its own signs, those of HTML, and what makes an address or ends a line.
MARKUP = re.compile(r"[&<>\[\]*`$\\~@\n\r]|(?<!\w)_|_(?!\w)|:(?=//)|(?<=www)\.", re.IGNORECASE)
FORMULA = "$\\"  # begins and ends formulas
LEFT, RIGHT = "left", "right"


def in_percent(share: float | None) -> str:
    """A share in [0, 1] as a cell of a table: percent with one decimal, a dash where there is none."""
    return "-" if is_missing(share) else f"{round(100 * share, 1) + 0.0:.1f}"  # + 0.0 makes -0.0 zero


def percent(share: float | None) -> str:
    """A share in [0, 1] as part of a sentence: percent with its unit."""
    return "no score" if is_missing(share) else f"{100 * share:.1f} %"


def is_missing(value: object) -> bool:
    """Whether a value is None or NaN."""
    return value is None or (isinstance(value, float) and math.isnan(value))


def as_markdown(text: str) -> str:
    """A plain text as Markdown that shows it as it is: no element, link, emphasis or formula comes of it.

    What may begin a formula gets an element of its own: MathJax looks at the finished page, in which nothing is
    escaped, for formulas without elements inside.
    """

    def written(found: re.Match) -> str:
        form = "<span>&#{};</span>" if found[0] in FORMULA else "&#{};"
        return form.format(ord(found[0]))

    return MARKUP.sub(written, text)


def wrapped(text: str, width: int) -> list[str]:
    """Lines of at most `width` characters; a longer word stays whole on a line of its own."""
    return textwrap.wrap(text, width, break_long_words=False, break_on_hyphens=False)


@dataclass(frozen=True)
class Column:
    """A column of a table.

    Attributes:
        head: Its heading.
        align: LEFT or RIGHT.
        below: A second line of the heading, in HTML only.
        form: Writes a value that is there, e.g. "{:.1f}".format.
        missing: What is written for None and NaN.
        markup: Whether head and cells are Markdown already; if not, Markdown shows them as they are.
    """

    head: str
    align: str = LEFT
    below: str = ""
    form: Callable[[object], str] = str
    missing: str = "-"
    markup: bool = False

    def write(self, value: object) -> str:
        """A value as the text of a cell."""
        return self.missing if is_missing(value) else self.form(value)

    def markdown(self, text: str) -> str:
        """A text of the column in a Markdown table, where a bar inside a cell must not end it."""
        return (text if self.markup else as_markdown(text)).replace("|", r"\|")


@dataclass(frozen=True)
class Table:
    """Columns, rows of as many values, and a note that says what a reader must know.

    Raises:
        ValueError: If a row has more or fewer values than there are columns.
    """

    columns: Sequence[Column]
    rows: Sequence[Sequence[object]]
    note: str = ""

    def __post_init__(self):
        for row in self.rows:
            if len(row) != len(self.columns):
                raise ValueError(f"A row must have {len(self.columns)} values, one per column, got {len(row)}: {row}.")

    def cells(self) -> list[list[str]]:
        """The rows as they are written."""
        return [[column.write(value) for column, value in zip(self.columns, row)] for row in self.rows]

    def text(self, width: int | None = None) -> str:
        """Aligned text, the note below.

        Where the table is too wide, the widest column on the left is wrapped; no word is broken.

        Args:
            width: Characters of a line; None for those of the terminal, or NO_TERMINAL.
        """
        width = width or shutil.get_terminal_size((NO_TERMINAL, 24)).columns
        heads, rows = [column.head for column in self.columns], self.cells()
        widths = self._widths([heads, *rows], width)
        lines = [line for row in rows for line in self._lines(row, widths)]
        if any(heads):
            top = self._lines(heads, widths)
            lines = [*top, "-" * max(map(len, [*top, *lines])), *lines]
        return "\n".join([*lines, *(["", *wrapped(self.note, width)] if self.note else [])])

    def markdown(self) -> str:
        """A Markdown table, the note below as a paragraph."""
        rules = "".join("--:|" if column.align == RIGHT else "---|" for column in self.columns)
        texts = [[column.head for column in self.columns], *self.cells()]
        first, *rows = [
            f"| {' | '.join(column.markdown(text) for column, text in zip(self.columns, row))} |" for row in texts
        ]
        lines = [first, f"|{rules}", *rows]
        return "\n".join([*lines, *(["", *wrapped(self.note, MARKDOWN_WIDTH)] if self.note else [])])

    def html(self) -> str:
        """An HTML table, everything in it escaped, the note as its caption; safe to stand in a page of jinja2."""
        from jinja2 import Environment, FileSystemLoader  # here, so that satkit doctor can say that it is missing

        templates = Environment(loader=FileSystemLoader(Path(__file__).parent), autoescape=True, trim_blocks=True)
        macro = templates.get_template("table.html").module.table
        return macro(self.columns, self.cells(), self.note)

    def csv(self) -> str:
        """Comma-separated values as they are, without the formats of the columns; empty where there is none."""
        stream = io.StringIO(newline="")
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow([column.head for column in self.columns])
        writer.writerows([["" if is_missing(value) else value for value in row] for row in self.rows])
        return stream.getvalue()

    def _widths(self, rows: Iterable[Sequence[str]], width: int) -> list[int]:
        """Characters of each column; the widest on the left gives way where all together are too wide."""
        widths = [max(map(len, column)) for column in zip(*rows)]
        left = [place for place, column in enumerate(self.columns) if column.align == LEFT]
        excess = sum(widths) + len(GAP) * (len(widths) - 1) - width
        if left and excess > 0:
            widest = max(left, key=lambda place: widths[place])
            widths[widest] = max(min(NARROWEST, widths[widest]), widths[widest] - excess)
        return widths

    def _lines(self, cells: Sequence[str], widths: Sequence[int]) -> list[str]:
        """A row as one line, or as many as its longest cell takes."""
        parts = [wrapped(cell, width) or [""] if width else [""] for cell, width in zip(cells, widths)]
        lines = []
        for number in range(max(map(len, parts))):
            words = [part[number] if number < len(part) else "" for part in parts]
            aligned = (
                word.rjust(width) if column.align == RIGHT else word.ljust(width)
                for column, word, width in zip(self.columns, words, widths)
            )
            lines.append(GAP.join(aligned).rstrip())
        return lines
