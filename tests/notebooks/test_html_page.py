"""A page made of an executed notebook carries the alt text of every picture, also of interactive figures."""

import re

import nbformat
import pytest
from notebook_files import PYTHON3, write

from satkit.notebooks.html_page import HTMLPage, with_alt
from satkit.notebooks.runner import run_notebook

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


def test_markup_without_a_text_stays():
    assert with_alt("<img src='a'>", None) == "<img src='a'>"
