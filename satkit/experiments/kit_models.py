"""Small trained models that come with the kit, so that lessons which only show something start at once.

`assets/models` holds one run per strategy, in the form of every run (see `run_folder`), on the embedded scenes with the
quick preset. Their weights are rounded to half precision, and their scores are those of the rounded weights. This
command trains them again:

    satkit reference --models --out FOLDER
"""

import copy
import shutil
from functools import partial
from pathlib import Path

from satkit.experiments.configuration import differences
from satkit.experiments.experiment import Experiment
from satkit.experiments.plan import Plan
from satkit.experiments.run_folder import Run
from satkit.experiments.settings import STRATEGIES, Settings
from satkit.experiments.study_folder import Report, StudyFolder
from satkit.utils.assets import asset
from satkit.utils.errors import UsageError
from satkit.utils.names import slug
from satkit.utils.progress import training_progress
from satkit.utils.temporary_folders import temporary_folder

FOLDER = "models"
SETTINGS = Settings()
SHOWN = partial(training_progress, resumes=False)  # where they are trained is removed


def kit_model(plan: Plan) -> Experiment | None:
    """The experiment that comes with the kit and was made with this plan, to be read only; None if there is none."""
    called = slug(plan.strategy.name)
    try:
        folder = asset(f"{FOLDER}/{called}") if called else None
    except FileNotFoundError:
        folder = None
    if folder is None:
        return None
    run = Run.open(folder)
    return None if differences(run.config, plan.config) else Experiment(plan, run)


def open_kit_model(strategy: str) -> Experiment:
    """The experiment of a strategy that comes with the kit, to be read only.

    Raises:
        UsageError: If the kit has no models of this strategy.
    """
    found = kit_model(Plan(SETTINGS, strategy))
    if found is None:
        raise UsageError(
            f"The kit has models of {', '.join(STRATEGIES)}, got {strategy!r}. Train it with satkit study."
        )
    return found


def make_models(folder: str | Path, report: Report = SHOWN) -> list[Path]:
    """Train the models that come with the kit, and write them into a folder; returns the folders of the runs.

    Args:
        folder: Gets one folder per strategy; one that is there already is replaced.
        report: As in `StudyFolder.trained`.
    """
    made = []
    with temporary_folder("models") as place:
        study = StudyFolder(place, SETTINGS)
        for name in STRATEGIES:
            trained = study.trained(name, report=report)
            made.append(Path(folder) / trained.run.name)
            shutil.rmtree(made[-1], ignore_errors=True)
            _round(trained, made[-1])
    return made


def _round(trained: Experiment, folder: Path) -> None:
    """A finished run with its weights in half precision, and with the scores that these have."""
    rounded = Experiment.open(trained.plan, folder)
    rounded.run.write_history(0, trained.run.history())
    for step in trained.plan.steps:
        started = trained.begin(step.index)
        started.student = copy.deepcopy(started.student).half().float()
        confusion = trained.evaluate(started.student, step)
        started.student, started.finished = started.student.half(), False
        rounded.save(started, confusion)
