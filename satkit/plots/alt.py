"""Alt text of a figure, made of what is written on it: titles, axis labels, legend entries.

Somebody who cannot see the figure learns at least what it is about. `register_alt_text` has IPython add such a text to
every figure that a notebook shows.
"""

import sys

from matplotlib.axes import Axes
from matplotlib.figure import Figure

LONGEST = 400  # characters of an alt text
COLOUR_BAR = "<colorbar>"  # matplotlib's label of the axes of a colour bar


def alt_text(figure: Figure) -> str:
    """What is written on a figure, as one sentence of at most `LONGEST` characters.

    The title of the figure, the titles of its panels, the labels of its axes and the entries of its legends, each text
    once and in the order of the panels. Numbers at the axes are left out.
    """
    panels = [ax for ax in figure.axes if ax.get_label() != COLOUR_BAR and ax.get_visible()]
    kind = "Figure" if len(panels) < 2 else f"Figure of {len(panels)} panels"
    title = _plain(figure.get_suptitle())
    parts = [f"{kind}: {title}" if title else kind]
    for name, texts in (
        ("titles", [_title(ax) for ax in panels]),
        ("horizontal axis", [*(ax.get_xlabel() for ax in panels), figure.get_supxlabel()]),
        ("vertical axis", [*(ax.get_ylabel() for ax in panels), figure.get_supylabel()]),
        ("colours", [ax.get_ylabel() or ax.get_xlabel() for ax in figure.axes if ax.get_label() == COLOUR_BAR]),
        ("legend", _legends(figure, panels)),
    ):
        once = list(dict.fromkeys(filter(None, map(_plain, texts))))
        parts += [f"{name}: {', '.join(once)}"] if once else []
    text = "; ".join(parts) + "."
    return text if len(text) <= LONGEST else text[: LONGEST - 1].rstrip() + "…"


def register_alt_text() -> bool:
    """Have the running IPython add an alt text to every figure that it shows; False where none is running.

    It stands in the output's metadata under "image/png" as "alt", where nbconvert looks for it.
    """
    shell = sys.modules["IPython"].get_ipython() if "IPython" in sys.modules else None
    if shell is None:
        return False
    # Only metadata comes from here; the picture itself stays with the formatter of matplotlib's backend.
    shell.display_formatter.mimebundle_formatter.for_type(
        Figure, lambda figure: ({}, {"image/png": {"alt": alt_text(figure)}})
    )
    return True


def _title(ax: Axes) -> str:
    return next(filter(None, (ax.get_title(loc) for loc in ("center", "left", "right"))), "")


def _legends(figure: Figure, panels: list[Axes]) -> list[str]:
    legends = [*figure.legends, *filter(None, (ax.get_legend() for ax in panels))]
    return [text.get_text() for legend in legends for text in legend.get_texts()]


def _plain(text: str) -> str:
    """A text in one line, without the point at its end."""
    return " ".join(text.split()).rstrip(".:,")
