"""Slides of a lesson: one page that opens offline, made of the lesson's executed copy.

The cells are rendered by nbconvert; the page around them is the kit's own. nbconvert's own slides need reveal.js,
require.js, jQuery and MathJax, which it fetches from the network and does not bring along: without one they stay empty.

One slide is a Markdown cell with the code and the results below it, under the heading of its section. What follows a
**Guess** is hidden until the next key. Code that teaches is shown, all other code is folded, and checks are left out.
"""

import html
import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from pathlib import Path

import nbformat
from nbconvert.filters.highlight import Highlight2HTML
from nbconvert.filters.markdown import markdown2html
from pygments.formatters import HtmlFormatter

from satkit.notebooks.alt_text import picture_outputs
from satkit.notebooks.blank import CHECK, TEACH, tags
from satkit.notebooks.export import written
from satkit.notebooks.finding import find_notebook
from satkit.notebooks.formulas import with_formulas
from satkit.notebooks.html_page import TEMPLATE, HTMLPage
from satkit.notebooks.parameters import TAG
from satkit.utils.assets import asset
from satkit.utils.disk_places import expanded
from satkit.utils.files import read_json

LEFT_OUT = {TAG, CHECK, "install"}
PARTS = re.compile(r"^(?=## |\*\*(?:Questions|Exercises|Further reading)\*\*)", re.MULTILINE)
GUESS = "**Guess"
LINK = re.compile(r"(?<!!)\[([^\]]+)\]\((?!https?:)[^)]*\)")  # pages beside the lesson are not beside the slides


@dataclass
class Slide:
    """What one slide shows.

    Attributes:
        heading: Of its section.
        text: Of a Markdown cell, without the heading.
        cells: With code, below that cell.
        seen: The cell whose picture the slide before shows, if this one speaks of it.
    """

    heading: str
    text: str
    cells: list[dict] = field(default_factory=list)
    seen: dict | None = None


def export_slides(folder: str | Path, lessons: Iterable[str]) -> list[Path]:
    """Write slides of lessons into a folder, NAME.html; gives the files.

    Args:
        lessons: Numbers or names, see `find_notebook`.

    Raises:
        UsageError: For an unknown lesson, or a file that is there already.
    """
    names = [find_notebook(name).stem for name in lessons]
    return written(expanded(folder), {Path(f"{name}.html"): page(name) for name in dict.fromkeys(names)})


def page(name: str) -> str:
    """The slides of a lesson as one HTML page, with its pictures."""
    notebook = read_json(asset("gallery") / f"{name}.ipynb")
    shown = list(slides(notebook))
    parts = {
        "TITLE": html.escape(shown[0].heading),
        "SLIDES": "\n".join(map(_rendered, shown)),
        "CODE_CSS": HtmlFormatter(nobackground=True).get_style_defs(".highlight"),
    }
    template = files("satkit.notebooks").joinpath("slides.html").read_text(encoding="utf-8")
    return re.sub(r"\{\{(\w+)\}\}", lambda match: parts[match[1]], template)


def slides(notebook: dict) -> Iterator[Slide]:
    """The slides of an executed lesson, as JSON, in their order."""
    heading, current = "", None
    for cell in notebook["cells"]:
        if cell["cell_type"] == "markdown":
            for text in filter(str.strip, PARTS.split("".join(cell["source"]))):
                if current:
                    yield current
                found = re.match(r"##? (.+)\n?|\*\*(\w[\w ]*)\*\*", text)
                heading = (found[1] or found[2]) if found else heading
                seen = None if found or not current else _last_picture(current.cells)
                current = Slide(heading, text[found.end() :] if found else text, seen=seen)
        elif current and not tags(cell) & LEFT_OUT:
            current.cells.append(cell)
    if current:
        yield current


def _last_picture(cells: list[dict]) -> dict | None:
    return next((cell for cell in reversed(cells) if list(picture_outputs([cell]))), None)


def _rendered(slide: Slide) -> str:
    """A slide as a section of the page; where it has no picture of its own, the one that it speaks of stays."""
    later = " later" if GUESS in slide.text else ""
    below = "".join(_code(cell) + _results(cell) for cell in slide.cells)
    if slide.seen and "<img" not in below:
        below = f'<div class="seen">{_results(slide.seen)}</div><div class="{later.strip()}">{below}</div>'
        later = ""
    picture = " pictures" if "<img" in below else ""
    text = with_formulas(LINK.sub(r"\1", slide.text), markdown2html)
    heading = with_formulas(slide.heading, html.escape)
    return (
        f'<section class="slide{picture}" tabindex="-1"><h2>{heading}</h2><div class="body">'
        f'<div class="text">{text}</div><div class="below{later}">{below}</div></div></section>'
    )


def _code(cell: dict) -> str:
    """The code of a cell: open if it teaches, else folded."""
    source = Highlight2HTML()("".join(cell["source"]))
    return source if TEACH in tags(cell) else f'<details class="code"><summary>code</summary>{source}</details>'


def _results(cell: dict) -> str:
    """What a cell has printed and drawn."""
    book = {"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": [cell]}
    return _exporter().from_notebook_node(nbformat.reads(json.dumps(book), 4))[0] if cell["outputs"] else ""


@cache
def _exporter() -> HTMLPage:
    """The exporter of the kit's pages, for outputs alone and without a page around them."""
    exporter = HTMLPage(exclude_input=True, exclude_output_prompt=True)
    exporter.raw_template = TEMPLATE.replace("lab/index", "basic/index")
    return exporter
