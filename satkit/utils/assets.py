"""Where satkit's own files are: inside an installed wheel, else beside the package in a source tree."""

import os
import sys
from collections.abc import Mapping
from pathlib import Path

PACKAGE = Path(__file__).resolve().parents[1]


def asset(name: str) -> Path:
    """A file or folder of `assets/`.

    Raises:
        FileNotFoundError: If there is no such file.
    """
    for folder in (PACKAGE / "_assets", PACKAGE.parent / "assets"):
        if (folder / name).exists():
            return folder / name
    raise FileNotFoundError(f"satkit's file {name} is missing. Install satkit again.")


def source_tree() -> Path | None:
    """The project's folder, if satkit runs from its source tree; None for an installed wheel."""
    return PACKAGE.parent if (PACKAGE.parent / "pyproject.toml").is_file() else None


def python_command(*words: str) -> list[str]:
    """A command line of this interpreter; no file of the working directory is taken for a module."""
    return [sys.executable, "-P", *words]


def source_path(inherited: Mapping[str, str]) -> dict[str, str]:
    """PYTHONPATH for another process, if satkit runs from its source tree: it must import that very satkit."""
    root = source_tree()
    if root is None:
        return {}
    return {"PYTHONPATH": os.pathsep.join([str(root), *filter(None, [inherited.get("PYTHONPATH")])])}
