"""Formulas of the lessons, from TeX to MathML, which browsers draw by themselves: without a network.

It knows the part of TeX that the lessons use, and refuses the rest by name. MathML: W3C, MathML Core.
"""

import html
import re
from collections.abc import Callable

from satkit.utils.errors import UsageError

FORMULA = re.compile(r"\$\$(.+?)\$\$|(?<![\\$])\$(?![\s$])([^$\n]+?(?:\n[^$\n]+?)?)(?<![\s\\])\$(?!\d)", re.DOTALL)
TOKEN = re.compile(r"\\(?:text|mathrm)\{[^}]*\}|\\(?:begin|end)\{\w+\}|\\[A-Za-z]+|\\.|\d+(?:\.\d+)?|\S|\s+")
GREEK = {"eta": "η", "lambda": "λ", "mu": "μ", "pi": "π", "rho": "ρ", "ell": "ℓ", "partial": "∂"}
SIGNS = {
    "in": "∈", "top": "⊤", "ne": "≠", "cdot": "⋅", "le": "≤", "ge": "≥", "dots": "…", "times": "×", "cup": "∪",
    "{": "{", "}": "}",
}  # fmt: skip
FENCES = {"lVert": "∥", "rVert": "∥", "lvert": "|", "rvert": "|"}
SIZES = ("left", "right", "bigl", "bigr", "Bigl", "Bigr")
WORDS = ("log", "ln", "exp", "cos", "arg")
LIMITS = {"sum": "<mo>∑</mo>", "max": "<mi>max</mi>", "min": "<mi>min</mi>"}
SPACES = {",": 0.17, ";": 0.28, "!": -0.17, " ": 0.25, "quad": 1, "qquad": 2}
ACCENTS = {"tilde": "~", "hat": "^", "bar": "¯"}


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
        UsageError: For a command that is not known here.
    """
    tex = " ".join(tex.split())
    kind = "block" if display else "inline"
    body = _Reader(tex).row()
    return f'<math display="{kind}" alttext="{html.escape(tex)}"><mrow>{body}</mrow></math>'


class _Reader:
    """Reads a formula from left to right."""

    def __init__(self, tex: str):
        self.tex, self.tokens = tex, [token for token in TOKEN.findall(tex) if not token.isspace()]

    def row(self, *ends: str) -> str:
        """Everything to one of the ends, which is taken as well; to the last token without any."""
        parts = []
        while self.tokens:
            if self.tokens[0] in ends:
                self.tokens.pop(0)
                break
            parts.append(self.scripted())
        return "".join(parts)

    def scripted(self) -> str:
        """An atom with what stands below and above it."""
        limits = self.tokens[0].lstrip("\\") in LIMITS
        base, scripts = self.atom(), {}
        while self.tokens and self.tokens[0] in ("_", "^"):
            place = self.tokens.pop(0)
            scripts[place] = self.argument()
        below, above = scripts.get("_"), scripts.get("^")
        names = ("munder", "mover", "munderover") if limits else ("msub", "msup", "msubsup")
        if below and above:
            return f"<{names[2]}>{base}{below}{above}</{names[2]}>"
        name = names[0] if below else names[1]
        return f"<{name}>{base}{below or above}</{name}>" if scripts else base

    def argument(self) -> str:
        """One token or group; of a number its first digit, as in TeX."""
        token = self.tokens[0]
        if token[0].isdigit() and len(token) > 1:
            self.tokens[:1] = [token[0], token[1:]]
        return self.atom()

    def atom(self) -> str:
        token = self.tokens.pop(0)
        if token == "{":
            return f"<mrow>{self.row('}')}</mrow>"
        if not token.startswith("\\"):
            return _plain(token)
        if token.startswith(("\\text{", "\\mathrm{")):
            name, _, words = token[1:-1].partition("{")
            words = html.escape(words)
            return f'<mi mathvariant="normal">{words}</mi>' if name == "mathrm" else f"<mtext>{words}</mtext>"
        if token == "\\begin{cases}":
            return f'<mrow><mo stretchy="true">{{</mo>{self.table()}</mrow>'
        return self.command(token[1:])

    def command(self, name: str) -> str:
        if name in ("frac", "tfrac"):
            return f"<mfrac>{self.argument()}{self.argument()}</mfrac>"
        if name == "sqrt":
            return f"<msqrt>{self.argument()}</msqrt>"
        if name in ACCENTS:
            return f'<mover accent="true">{self.argument()}<mo>{ACCENTS[name]}</mo></mover>'
        if name in SIZES:
            token = self.tokens.pop(0).lstrip("\\")
            return f'<mo stretchy="true">{html.escape(FENCES.get(token, token))}</mo>'
        if name in SPACES:
            return f'<mspace width="{SPACES[name]}em"></mspace>'
        if name in WORDS:
            return f'<mi mathvariant="normal">{name}</mi><mspace width="0.17em"></mspace>'
        for table, element in ((LIMITS, "{}"), (GREEK, "<mi>{}</mi>"), (SIGNS, "<mo>{}</mo>"), (FENCES, "<mo>{}</mo>")):
            if name in table:
                return element.format(table[name])
        raise UsageError(f"Slides know no \\{name}, in the formula {self.tex}. Write it in another way.")

    def table(self) -> str:
        """The lines of cases, two columns each."""
        rows: list[list[str]] = [[""]]
        while self.tokens and self.tokens[0] != "\\end{cases}":
            if self.tokens[0] == "\\\\":
                rows.append([""])
                self.tokens.pop(0)
            elif self.tokens[0] == "&":
                rows[-1].append("")
                self.tokens.pop(0)
            else:
                rows[-1][-1] += self.scripted()
        self.tokens[:1] = []
        lines = ("".join(f"<mtd>{cell}</mtd>" for cell in row) for row in rows)
        return f'<mtable columnalign="left">{"".join(f"<mtr>{line}</mtr>" for line in lines)}</mtable>'


def _plain(token: str) -> str:
    if token[0].isdigit():
        return f"<mn>{token}</mn>"
    if token.isalpha():
        return f"<mi>{token}</mi>"
    sign = {"-": "\N{MINUS SIGN}", "*": "\N{ASTERISK OPERATOR}"}.get(token, token)
    stretchy = ' stretchy="false"' if sign in "()[]|" else ""
    return f"<mo{stretchy}>{html.escape(sign)}</mo>"
