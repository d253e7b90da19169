"""How text is drawn: letter by letter, never as a formula, in a font that has its characters where there is one.

Names of classes and images are the user's. Matplotlib reads what stands between two dollar signs as mathematics, and
draws a box for a character that its font lacks.
"""

import warnings
from collections.abc import Iterable

import matplotlib as mpl
from matplotlib import font_manager
from matplotlib.font_manager import FontProperties
from matplotlib.ft2font import FT2Font
from matplotlib.scale import LogScale, register_scale
from matplotlib.ticker import LogFormatter

# Fonts with the characters of many scripts, which are used where they are installed and the usual one has none.
FALLBACKS = (
    *("Noto Sans CJK JP", "Noto Sans CJK SC", "Noto Sans JP", "Noto Sans SC", "WenQuanYi Zen Hei", "IPAGothic"),
    *("Hiragino Sans", "PingFang SC", "Microsoft YaHei", "Yu Gothic", "Malgun Gothic", "Apple SD Gothic Neo"),
    *("Arial Unicode MS", "Noto Sans Arabic", "Noto Sans Hebrew", "Noto Sans Devanagari", "Noto Sans Thai"),
)
USUAL = "DejaVu Sans"  # comes with matplotlib


class PlainLogFormatter(LogFormatter):
    """Ticks as numbers: 0.001, 1, 1000."""

    def __call__(self, x: float, pos: int | None = None) -> str:
        """The text of a tick; empty where it shall have none."""
        return f"{x:g}" if super().__call__(x, pos) else ""


class PlainLogScale(LogScale):
    """Matplotlib's logarithmic scale with its ticks as numbers, and not as formulas."""

    def __init__(self, *args, **kwargs):  # with an axis before matplotlib 3.11, and without since
        super().__init__(*args, **kwargs)

    def set_default_locators_and_formatters(self, axis) -> None:
        """What the axis is given when it becomes logarithmic."""
        super().set_default_locators_and_formatters(axis)
        axis.set_major_formatter(PlainLogFormatter(self.base))
        axis.set_minor_formatter(PlainLogFormatter(self.base, labelOnlyBase=self.subs is not None))


def use_plain_text() -> None:
    """Have matplotlib draw every text as it is, for all figures that are made afterwards."""
    register_scale(PlainLogScale)
    installed = {font.name for font in font_manager.fontManager.ttflist}
    families = [USUAL, *(name for name in FALLBACKS if name in installed)]
    mpl.rcParams.update({"text.parse_math": False, "font.family": families})
    warnings.filterwarnings("ignore", message=r"Glyph \d+ .* missing from", category=UserWarning)  # see `undrawable`


def undrawable(texts: Iterable[str]) -> str:
    """Which texts hold characters that no font in use can draw, in one sentence; "" if there are none."""
    drawable = _characters()
    some = [text for text in texts if not set(text) <= drawable]
    if not some:
        return ""
    missing = "".join(dict.fromkeys(character for text in some for character in text if character not in drawable))
    return (
        f"No font here has the characters {missing[:20]} of {some[0]!r}"
        + (f" and {len(some) - 1} other names" if len(some) > 1 else "")
        + ": figures show a box instead. Install a font that has them, such as Noto Sans CJK."
    )


def _characters() -> set[str]:
    """Every character that can be drawn."""
    found = set()
    for family in mpl.rcParams["font.family"]:
        found |= {chr(code) for code in FT2Font(font_manager.findfont(FontProperties(family=[family]))).get_charmap()}
    return found
