"""The attention canvas and the playground, each as one script and one style sheet, put together from short files."""

from collections.abc import Iterable
from pathlib import Path

FOLDER = Path(__file__).with_name("attention_canvas")
SHARED = ("decode.js", "draw.js", "layout.js", "words.js")
PARTS = (*SHARED, "pointer.js", "mount.js")
PLAYGROUND = Path(__file__).with_name("playground_canvas")
PLAYGROUND_PARTS = (
    *("paint.js", "edits.js", "scene_view.js", "answer_view.js", "play_parts.js", "play_hand.js", "playground.js"),
    "play_widget.js",
)


def canvas_script(*ends: str) -> str:
    """The canvas as the text of one module, which defines `mount`, and what follows it.

    Args:
        *ends: Names of further files: "widget.js" for a notebook, "page.js" for a page.
    """
    return _joined(FOLDER / name for name in (*PARTS, *ends))


def canvas_style() -> str:
    """The style sheet of the canvas."""
    return _joined([FOLDER / "canvas.css"])


def playground_script() -> str:
    """The playground as the text of one module."""
    return _joined([*(FOLDER / name for name in SHARED), *(PLAYGROUND / name for name in PLAYGROUND_PARTS)])


def playground_style() -> str:
    """The style sheet of the playground."""
    return _joined([FOLDER / "canvas.css", PLAYGROUND / "playground.css"])


def _joined(paths: Iterable[Path]) -> str:
    return "\n".join(path.read_text(encoding="utf-8") for path in paths)
