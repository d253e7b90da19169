"""Slides hold a lesson's prose, formulas and pictures in one file, and need nothing else."""

import re

import nbformat
import pytest
from notebook_files import PYTHON3

from satkit.notebooks.finding import list_notebooks, number_of
from satkit.notebooks.slides import Slide, export_slides, page, slides
from satkit.utils.assets import asset
from satkit.utils.errors import UsageError
from satkit.utils.files import read_json

PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
ALT = {"image/png": {"alt": "a map of the bars, bright on both"}}


def markdown(text):
    return nbformat.v4.new_markdown_cell(text)


def code(source, *tags, drawn=False):
    shown = [nbformat.v4.new_output("display_data", {"image/png": PIXEL}, metadata=ALT)] if drawn else []
    return nbformat.v4.new_code_cell(source, metadata={"tags": list(tags)}, outputs=shown)


LESSON = {
    "cells": [
        markdown("# 99 · A lesson\n\n**What it is about.**"),
        code("seed: int = 0", "parameters"),
        markdown("## First\n\nLook at $A$. **Guess:** what is there?"),
        code("draw()", drawn=True),
        markdown("Two bars. See [words](glossary.md)."),
        markdown("## Second\n\nNow you."),
        code("x = 1", "teach"),
        code("check.x(globals())", "check"),
        markdown(
            "Done.\n\n**Questions**\n\n1. Why?\n   <details><summary>Answer</summary>So.</details>\n\n**Exercises** — x"
        ),
    ]
}


def test_a_slide_is_a_piece_of_prose_with_what_follows_under_the_heading_of_its_section():
    found = list(slides(LESSON))
    assert [each.heading for each in found] == [
        "99 · A lesson", "First", "First", "Second", "Second", "Questions", "Exercises",
    ]  # fmt: skip
    assert [["".join(cell["source"]) for cell in each.cells] for each in found[1:4]] == [["draw()"], [], ["x = 1"]]


def test_the_picture_stays_while_it_is_spoken_of():
    found = list(slides(LESSON))
    assert [each.seen is not None for each in found] == [False, False, True, False, False, False, False]


@pytest.fixture(scope="module")
def shown(tmp_path_factory):
    """The page of the made-up lesson."""
    folder = tmp_path_factory.mktemp("gallery") / "gallery"
    folder.mkdir()
    notebook = nbformat.v4.new_notebook(cells=LESSON["cells"], metadata=PYTHON3)
    nbformat.write(notebook, str(folder / "99.ipynb"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("satkit.notebooks.slides.asset", lambda name: folder)
        return page("99")


def test_the_page_needs_no_network_and_no_other_file(shown):
    assert not re.findall(r"""(?:src|href)=["'](?!data:|#)""", shown)
    assert 'http-equiv="Content-Security-Policy" content="default-src \'none\'' in shown
    assert "{{" not in shown


def test_formulas_pictures_and_their_texts_are_there(shown):
    assert '<math alttext="A" ' in shown
    assert shown.count('alt="a map of the bars, bright on both"') == 2  # drawn, and spoken of
    assert "See words." in shown


def test_what_was_to_be_guessed_comes_later_and_what_teaches_is_open(shown):
    sections = re.findall(r"<section.*?</section>", shown, re.DOTALL)
    assert [("below later" in each) for each in sections] == [False, True, False, False, False, False, False]
    assert '<details class="code">' in sections[1]
    assert '<details class="code">' not in sections[3]
    assert "check.x" not in shown
    assert "seed" not in shown
    assert "<details><summary>Answer</summary>" in sections[5]


def test_slides_are_written_once_and_for_lessons_that_exist(tmp_path, monkeypatch):
    monkeypatch.setattr("satkit.notebooks.slides.page", lambda name: f"page of {name}")
    for number, name in (("05", "05_sats_loss"), ("05b", "05b_loss_gradient")):
        (path,) = export_slides(tmp_path, [number])
        assert (path.name, path.read_text(encoding="utf-8")) == (f"{name}.html", f"page of {name}")
    with pytest.raises(UsageError, match="Nothing is overwritten"):
        export_slides(tmp_path, ["05"])
    with pytest.raises(UsageError, match="notebook"):
        export_slides(tmp_path, ["99"])


def test_every_lesson_has_slides_that_are_not_empty():
    for path in list_notebooks():
        found = list(slides(read_json(asset("gallery") / path.name)))
        assert len(found) > 8
        assert all(isinstance(each, Slide) and each.heading for each in found)
        assert found[0].heading.startswith(f"{number_of(path)} · ")


@pytest.mark.browser
def test_the_keys_go_through_the_slides_and_nothing_is_asked_of_the_network(chromium, shown, tmp_path):
    path = tmp_path / "slides.html"
    path.write_text(shown, encoding="utf-8")
    tab, asked, said = chromium.new_page(viewport={"width": 1280, "height": 720}), [], []
    tab.on("request", lambda request: asked.append(request.url))
    tab.on("console", lambda message: said.append(message.text))
    tab.goto(path.as_uri())
    assert tab.inner_text("#place") == "1 of 7"
    tab.keyboard.press("ArrowRight")
    assert tab.inner_text("#place") == "2 of 7"
    assert tab.evaluate("getComputedStyle(document.querySelector('.now .later')).visibility") == "hidden"
    tab.keyboard.press("Space")
    assert tab.inner_text("#place") == "2 of 7"
    assert tab.evaluate("getComputedStyle(document.querySelector('.now .later')).visibility") == "visible"
    tab.keyboard.press("PageDown")
    assert tab.inner_text("#place") == "3 of 7"
    tab.keyboard.press("End")
    tab.keyboard.press("ArrowLeft")
    assert tab.inner_text("#place") == "6 of 7"
    assert tab.evaluate("document.querySelector('.now').scrollHeight <= document.querySelector('.now').clientHeight")
    assert [url for url in asked if not url.startswith(("file:", "data:"))] == []
    assert said == []
    tab.close()
