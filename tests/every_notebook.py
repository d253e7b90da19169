"""Every lesson and every solution, by name; how tests run them: with the smallest preset, each with runs of its own."""

from pathlib import Path

from satkit.experiments.settings import STRATEGIES, Settings
from satkit.experiments.study_folder import open_study
from satkit.notebooks.finding import list_notebooks, list_solutions, number_of
from satkit.notebooks.parameters import parameters

NOTEBOOKS = {path.stem: path for path in list_notebooks()}
NOTEBOOKS |= {f"solutions/{path.stem}": path for path in list_solutions()}
# Notebooks that look at trained models. They find the usual ones; all others begin with an empty folder of runs.
LOOKS = tuple(name for name, path in NOTEBOOKS.items() if number_of(path)[:2] in ("03", "04", "05", "08", "09", "11"))


def train_usual(runs: Path) -> None:
    """Train the usual strategies with the smallest preset, in the study that notebooks find in a folder of runs."""
    settings = Settings(preset="smoke")
    study = open_study(str(runs / settings.name("15-5")), {"preset": settings.preset})
    for strategy in STRATEGIES:
        study.trained(strategy)


def values(path: Path) -> dict:
    """The parameters of a notebook: the smallest preset, if it has presets."""
    return {"preset": "smoke"} if "preset" in parameters(path) else {}


def environment(folder: Path) -> dict[str, str]:
    """The environment of a kernel whose runs are in this folder."""
    return {"SATKIT_RUNS": str(folder / "runs"), "SATKIT_STATIC": "1"}
