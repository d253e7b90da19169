"""Small trained models that come with the kit, so that lessons which only look start at once.

`assets/models` holds one run per strategy, in the form of every run (see `runs`), on the embedded scenes with the quick
preset. Their weights are rounded to half precision, and their scores are those of the rounded weights. This command
trains them again:

    satkit reference --models --out FOLDER
"""

import copy
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

from satkit.experiments.experiment import Experiment
from satkit.experiments.run_folder import Run, differences, run_folder, slug
from satkit.experiments.settings import Settings
from satkit.experiments.shared_base import ready
from satkit.strategies import Strategy
from satkit.utils.assets import asset

FOLDER = "models"
STRATEGIES = ("fine-tuning", "sats")
SETTINGS = Settings()


def to_look_at(name: str | Path, settings: Settings, learning: str | Strategy, step: int, report=None) -> tuple:
    """As `bases.ready`, for looking only: models that come with the kit will do where the study has none of its own.

    What `ready` gives can be trained further; the run that comes with the kit can only be read.
    """
    experiment = Experiment(settings, learning)
    shipped = shipped_run(experiment)
    own = run_folder(name) / slug(experiment.strategy.name)
    if shipped and not ((own / "config.json").exists() and _reaches(Run.open(own), experiment, step)):
        return experiment, shipped
    return ready(name, settings, learning, step, report)


def _reaches(run: Run, experiment: Experiment, step: int) -> bool:
    """Whether a run has this configuration and the steps before `step` finished."""
    return run.steps_done() >= min(step, len(experiment.steps)) and not differences(run.config, experiment.config)


def shipped_run(experiment: Experiment) -> Run | None:
    """The run that comes with the kit and was made with this very configuration, or None."""
    try:
        folder = asset(f"{FOLDER}/{slug(experiment.strategy.name)}")
    except FileNotFoundError:
        return None
    run = Run.open(folder)
    return None if differences(run.config, experiment.config) else run


def make_models(folder: str | Path, report: Callable | None = None) -> list[Path]:
    """Train the models that come with the kit, and write them into a folder; returns the folders of the runs.

    Args:
        folder: Gets one folder per strategy; one that is there already is replaced.
        report: As in `bases.ready`.
    """
    made = []
    with tempfile.TemporaryDirectory(prefix="satkit-models-") as study:
        for name in STRATEGIES:
            experiment, run = ready(study, SETTINGS, name, 10**6, report)
            made.append(Path(folder) / run.name)
            shutil.rmtree(made[-1], ignore_errors=True)
            _round(experiment, run, made[-1])
    return made


def _round(experiment: Experiment, run: Run, folder: Path) -> None:
    """A finished run with its weights in half precision, and with the scores that these have."""
    rounded = Run.create(folder, experiment.config)
    rounded.write_history(0, run.history())
    for step in experiment.steps:
        begun = experiment.begin(run, step.index)
        begun.student = copy.deepcopy(begun.student).half().float()
        confusion = experiment.evaluate(begun.student, step)
        begun.student, begun.finished = begun.student.half(), False
        experiment.save(rounded, begun, confusion)
