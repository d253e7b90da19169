"""Every lesson and every solution, by name; how tests run them: with the smallest preset, each with runs of its own."""

from pathlib import Path

from satkit.notebooks.finding import list_notebooks, list_solutions
from satkit.notebooks.parameters import parameters

NOTEBOOKS = {path.stem: path for path in list_notebooks()}
NOTEBOOKS |= {f"solutions/{path.stem}": path for path in list_solutions()}


def values(path: Path) -> dict:
    """The parameters of a notebook: the smallest preset, if it has presets."""
    return {"preset": "smoke"} if "preset" in parameters(path) else {}


def environment(folder: Path) -> dict[str, str]:
    """The environment of a kernel whose runs are in this folder."""
    return {"SATKIT_RUNS": str(folder / "runs"), "SATKIT_STATIC": "1"}
