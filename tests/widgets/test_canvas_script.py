"""The canvas is one script of short files, which asks nothing of the world and runs nothing that it is given."""

import re

import pytest

from satkit.widgets.canvas_script import FOLDER, PARTS, canvas_script, canvas_style

FILES = sorted(FOLDER.glob("*.js"))


def test_every_file_is_part_of_a_script():
    assert {path.name for path in FILES} == {*PARTS, "widget.js", "page.js", "cells.js"}


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_a_file_is_short_says_what_it_is_for_and_evaluates_nothing(path):
    text = path.read_text(encoding="utf-8")
    assert len(text.splitlines()) <= 350
    assert text.startswith("// ")
    assert not re.search(
        r"https?:|fetch\(|XMLHttp|WebSocket|import\b|eval\(|new Function|innerHTML|document\.write", text
    )


def test_no_two_parts_define_the_same_name():
    names = re.findall(r"^(?:async )?function (\w+)|^const (\w+) =", canvas_script("cells.js", "page.js"), re.MULTILINE)
    flat = ["".join(each) for each in names]
    assert sorted(flat) == sorted(set(flat))
    assert "mount" in flat


def test_the_script_of_a_notebook_ends_in_what_anywidget_asks_for_and_that_of_a_page_exports_nothing():
    assert canvas_script("widget.js").rstrip().endswith("export default { render };")
    assert "export" not in canvas_script("cells.js", "page.js")


def test_jupyterlab_is_kept_from_taking_the_keys():
    assert 'dataset.lmSuppressShortcuts = "true"' in canvas_script()  # else it deletes cells on "dd"


def test_no_text_is_smaller_than_nine_pixels():
    sizes = [float(size) for size in re.findall(r"(?:font-size:|font:) (\d+)px", canvas_style())]
    assert min(sizes) >= 9
    assert "url(" not in canvas_style()
