"""Where satkit's own files are: inside an installed wheel, else beside the package in a source tree."""

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
