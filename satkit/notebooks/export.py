"""Copies of the notebooks to work in: all of them with their solutions, or blank ones for coding along."""

import json
import re
from pathlib import Path

from satkit.notebooks.blank import blank_exercises, blank_lesson
from satkit.notebooks.finding import list_notebooks, list_solutions, notebook_folder
from satkit.utils.disk_places import expanded
from satkit.utils.errors import UsageError
from satkit.utils.files import read_json, replacing

EXERCISES = "exercises"  # the folder of the exercises, beside blank lessons
INSIDE = re.compile(r"\[([^\]]+)\]\(\.\./[^)]+\)")  # links of a page that lead nowhere outside the project
SOLVED = re.compile(r" — worked out in \[[^\]]+\]\(solutions/[^)]+\)")


def export(folder: str | Path, blank: bool = False) -> list[Path]:
    """Copy the lessons, their solutions and the pages that they link into a folder; gives the files written.

    Args:
        folder: Made if need be.
        blank: Empty the cells that teach, to be written while listening or reading, and keep everything else. In place
            of the solutions there are exercises, those with a check cell that says whether they are solved.

    Raises:
        UsageError: If a file of that name is there already, since it may hold work of the user.
    """
    source = notebook_folder()
    copies = {Path(page.name): INSIDE.sub(r"\1", page.read_text(encoding="utf-8")) for page in source.glob("*.md")}
    copies |= _blank_copies() if blank else _whole_copies(source)
    return written(expanded(folder), dict(sorted(copies.items())))


def written(folder: Path, texts: dict[Path, str]) -> list[Path]:
    """Write texts into a folder, by their paths in it; gives the files.

    Raises:
        UsageError: If one of them is there already; then none is written.
    """
    there = [folder / path for path in texts if (folder / path).exists()]
    if there:
        raise UsageError(f"Nothing is overwritten, and {there[0]} is there already. Choose another folder.")
    for path, text in texts.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        with replacing(folder / path) as temporary:
            temporary.write_text(text, encoding="utf-8")
    return [folder / path for path in texts]


def _whole_copies(source: Path) -> dict[Path, str]:
    paths = [*list_notebooks(), *list_solutions()]
    return {path.relative_to(source): _text(without_outputs(read_json(path))) for path in paths}


def _blank_copies() -> dict[Path, str]:
    exercises = {path.name: blank_exercises(without_outputs(read_json(path))) for path in list_solutions()}
    copies = {Path(EXERCISES) / name: _text(each) for name, each in exercises.items() if each}
    for path in list_notebooks():
        name = f"{EXERCISES}/{path.stem}"
        link = f" — with check cells in [`{name}`]({name}.ipynb)" if exercises[path.name] else ""
        copies[Path(path.name)] = _text(_relinked(blank_lesson(without_outputs(read_json(path))), link))
    return copies


def without_outputs(notebook: dict) -> dict:
    """A notebook, as JSON, as if it had never been run."""
    cells = [
        {**cell, "outputs": [], "execution_count": None} if cell["cell_type"] == "code" else cell
        for cell in notebook["cells"]
    ]
    return {**notebook, "cells": cells}


def _relinked(notebook: dict, link: str) -> dict:
    """A lesson whose exercises lead to a link in place of their solutions."""
    cells = []
    for cell in notebook["cells"]:
        if cell["cell_type"] == "markdown":
            text = SOLVED.sub(lambda _: link, "".join(cell["source"]))
            cell = {**cell, "source": text.splitlines(keepends=True)}
        cells.append(cell)
    return {**notebook, "cells": cells}


def _text(notebook: dict) -> str:
    return json.dumps(notebook, indent=1, ensure_ascii=False) + "\n"
