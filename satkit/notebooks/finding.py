"""The notebooks that come with satkit: where they are, and how one is found by its name."""

import json
import re
from pathlib import Path

from satkit.utils.assets import PACKAGE
from satkit.utils.errors import UsageError, shown, unknown

SOLUTIONS = "solutions/"


class NotebookError(ValueError):
    """A notebook that is missing, unreadable, or whose parameters cell does not keep to the form."""

    exit_code = 2


def notebook_folder() -> Path:
    """Where the lessons are: inside an installed wheel, else beside the package in a source tree.

    Raises:
        NotebookError: If there is no such folder.
    """
    places = [PACKAGE / "_notebooks", PACKAGE.parent / "notebooks"]
    for place in filter(Path.is_dir, places):
        return place
    raise NotebookError(f"The notebooks are in neither {places[0]} nor {places[1]}. Install satkit again.")


def list_notebooks() -> list[Path]:
    """The lessons in order, without the solutions."""
    return sorted(notebook_folder().glob("*.ipynb"))


def list_solutions() -> list[Path]:
    """The worked solutions in order; each has the name of its lesson."""
    return sorted((notebook_folder() / SOLUTIONS).glob("*.ipynb"))


def number_of(path: Path) -> str:
    """The number of a lesson, with its letter if it has one: "05", or "05b" for one that came between 05 and 06."""
    return path.stem.split("_")[0]


def promise(path: str | Path) -> str:
    """What a lesson promises in one sentence: the bold line of its first cell; "" if it has none."""
    cells = read_notebook(path)["cells"]
    found = re.search(r"^\*\*([^*]+)\*\*$", "".join(cells[0]["source"]) if cells else "", re.MULTILINE)
    return " ".join(found[1].split()) if found else ""


def find_notebook(name: str | Path) -> Path:
    """The notebook called `name`.

    Args:
        name: A path to an .ipynb file, or a lesson: its number ("07", "05b"), its name with or without .ipynb, or a
            part that only one name has. "solutions/" in front chooses among the solutions.

    Raises:
        UsageError: If no notebook, or more than one, answers to the name.
    """
    text = Path(name).as_posix() if isinstance(name, Path) else name
    if text.endswith(".ipynb") and Path(text).is_file():
        return Path(text).resolve()
    paths, prefix = list_notebooks(), ""
    if text.startswith(SOLUTIONS):
        paths, prefix = list_solutions(), SOLUTIONS
    known = {prefix + path.stem: path for path in paths}
    wanted = text.removesuffix(".ipynb").removeprefix(prefix)
    matches = [path for path in paths if path.stem == wanted]
    number = re.fullmatch(r"(\d+)([a-z]?)", wanted.lower())
    if number:
        matches = [path for path in paths if number_of(path) == number[1].zfill(2) + number[2]]
    elif wanted and not matches:
        matches = [path for path in paths if wanted.lower() in path.stem.lower()]
    if not matches and text.endswith(".ipynb") and Path(text).name != text and not prefix:
        raise UsageError(f"There is no file {text}. Give the path of a notebook, or the name of a lesson.")
    if not matches:
        raise unknown("notebook", text, known)
    if len(matches) > 1:
        names = ", ".join(path.stem for path in matches)
        raise UsageError(f"Several notebooks match {text!r}: {names}. Write more of the name.")
    return matches[0]


def read_notebook(path: str | Path) -> dict:
    """A notebook as plain JSON, its cells checked: importing nbformat takes over a second."""
    try:
        notebook = json.loads(Path(path).read_text(encoding="utf-8"))
        if notebook["nbformat"] != 4:
            raise NotebookError(f"{path} must have notebook format 4, it has {shown(notebook['nbformat'])}.")
        for cell in notebook["cells"]:
            "".join(cell["source"]), cell["metadata"].get("tags", [])
        return notebook
    except NotebookError:
        raise
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise NotebookError(f"{path} cannot be read as a notebook ({type(error).__name__}: {error}).") from error
