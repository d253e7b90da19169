"""The canvas is one script of short files, which asks nothing of the world and runs nothing that it is given."""

import re

import pytest

from satkit.widgets.canvas_script import (
    ATTENTION_PARTS,
    FEATURE_PARTS,
    FEATURES,
    FOLDER,
    FORGETTING,
    FORGETTING_PARTS,
    HAND,
    ONE_LINE,
    PLAYGROUND,
    PLAYGROUND_PARTS,
    RELATION_PARTS,
    RELATIONS,
    WEIGHT_PARTS,
    WEIGHTS,
    canvas_script,
    canvas_style,
    features_script,
    features_style,
    forgetting_script,
    forgetting_style,
    page_script,
    page_style,
    playground_script,
    playground_style,
    relations_script,
    relations_style,
)

FOLDERS = (FOLDER, RELATIONS, FORGETTING, FEATURES, PLAYGROUND, WEIGHTS)
FILES = sorted(path for each in FOLDERS for path in each.glob("*.js"))
SCRIPTS = {
    "explorer": page_script(),
    "relations": relations_script(),
    "forgetting": forgetting_script(),
    "features": features_script(),
    "playground": playground_script(),
}
STYLES = {
    "explorer": canvas_style(),
    "page": page_style(),
    "relations": relations_style(),
    "forgetting": forgetting_style(),
    "features": features_style(),
    "playground": playground_style(),
}


def test_every_file_is_part_of_a_script():
    parts = {*ONE_LINE, *HAND, *ATTENTION_PARTS, *RELATION_PARTS, *FORGETTING_PARTS, *FEATURE_PARTS, *PLAYGROUND_PARTS}
    assert {path.name for path in FILES} == {*parts, *WEIGHT_PARTS, "widget.js", "table.js", "page.js", "cells.js"}


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_a_file_is_short_says_what_it_is_for_and_evaluates_nothing(path):
    text = path.read_text(encoding="utf-8")
    assert len(text.splitlines()) <= 350
    assert text.startswith("// ")
    assert not re.search(
        r"https?:|fetch\(|XMLHttp|WebSocket|import\b|eval\(|new Function|innerHTML|document\.write", text
    )


@pytest.mark.parametrize("name", SCRIPTS)
def test_no_two_parts_define_the_same_name(name):
    found = re.findall(r"^(?:async )?function (\w+)|^const (\w+) =", SCRIPTS[name], re.MULTILINE)
    flat = ["".join(each) for each in found]
    assert sorted(flat) == sorted(set(flat))
    assert ("openPlayground" if name == "playground" else "mount") in flat


@pytest.mark.parametrize(
    "script",
    [canvas_script("widget.js"), relations_script(), forgetting_script(), features_script(), playground_script()],
)
def test_the_script_of_a_notebook_ends_in_what_anywidget_asks_for(script):
    assert script.rstrip().endswith("export default { render };")


def test_that_of_a_page_exports_nothing():
    assert "export" not in SCRIPTS["explorer"]


@pytest.mark.parametrize("script", SCRIPTS.values(), ids=SCRIPTS)
def test_jupyterlab_is_kept_from_taking_the_keys(script):
    assert 'dataset.lmSuppressShortcuts = "true"' in script  # else it deletes cells on "dd"


@pytest.mark.parametrize("style", STYLES.values(), ids=STYLES)
def test_no_text_is_smaller_than_nine_pixels(style):
    sizes = [float(size) for size in re.findall(r"(?:font-size:|font:) (\d+)px", style)]
    assert min(sizes) >= 9
    assert "url(" not in style
