"""Where satkit's own data files are: inside an installed wheel, else beside the package in a source tree."""

from pathlib import Path


def asset(name: str) -> Path:
    """A file or folder of `assets/`.

    Raises:
        FileNotFoundError: If there is no such file.
    """
    package = Path(__file__).resolve().parent
    for folder in (package / "_assets", package.parent / "assets"):
        if (folder / name).exists():
            return folder / name
    raise FileNotFoundError(f"satkit's file {name} is missing. Install satkit again.")
