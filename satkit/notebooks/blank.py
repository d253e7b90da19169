"""Notebooks to code along: the cells that teach are empty, all others are there, and a check stands below each.

A lesson marks its cells with tags: `teach` for those that a reader is to write, and `check` for the one right below,
which says whether they are right (see `satkit.notebooks.checks`). All other cells are kept, so whoever writes the
marked ones has the whole lesson. The exercises are made of the solutions: there a reader writes everything, so only
what an exercise starts from is kept (all before the first one, and cells tagged `given`), beside the checks.
"""

import ast
import importlib
import re
import textwrap
from collections.abc import Iterable

from satkit.notebooks.finding import NotebookError

TEACH, CHECK, GIVEN = "teach", "check", "given"
WIDTH = 88  # characters of a comment
YOURS = "# Your code."
ASKED = "# Your turn. The check below asks for:"
MODULE = re.compile(r"^from satkit\.notebooks\.checks import (\w+) as check$", re.MULTILINE)
CALL = re.compile(r"^check\.(\w+)\(globals\(\)\)$", re.MULTILINE)
QUOTED = re.compile(r"^>.*$\n?", re.MULTILINE)
PROMISE = re.compile(r"^\*\*[^*]+\*\*\n\n", re.MULTILINE)


def tags(cell: dict) -> set[str]:
    """The tags of a cell."""
    return set(cell["metadata"].get("tags", []))


def blank_lesson(notebook: dict) -> dict:
    """A lesson, as JSON, whose cells that teach hold their imports and a comment that names what they must define.

    Raises:
        NotebookError: If such a cell has no check below it.
    """
    wanted = _wanted(notebook["cells"])
    cells = [blanked(cell, wanted[cell["id"]]) if TEACH in tags(cell) else cell for cell in notebook["cells"]]
    return {**notebook, "cells": cells}


def blank_exercises(notebook: dict) -> dict | None:
    """The exercises of a lesson, made of its solutions as JSON; None if no exercise has a check.

    Answers, results and prose after an exercise are left out; an exercise without a check gets one empty cell.
    """
    wanted = _wanted(notebook["cells"])
    if not wanted:
        return None
    cells: list[dict] = []
    left_out: list[dict] = []  # code whose imports the next empty cell gets
    for heading, section in _sections(notebook["cells"]):
        if heading.startswith("## Questions"):
            left_out += [cell for cell in section if cell["cell_type"] == "code"]
        elif heading.startswith("## Exercise"):
            cells += _exercise(heading, section, wanted, left_out)
        else:
            cells += section if heading else _titled(section)
    return {**notebook, "cells": cells}


def _sections(cells: list[dict]) -> list[tuple[str, list[dict]]]:
    """Cells under their headings, Markdown cells divided where a heading stands; the title comes first, under ""."""
    sections: list[tuple[str, list[dict]]] = [("", [])]
    for cell in cells:
        texts = re.split(r"^(?=## )", _text(cell), flags=re.MULTILINE) if cell["cell_type"] == "markdown" else [""]
        for number, text in enumerate(texts):
            if text.startswith("## "):
                sections.append((text.split("\n")[0], []))
            if cell["cell_type"] == "code":
                sections[-1][1].append(cell)
            elif text.strip():
                sections[-1][1].append({**cell, "id": f"{cell['id']}-{number}", "source": _lines(text.strip())})
    return sections


def _titled(section: list[dict]) -> list[dict]:
    title, *rest = section
    text = PROMISE.sub("", _text(title).replace(": solutions", ": exercises"), count=1)
    return [{**title, "source": _lines(text)}, *rest]


def _exercise(heading: str, section: list[dict], wanted: dict, left_out: list[dict]) -> list[dict]:
    """The words of an exercise, what is given, an empty cell and the check; `left_out` is read and added to."""
    first, code = section[0], [cell for cell in section if cell["cell_type"] == "code"]
    words = "".join(QUOTED.findall("\n".join(_text(cell) for cell in section if cell["cell_type"] == "markdown")))
    kept = [{**first, "source": _lines(f"{heading}\n\n{words.strip()}")}]
    for cell in code:
        if TEACH in tags(cell):
            kept.append(blanked(cell, wanted[cell["id"]], left_out))
            left_out.clear()
        else:
            (kept if tags(cell) & {CHECK, GIVEN} else left_out).append(cell)
    if not any(TEACH in tags(cell) for cell in code):
        empty = {"cell_type": "code", "execution_count": None, "id": f"{first['id']}-yours", "metadata": {}}
        kept.append(blanked({**empty, "outputs": [], "source": []}, {}, left_out))
        left_out.clear()
    return kept


def blanked(cell: dict, wanted: dict[str, str], before: Iterable[dict] = ()) -> dict:
    """A cell with its imports, those of cells before it that were left out, and what is to be defined in it."""
    imports = list(dict.fromkeys(line for each in (*before, cell) for line in _imports(_text(each))))
    asked = [ASKED, *(line for each in wanted.items() for line in _comment(*each))] if wanted else [YOURS]
    return {**cell, "source": _lines("\n".join([*imports, *([""] if imports else []), *asked]))}


def _wanted(cells: list[dict]) -> dict[str, dict[str, str]]:
    """By the id of every cell that teaches: what the check below it asks for."""
    code = [cell for cell in cells if cell["cell_type"] == "code"]
    module = next(iter(MODULE.findall("\n".join(map(_text, code)))), "")
    found = {}
    for cell, below in zip(code, [*code[1:], None]):
        if TEACH in tags(cell):
            call = CALL.search(_text(below)) if below and CHECK in tags(below) else None
            if not (module and call):
                raise NotebookError(f"Below the cell {cell['id']}, which is tagged {TEACH!r}, a check cell must stand.")
            checks = importlib.import_module(f"satkit.notebooks.checks.{module}")
            found[cell["id"]] = getattr(checks, call[1]).wants
    return found


def _comment(name: str, meaning: str) -> list[str]:
    return textwrap.wrap(f"{name}: {meaning}", WIDTH, initial_indent="# ", subsequent_indent="#     ")


def _imports(source: str) -> list[str]:
    nodes = [node for node in ast.parse(source, mode="exec").body if isinstance(node, ast.Import | ast.ImportFrom)]
    return [ast.get_source_segment(source, node) for node in nodes]


def _text(cell: dict) -> str:
    return "".join(cell["source"])


def _lines(text: str) -> list[str]:
    return text.splitlines(keepends=True)
