"""Alt text for the pictures of an executed notebook: the sentence below a figure that says what to see in it.

It is kept in the metadata of the output, {"image/png": {"alt": ...}}, where nbconvert and `satkit.notebooks.html_page`
look for it. Interactive figures describe themselves, and their text is taken as it is.
"""

import re
from collections.abc import Iterable, Iterator

PICTURES = ("image/png", "image/jpeg")
NO_PROSE = ("#", "-", "|", ">", "<", "```", "**", "1.")  # a paragraph that begins so describes no figure
ENOUGH = 60  # characters that say something; shorter sentences get the next one as well
SENTENCE = re.compile(r".+?(?:[.!?][)\"”]?(?=\s)|$)")


def add_alt_texts(notebook: dict) -> None:
    """Give every picture of an executed notebook, as JSON, its alt text; a second call changes nothing.

    In this order: what an interactive figure says of itself; the first sentence of the Markdown cell that follows; the
    text that the figure was shown with (see `satkit.plots.alt`); the sentence before it.
    """
    cells = notebook["cells"]
    for place, cell in enumerate(cells):
        shown = list(picture_outputs([cell]))
        below, above = _following(cells[place + 1 :]), _before(cells[:place])
        for number, (output, kind) in enumerate(shown, start=1):
            counted = f"Figure {number} of {len(shown)}: " if len(shown) > 1 else ""
            metadata = output.setdefault("metadata", {}).setdefault(kind, {})
            texts = (_own(output), below and counted + below, metadata.get("alt"), above and counted + above)
            metadata["alt"] = next(filter(None, texts), "")


def picture_outputs(cells: Iterable[dict]) -> Iterator[tuple[dict, str]]:
    """Every output with a picture, and the picture's type."""
    for cell in cells:
        for output in cell.get("outputs", []):
            kind = next((kind for kind in PICTURES if kind in output.get("data", {})), None)
            if kind:
                yield output, kind


def opening(markdown: str) -> str:
    """How a paragraph begins, as plain text: its first sentence, and the next ones while there are too few characters.

    A sentence that ends in a colon speaks of something else and is left out; so are headings, lists and tables.
    """
    if markdown.lstrip().startswith(NO_PROSE):
        return ""
    text = re.sub(r"!?\[([^\]]*)\]\([^)]*\)|<[^>]+>", r"\1", markdown)
    text = " ".join(re.sub(r"[*`$]+", "", text).split())
    chosen = ""
    for sentence in SENTENCE.findall(text):
        if sentence.endswith(":") or len(chosen) >= ENOUGH:
            break
        chosen = f"{chosen} {sentence.strip()}".strip()
    return chosen


def _following(cells: list[dict]) -> str:
    """The beginning of the next Markdown cell, if no other picture comes before it."""
    for cell in cells:
        if cell["cell_type"] == "markdown":
            return opening(_paragraphs(cell)[0])
        if list(picture_outputs([cell])):
            break
    return ""


def _before(cells: list[dict]) -> str:
    """The beginning of the last paragraph of prose before."""
    prose = (text for cell in reversed(cells) if cell["cell_type"] == "markdown" for text in _paragraphs(cell)[::-1])
    return next(filter(None, map(opening, prose)), "")


def _paragraphs(cell: dict) -> list[str]:
    return "".join(cell["source"]).strip().split("\n\n")


def _own(output: dict) -> str:
    """The text of an output that is more than the name of its type, as "<Figure size ...>" is."""
    text = "".join(output["data"].get("text/plain", ""))
    return "" if text.startswith(("<", "[", "Figure(")) else text
