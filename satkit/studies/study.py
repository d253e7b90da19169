"""The main job: the notebook sequence on one scenario, for two or more strategies, ending in a table and a report.

A study is a folder: `study.json` with its settings, `base` and one run per strategy, the executed notebooks, the
figures, `result.json` with the table, and `report.html`. A finished job leaves its executed notebook under its final
name, so starting a study again does only what is missing; within a job, training goes on from its last checkpoint.
"""

import os
import time
import warnings
from pathlib import Path

from satkit.experiments.plan import Plan
from satkit.experiments.run_folder import Run
from satkit.experiments.settings import STRATEGIES
from satkit.experiments.study_folder import StudyFolder
from satkit.experiments.trackers.choice import how_to_look
from satkit.notebooks.runner import run_notebook
from satkit.notebooks.warm_kernels import WarmKernels, warm_kernels
from satkit.scenario import usual_tasks
from satkit.strategies.lookup import find_strategy
from satkit.strategies.recipes import BASE
from satkit.studies.jobs import Job, jobs_of, why_no_attention
from satkit.studies.report import write_report
from satkit.studies.score_table import ScoreTable
from satkit.studies.study_progress import StudyProgress
from satkit.studies.study_record import record_study
from satkit.utils.errors import UsageError
from satkit.utils.files import DamagedFile
from satkit.utils.json_form import NUMBER, must_hold
from satkit.utils.names import slug
from satkit.utils.one_writer import only_writer
from satkit.utils.progress import format_seconds
from satkit.utils.saying import saying
from satkit.utils.sealed_json import read_sealed, write_sealed

SECONDS = "seconds.json"
BEFORE = {"strategies": {str: {}}, "settings": {"strategies": [str]}}  # what is taken over from an earlier result


def run_study(study: StudyFolder, strategies: tuple[str, ...] = STRATEGIES) -> Path:
    """Run a study, or finish one that was interrupted; returns its folder.

    Args:
        study: Folder and settings, see `open_study`.
        strategies: What `satkit.strategies.lookup.find_strategy` takes: short names, with parts added, or from a file.

    Raises:
        RunBusy: If another study is at work in the folder.
    """
    started = time.monotonic()
    with warm_kernels() as warm:  # which load while everything is checked
        plans = prepare(study, strategies)
        reason = why_no_attention(next(iter(plans.values())))
        jobs, look = jobs_of(study, plans, shows_attention=not reason), how_to_look(study.folder)
        with only_writer(study.folder):
            show(_lines(f"Study in {study.folder}", look, *about_base(study, plans)))
            if reason:
                show(f"Without notebook 08, because there is no attention to show. {reason}")
            run_jobs(study.folder, jobs, warm)
            result = collect(study, plans)
            with saying("Writing the report ..."):
                report = write_report(study.folder)
            record_study(study.folder, result["settings"])
    show(f"\n{ScoreTable(result).text()}\n")
    show(_lines(f"Report: {report}", look, f"Took {format_seconds(time.monotonic() - started)}."))
    return study.folder


def prepare(study: StudyFolder, strategies: tuple[str, ...]) -> dict[str, Plan]:
    """Check everything that can be checked before training, and open every run; the plans by name of the strategy.

    Raises:
        UsageError: As `checked`, and for a folder of another configuration.
        DataError: For anything wrong with the data, by file.
    """
    plans = checked(study, strategies)
    open_runs(study, plans)
    return plans


def open_runs(study: StudyFolder, plans: dict[str, Plan]) -> None:
    """Open the run of every plan, and of its base step, and remember the settings of the study."""
    with saying("Checking the runs that are there ..."):
        for plan in plans.values():
            if not plan.strategy.joint:
                study.base(plan.strategy)
            study.experiment(plan.strategy)
    study.remember_settings()


def checked(study: StudyFolder, strategies: tuple[str, ...]) -> dict[str, Plan]:
    """The plans by name of the strategy, checked as far as they can be before training; nothing is written.

    Raises:
        UsageError: For unknown names, or a backbone without attention.
        DataError: For anything wrong with the data, by file.
    """
    if not strategies:
        raise UsageError(f"A study needs at least one strategy, for example: {', '.join(STRATEGIES)}.")
    double = sorted({name for name in strategies if strategies.count(name) > 1})
    if double:
        raise UsageError(f"Every strategy is named once, but {double[0]!r} is named twice.")
    found = {name: find_strategy(name) for name in strategies}  # before any data are read
    base = study.plan(BASE)
    base.check()
    plans = {name: study.plan(strategy) for name, strategy in found.items()}
    for plan in plans.values():
        plan.check()
    stepwise = [plan.strategy for plan in plans.values() if not plan.strategy.joint]
    if stepwise and len(base.steps) == 1:
        parts = base.data.domains if base.scenario.by_domain else base.scenario.order
        raise UsageError(
            f"Task {base.task!r} has one step only, in which {stepwise[0].name!r} has nothing to remember. "
            f"Choose a task with more steps, such as {usual_tasks(len(parts))[0]}, or only the strategy joint."
        )
    return plans


def about_base(study: StudyFolder, plans: dict[str, Plan]) -> list[str]:
    """Where the base step comes from, if it was given, and who does not start from it."""
    given = {name: plan.given_base for name, plan in plans.items()}
    base = next(filter(None, given.values()), None)
    said = [f"Every strategy starts from the base step in {base.folder}, which is not trained here."] if base else []
    alone = [name for name, found in given.items() if study.settings.base_model and found is None]
    return said + [f"{name} learns all classes at once and starts from no base step." for name in alone]


def run_jobs(folder: Path, jobs: list[Job], warm: WarmKernels | None) -> None:
    """Run the jobs that are not finished, one after the other."""
    progress = StudyProgress(jobs, [job.path(folder).exists() for job in jobs])
    try:
        for number, job in enumerate(jobs):
            if not job.path(folder).exists():
                began = time.monotonic()
                run_job(folder, job, progress, number, warm)
                remember_seconds(folder, job, time.monotonic() - began)
    finally:
        progress.close()


def run_job(folder: Path, job: Job, progress: StudyProgress, number: int, warm: WarmKernels | None) -> None:
    """Run one notebook; it gets its final name only when it has succeeded."""
    running, file = folder / "notebooks" / f"{job.output}.running.ipynb", folder / ".progress.json"
    file.unlink(missing_ok=True)
    progress.begin(number)
    environment = {"SATKIT_PROGRESS": str(file), "SATKIT_STATIC": "1"}
    seen = {"on_poll": lambda: progress.show(file), "env": environment, "warm": warm}
    run_notebook(job.notebook, running, job.values, **seen)
    os.replace(running, job.path(folder))
    file.unlink(missing_ok=True)
    progress.end(number)


def remember_seconds(folder: Path, job: Job, seconds: float) -> None:
    """Note how long a job took, so that a study that was interrupted knows its time."""
    write_sealed(folder / SECONDS, {**known_seconds(folder), job.output: round(seconds, 1)})


def known_seconds(folder: Path) -> dict[str, float]:
    """How long the finished jobs of a study took, by the names of their notebooks.

    Raises:
        UsageError: If its file holds something else.
    """
    seconds = read_or(folder / SECONDS, {})
    must_hold(folder / SECONDS, seconds, {str: NUMBER})
    return seconds


def read_or(path: Path, otherwise: dict) -> dict:
    """Values of a file of the study, or others where it is missing, or damaged, which a warning says."""
    try:
        return read_sealed(path, "It is written again, without what only it knew.")
    except FileNotFoundError:
        return otherwise
    except DamagedFile as error:
        warnings.warn(f"{error}", stacklevel=2)
        return otherwise


def collect(study: StudyFolder, plans: dict[str, Plan]) -> dict:
    """Gather the runs' results into the study's result.json, beside those of strategies that were run before."""
    path, results = study.folder / "result.json", {}
    for plan in plans.values():
        run = Run.open(study.folder / slug(plan.strategy.name))
        result = run.result()
        if result is None:
            raise RuntimeError(f"{run.folder} has no result.json although all of its notebooks ended well.")
        results[plan.strategy.name] = result
    first = next(iter(plans.values()))
    before = read_or(path, {"strategies": {}, "settings": {"strategies": []}})
    must_hold(path, before, BEFORE)
    chosen = {**study.settings.plain(), "task": first.task, "order": list(first.scenario.order), "root": ""}
    asked = list(dict.fromkeys([*before["settings"]["strategies"], *plans]))
    value = {
        "settings": {**chosen, "strategies": asked},
        "classes": list(first.scenario.names),
        "base_classes": list(first.scenario.base),
        "added_classes": list(first.scenario.added),
        "strategies": {**before["strategies"], **results},
        "seconds": float(sum(known_seconds(study.folder).values())),
    }
    write_sealed(path, value)
    return value


def show(text: str) -> None:
    """Print for the user, at once."""
    print(text, flush=True)


def _lines(*texts: str) -> str:
    """Texts below each other; empty ones are left out."""
    return "\n".join(filter(None, texts))
