"""Formulas of the lessons, from TeX to MathML, which browsers draw by themselves: without a network.

latex2mathml converts them. It passes on what it does not know, and takes the text of a formula as it is; here the first
is refused, and nothing in a formula is markup.
"""

import html
import re
from collections.abc import Callable

from latex2mathml.converter import convert

from satkit.utils.errors import UsageError

FORMULA = re.compile(r"\$\$(.+?)\$\$|(?<![\\$])\$(?![\s$])([^$\n]+?(?:\n[^$\n]+?)?)(?<![\s\\])\$(?!\d)", re.DOTALL)


def with_formulas(text: str, rendered: Callable[[str], str]) -> str:
    """A text rendered to HTML, with its formulas as MathML.

    Args:
        text: Markdown. What stands in code is no formula.
        rendered: Makes HTML of Markdown; it never sees the formulas.
    """
    found: list[str] = []

    def kept(match: re.Match) -> str:
        found.append(mathml(match[1] or match[2], display=bool(match[1])))
        return f"FORMULA{len(found) - 1}X"

    parts = re.split(r"(```.*?```|`[^`]*`)", text, flags=re.DOTALL)
    parts[::2] = [FORMULA.sub(kept, part) for part in parts[::2]]
    return re.sub(r"FORMULA(\d+)X", lambda match: found[int(match[1])], rendered("".join(parts)))


def mathml(tex: str, display: bool = False) -> str:
    """A formula as a MathML element, which also carries its TeX for readers of screens.

    Raises:
        UsageError: For a command that is not known.
    """
    tex = " ".join(tex.split())
    known = tex.replace("<", r"\lt ").replace(">", r"\gt ").replace(r"\arg", r"\operatorname{arg}")
    found = convert(known, display="block" if display else "inline")
    if unknown := re.search(r"\\[A-Za-z]+", found):
        raise UsageError(f"Slides know no {unknown[0]}, in the formula {tex}. Write it in another way.")
    return found.replace("<math ", f'<math alttext="{html.escape(tex)}" ', 1)
