"""Copies of the notebooks to work in: all of them with their solutions, or blank ones for coding along."""

import ast
import json
import re
from pathlib import Path

from satkit.notebooks.finding import list_notebooks, list_solutions, notebook_folder
from satkit.notebooks.parameters import TAG
from satkit.utils.disk_places import expanded
from satkit.utils.errors import UsageError
from satkit.utils.files import read_json, replacing

KEPT = {TAG, "interactive"}  # tags of cells that a blank copy has in full
YOURS = "# your code"
INSIDE = re.compile(r"\[([^\]]+)\]\(\.\./[^)]+\)")  # links of a page that lead nowhere outside the project
SOLVED = re.compile(r" — worked out in \[[^\]]+\]\(solutions/[^)]+\)")


def export(folder: str | Path, blank: bool = False) -> list[Path]:
    """Copy the lessons, their solutions and the pages that they link into a folder; gives the files written.

    Args:
        folder: Made if need be.
        blank: Leave the solutions out, and the code of every cell but its imports, to be written while listening or
            reading. The parameters and what is for the mouse stay.

    Raises:
        UsageError: If a file of that name is there already, since it may hold work of the user.
    """
    folder = expanded(folder)
    source = notebook_folder()
    pages = sorted(source.glob("*.md"))
    paths = [*list_notebooks(), *pages, *([] if blank else list_solutions())]
    copies = {path: folder / path.relative_to(source) for path in paths}
    there = [str(copy) for copy in copies.values() if copy.exists()]
    if there:
        raise UsageError(f"Nothing is overwritten, and {there[0]} is there already. Choose another folder.")
    for path, copy in copies.items():
        copy.parent.mkdir(parents=True, exist_ok=True)
        text = INSIDE.sub(r"\1", path.read_text(encoding="utf-8")) if path in pages else _notebook(path, blank)
        with replacing(copy) as temporary:
            temporary.write_text(text, encoding="utf-8")
    return list(copies.values())


def _notebook(path: Path, blank: bool) -> str:
    notebook = read_json(path)
    for cell in notebook["cells"]:
        source = "".join(cell["source"])
        if cell["cell_type"] == "code":
            cell["outputs"], cell["execution_count"] = [], None
            if blank and not KEPT & set(cell["metadata"].get("tags", [])):
                source = blanked(source)
        elif blank:
            source = SOLVED.sub("", source)
        cell["source"] = source.splitlines(keepends=True)
    return json.dumps(notebook, indent=1, ensure_ascii=False) + "\n"


def blanked(source: str) -> str:
    """A cell's imports, and a line that says whose turn it is."""
    imports = [node for node in ast.parse(source).body if isinstance(node, ast.Import | ast.ImportFrom)]
    lines = [ast.get_source_segment(source, node) for node in imports]
    return "\n".join([*lines, *([""] if lines else []), YOURS])
