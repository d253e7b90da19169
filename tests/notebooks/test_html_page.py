"""A page made of an executed notebook carries the alt text of every picture, also of interactive figures."""

import re
from html.parser import HTMLParser

import nbformat
import pandas as pd
import pytest
from notebook_files import PYTHON3, write

from satkit.notebooks.finding import list_notebooks
from satkit.notebooks.html_page import HTMLPage, with_alt
from satkit.notebooks.runner import run_notebook
from satkit.utils.tables import Column, Table

DRAW = """
import matplotlib.pyplot as plt
from satkit import plots
plots.use_style()
figure, ax = plt.subplots()
_ = ax.set(title="old & new", ylabel="mIoU (%)")
"""
EXPLORE = """
from matplotlib.figure import Figure
from satkit.widgets.explorer import Explorer
class Least(Explorer):
    def refresh(self): self.show(Figure(), "", "half of it has moved")
    def arrays(self): return {}
explorer = Least("least", [])
explorer.refresh()
explorer
"""
PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="


def page_of(*outputs):
    cell = nbformat.v4.new_code_cell("show()", outputs=list(outputs))
    return HTMLPage().from_notebook_node(nbformat.v4.new_notebook(cells=[cell]))[0]


def alts(page):
    return re.findall(r'<img [^>]*?alt="([^"]*)"', page)


@pytest.mark.slow
def test_figures_of_a_notebook_that_was_run_have_alt_texts(tmp_path):
    path = write(tmp_path / "drawn.ipynb", DRAW, EXPLORE, parameters="seed: int = 0  # any", metadata=PYTHON3)
    result = run_notebook(path, tmp_path / "executed.ipynb", {}, env={"SATKIT_RUNS": str(tmp_path)})
    page, _ = HTMLPage().from_filename(str(result.output))
    assert alts(page) == ["Figure; titles: old &amp; new; vertical axis: mIoU (%).", "half of it has moved"]


@pytest.mark.parametrize("kind", ["image/png", "image/jpeg"])
def test_the_text_of_the_metadata_becomes_the_alt(kind):
    shown = nbformat.v4.new_output("display_data", {kind: PIXEL}, metadata={kind: {"alt": "discs < squares & more"}})
    assert alts(page_of(shown)) == ["discs &lt; squares &amp; more"]


def test_a_widget_is_shown_by_its_picture():
    widget = {"application/vnd.jupyter.widget-view+json": {"model_id": "1"}, "image/png": PIXEL}
    page = page_of(nbformat.v4.new_output("display_data", widget, metadata={"image/png": {"alt": "a map"}}))
    assert alts(page) == ["a map"]
    assert "model_id" not in page


class Texts(HTMLParser):
    """The texts of a page in which MathJax looks for formulas: between two tags, and not where it is told to ignore."""

    def __init__(self, page):
        super().__init__()
        self.found, self.ignored = [], []
        self.feed(page)

    def handle_starttag(self, tag, attributes):
        if tag in ("div", "table", "pre", "style", "script"):
            classes = dict(attributes).get("class") or ""
            skipped = tag in ("pre", "style", "script") or "mathjax_ignore" in classes
            self.ignored.append(skipped or bool(self.ignored and self.ignored[-1]))

    def handle_endtag(self, tag):
        if tag in ("div", "table", "pre", "style", "script"):
            self.ignored.pop()

    def handle_data(self, data):
        if not (self.ignored and self.ignored[-1]):
            self.found.append(data)

    @property
    def formulas(self):
        return [text for text in self.found if re.search(r"\$.+\$|\\[(\[]|\\begin{", text)]


NAMES = ["$x^2$", r"\(x\)", "$$y$$", r"\[z\]", r"\begin{align}q\end{align}", r"price \$5 to $6"]


def test_a_name_that_reads_like_a_formula_stays_a_name():
    table = Table([Column("class"), Column("$h$")], [[name, "$q$"] for name in NAMES])
    frame = pd.DataFrame({"$h$": NAMES})
    stream = nbformat.v4.new_output("stream", text="\n".join(NAMES))
    shown = {"text/markdown": table.markdown()}, {"text/html": table.html()}, {"text/html": frame.to_html()}
    page = page_of(stream, *(nbformat.v4.new_output("display_data", data) for data in shown))
    assert Texts(page).formulas == []
    words = Texts(page_of(nbformat.v4.new_output("display_data", shown[0]))).found
    assert all(name in "".join(words) for name in NAMES)


def page_of_text(text):
    return HTMLPage().from_notebook_node(nbformat.v4.new_notebook(cells=[nbformat.v4.new_markdown_cell(text)]))[0]


def test_a_formula_of_a_lesson_is_drawn_without_a_network():
    page = page_of_text("with $x^2$ and `$HOME`\n\n$$\\sum_i a_i$$")
    assert Texts(page).formulas == []
    assert page.count("<math ") == 2
    assert "math { font-size: 1.25em; }" in page  # an index has 10 pixels then
    assert re.search(r"max-width: 900px\) { .jp-InputPrompt, .jp-OutputPrompt { display: none !important; }", page)
    assert "<code>$HOME</code>" in page


def test_a_formula_that_is_not_known_stays_for_mathjax():
    page = page_of_text(r"with $\nosuchcommand x$ and more")
    assert len(Texts(page).formulas) == 1
    assert "mathjax" in asked_by(page)
    latex = nbformat.v4.new_output("display_data", {"text/latex": "$x$"})
    assert "mathjax" in asked_by(page_of(latex))


def asked_by(page):
    """What the scripts of a page are loaded from."""
    return " ".join(re.findall(r'<script[^>]* src="([^"]*)"', page)).lower()


def test_a_page_loads_no_script():
    widgets = {"application/vnd.jupyter.widget-state+json": {"state": {}, "version_major": 2, "version_minor": 0}}
    cells = [nbformat.v4.new_markdown_cell("with $x^2$"), nbformat.v4.new_code_cell("1 + 1")]
    notebook = nbformat.v4.new_notebook(cells=cells, metadata={"widgets": widgets})
    assert asked_by(HTMLPage().from_notebook_node(notebook)[0]) == ""
    for path in list_notebooks():
        assert asked_by(HTMLPage().from_filename(str(path))[0]) == "", path.name


def test_markup_without_a_text_stays():
    assert with_alt("<img src='a'>", None) == "<img src='a'>"
