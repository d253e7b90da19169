"""One table in four forms: nothing is lost, broken or taken for markup."""

import csv
import io
import math
from html.parser import HTMLParser

import pytest

from satkit.utils.tables import RIGHT, Column, Table, in_percent, percent

COLUMNS = [Column("name"), Column("score", RIGHT, "of all", form="{:.1f}".format), Column("what it says")]
ROWS = [["a <b>", 12.345, "short"], ["c|d", None, "a rather long remark about pseudo-labels"], ["e", math.nan, ""]]
TABLE = Table(COLUMNS, ROWS, "One & two: each word of the note stays whole.")


class Elements(HTMLParser):
    """Tags with attributes and the text inside them."""

    def __init__(self, text):
        super().__init__()
        self.found = []
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        self.found.append((tag, dict(attributes), ""))

    def handle_data(self, data):
        if self.found and data.strip():
            tag, attributes, text = self.found[-1]
            self.found[-1] = (tag, attributes, text + data)

    def all(self, tag):
        return [(attributes, text) for found, attributes, text in self.found if found == tag]


def test_text_is_aligned_and_ends_with_the_note():
    lines = TABLE.text(80).splitlines()
    assert lines[0] == "name   score  what it says"
    assert lines[1] == "-" * max(map(len, lines[:5]))
    assert lines[2] == "a <b>   12.3  short"
    assert lines[3] == "c|d        -  a rather long remark about pseudo-labels"
    assert lines[5:] == ["", TABLE.note]


@pytest.mark.parametrize("width", [30, 40, 50, 80])
def test_text_keeps_to_the_width_and_breaks_no_word(width):
    lines = TABLE.text(width).splitlines()
    assert max(map(len, lines)) <= width
    words = set(" ".join(lines).split())
    assert {"pseudo-labels", "remark", "12.3", "whole."} <= words


def test_a_word_longer_than_the_width_stays_whole():
    long = "python -m pip install a-package-with-a-very-long-name"
    assert "a-package-with-a-very-long-name" in Table([Column("do")], [[long]]).text(20).splitlines()


def test_the_width_is_that_of_the_terminal(monkeypatch):
    monkeypatch.setenv("COLUMNS", "44")
    assert TABLE.text() == TABLE.text(44) != TABLE.text(80)


def test_without_a_terminal_a_line_fits_a_notebook_in_a_window_of_780_pixels(monkeypatch):
    monkeypatch.delenv("COLUMNS", raising=False)
    monkeypatch.setattr("sys.__stdout__", None)  # as where there is no terminal
    long = Table([Column("do")], [["word " * 40]])
    assert 60 < max(map(len, long.text().splitlines())) <= 76


def test_columns_without_heads_have_no_heading():
    assert Table([Column(""), Column("", RIGHT)], [["a", 1], ["bc", 23]]).text(80).splitlines() == ["a    1", "bc  23"]


def test_markdown_has_a_line_a_row_its_alignment_and_the_note_below():
    lines = TABLE.markdown().splitlines()
    assert lines[:3] == ["| name | score | what it says |", "|---|--:|---|", "| a &#60;b&#62; | 12.3 | short |"]
    assert lines[3].startswith(r"| c\|d | - |")
    assert lines[5:] == ["", TABLE.note]


def test_markdown_shows_plain_text_as_it_is_and_keeps_what_is_markup_already():
    columns = [Column("a*b*"), Column("`c`", markup=True)]
    lines = Table(columns, [["[x](y)", "**+1.0**"]]).markdown().splitlines()
    assert lines[::2] == ["| a&#42;b&#42; | `c` |", "| &#91;x&#93;(y) | **+1.0** |"]


def test_html_escapes_everything_and_names_what_a_head_belongs_to():
    text = TABLE.html()
    assert "<b>" not in text
    page = Elements(text)
    assert [(each["scope"], words) for each, words in page.all("th")] == [
        *(("col", "name"), ("col", "score"), ("col", "what it says")),
        *(("row", "a <b>"), ("row", "c|d"), ("row", "e")),
    ]
    assert [words for _, words in page.all("small")] == ["of all"]
    assert [(each["class"], words) for each, words in page.all("td")][:2] == [("right", "12.3"), ("left", "short")]
    assert "<caption><span>One &amp; two: each word of the note stays whole.</span></caption>" in text
    assert "<caption>" not in Table(COLUMNS, ROWS).html()


def test_html_stands_in_a_page_without_being_escaped_again():
    from jinja2 import Environment

    page = Environment(autoescape=True).from_string("<p>{{ table }}</p>").render(table=TABLE.html())
    assert page == f"<p>{TABLE.html()}</p>"


def test_csv_has_the_values_as_they_are():
    lines = list(csv.reader(io.StringIO(TABLE.csv())))
    assert lines[0] == ["name", "score", "what it says"]
    assert lines[1] == ["a <b>", "12.345", "short"]
    assert [line[1] for line in lines[2:]] == ["", ""]


def test_a_table_without_rows_is_its_heading():
    empty = Table(COLUMNS, [])
    assert empty.text(80).splitlines()[0] == "name  score  what it says"
    assert len(empty.markdown().splitlines()) == 2


def test_a_row_of_another_length_is_refused():
    with pytest.raises(ValueError, match="A row must have 3 values, one per column, got 2"):
        Table(COLUMNS, [["a", 1.0]])


def test_shares_are_written_in_percent_and_zero_has_no_sign():
    assert [in_percent(share) for share in (-0.0001, 0.0, -0.006, 0.4321, None, math.nan)] == [
        *("0.0", "0.0", "-0.6", "43.2", "-", "-")
    ]
    assert [percent(share) for share in (0.4321, None)] == ["43.2 %", "no score"]
