"""The canvases of the explorers and the playground: each is one script and one style sheet, made of short files."""

from collections.abc import Iterable
from pathlib import Path

FOLDER = Path(__file__).with_name("attention_canvas")
SHARED = ("decode.js", "draw.js", "regions.js", "layout.js", "words.js")
HAND = ("pointer.js", "mount.js")
ONE_LINE = (*SHARED, "line.js")  # of explorers with one line of text for everything
ATTENTION_PARTS = ("attention_words.js", "attention.js")
RELATIONS = Path(__file__).with_name("relations_canvas")
RELATION_PARTS = ("relation_words.js", "matrices.js", "relations.js")
FORGETTING = Path(__file__).with_name("forgetting_canvas")
FORGETTING_PARTS = ("curves.js", "confusion.js", "strip.js", "forgetting_words.js", "forgetting.js")
FEATURES = Path(__file__).with_name("features_canvas")
FEATURE_PARTS = ("similarity.js", "feature_words.js", "feature_hand.js", "features.js")
WEIGHTS = Path(__file__).with_name("weight_canvas")
WEIGHT_PARTS = ("weight_chart.js", "weight_page.js")
PLAYGROUND = Path(__file__).with_name("playground_canvas")
PLAYGROUND_PARTS = (
    *("paint.js", "edits.js", "scene_view.js", "answer_view.js", "play_parts.js", "play_hand.js", "playground.js"),
    "play_widget.js",
)


def canvas_script(*ends: str) -> str:
    """The attention canvas as the text of one module, which defines `mount`, and what follows it.

    Args:
        *ends: Names of further files, such as "widget.js" for a notebook.
    """
    return _joined(FOLDER / name for name in (*SHARED, *ATTENTION_PARTS, *HAND, *ends))


def canvas_style() -> str:
    """The style sheet of the attention canvas."""
    return _joined([FOLDER / "canvas.css"])


def page_script() -> str:
    """All that a page can show, as the text of one module: the attention canvas, the confusion matrix, a weight."""
    weights = _joined(WEIGHTS / name for name in WEIGHT_PARTS)
    return "\n".join([canvas_script("table.js", "cells.js"), weights, _joined([FOLDER / "page.js"])])


def page_style() -> str:
    """The style sheet of a page."""
    return _joined([FOLDER / "canvas.css", WEIGHTS / "weights.css"])


def relations_script() -> str:
    """The relation canvas as the text of one module for a notebook."""
    own = [RELATIONS / name for name in RELATION_PARTS]
    before, after = ([FOLDER / name for name in names] for names in ((*SHARED, "table.js"), (*HAND, "widget.js")))
    return _joined([*before, *own, *after])


def relations_style() -> str:
    """The style sheet of the relation canvas."""
    return _joined([FOLDER / "canvas.css", RELATIONS / "relations.css"])


def forgetting_script() -> str:
    """The canvas of the forgetting explorer as the text of one module for a notebook."""
    own = [FORGETTING / name for name in FORGETTING_PARTS]
    return _joined([*(FOLDER / name for name in ONE_LINE), *own, FOLDER / "widget.js"])


def forgetting_style() -> str:
    """The style sheet of the forgetting explorer."""
    return _joined([FOLDER / "canvas.css", FORGETTING / "forgetting.css"])


def features_script() -> str:
    """The canvas of the feature explorer as the text of one module for a notebook."""
    own = [FEATURES / name for name in FEATURE_PARTS]
    return _joined([*(FOLDER / name for name in ONE_LINE), *own, FOLDER / "widget.js"])


def features_style() -> str:
    """The style sheet of the feature explorer."""
    return _joined([FOLDER / "canvas.css", FEATURES / "features.css"])


def playground_script() -> str:
    """The playground as the text of one module."""
    return _joined([*(FOLDER / name for name in SHARED), *(PLAYGROUND / name for name in PLAYGROUND_PARTS)])


def playground_style() -> str:
    """The style sheet of the playground."""
    return _joined([FOLDER / "canvas.css", PLAYGROUND / "playground.css"])


def _joined(paths: Iterable[Path]) -> str:
    return "\n".join(path.read_text(encoding="utf-8") for path in paths)
