"""The attention canvas as one script and one style sheet, put together from the files of `attention_canvas`."""

from pathlib import Path

FOLDER = Path(__file__).with_name("attention_canvas")
PARTS = ("decode.js", "draw.js", "layout.js", "words.js", "pointer.js", "mount.js")


def canvas_script(*ends: str) -> str:
    """The canvas as the text of one module, which defines `mount`, and what follows it.

    Args:
        *ends: Names of further files: "widget.js" for a notebook, "page.js" for a page.
    """
    return "\n".join((FOLDER / name).read_text(encoding="utf-8") for name in (*PARTS, *ends))


def canvas_style() -> str:
    """The style sheet of the canvas."""
    return (FOLDER / "canvas.css").read_text(encoding="utf-8")
