"""Runs of a study, and the base step that they share.

A study is a folder: `base`, and one run per strategy that takes its base step over, weights checked. Strategies whose
base step is another one, because they learn or read their classifier differently, share a base run of their own kind.
"""

from dataclasses import replace
from pathlib import Path

from satkit.experiments.experiment import Experiment
from satkit.experiments.run_folder import Run, differences, run_folder, slug
from satkit.experiments.settings import Settings
from satkit.strategies import Strategy
from satkit.strategies.lookup import find_strategy
from satkit.strategies.recipes import BASE, base_of
from satkit.strategies.strategy import digest
from satkit.utils.errors import UsageError


def base_folder(learning: Strategy) -> str:
    """Name of the base run that a strategy starts from: "base", or one of its own kind."""
    base = base_of(learning)
    return "base" if base == BASE else f"base-{digest(base)}"


def open_base(folder: Path, settings: Settings, learning: Strategy) -> tuple[Experiment, Run]:
    """The experiment and run of the base step that a strategy starts from; no base step is shifted."""
    base = Experiment(replace(settings, shift=0.0), base_of(learning))
    return base, base.open(folder / base_folder(learning))


def open_study(name: str | Path, settings: Settings, learning: str | Strategy = "") -> tuple[Experiment, Run]:
    """The experiment and run of a strategy in a study, its base step taken over from the study's base run.

    Args:
        name: Name or folder of the study.
        settings: The same for every run of the study.
        learning: The strategy; empty for the base step itself.
    """
    folder = run_folder(name)
    if not learning:
        return open_base(folder, settings, BASE)
    experiment = Experiment(settings, learning)
    called = slug(experiment.strategy.name)
    if called in ("", "figures", "notebooks") or called.split("-")[0] == "base":
        raise UsageError(f"A strategy needs a name that no folder of a study has, got {experiment.strategy.name!r}.")
    run = experiment.open(folder / called)
    if not experiment.strategy.joint and not run.is_done(0):
        take_base(run, Run.open(folder / base_folder(experiment.strategy)), experiment.strategy)
    return experiment, run


def take_base(run: Run, base: Run, learning: Strategy) -> None:
    """Let a run begin with the finished base step of another.

    Raises:
        UsageError: If the base step was learnt in another way than the run says.
    """
    changed = differences(base.config, run.config)
    changed = [entry for entry in changed if entry[0] != "shift" and not entry[0].startswith("strategy.")]
    if changed:
        key, there, asked = changed[0]
        raise UsageError(
            f"The base step in {base.folder} has another configuration ({key}: {there!r} there, {asked!r} asked "
            "for). Choose another name for the study."
        )
    with run.writing():
        run.adopt_base(base, base.load_fitted(0) if learning.importance else {})


def ready(name: str | Path, settings: Settings, learning: str | Strategy, step: int, report=None) -> tuple:
    """The experiment and run of a strategy with everything finished that must come before a step.

    What is missing, the base step first, is trained now.

    Args:
        name: Name or folder of the study.
        step: The step that the caller wants to begin; pass one more than the last to have all finished.
        report: Makes a callable for the loop's reports, from the number of iterations and a label.
    """
    report = report or (lambda total, label: lambda iteration: None)
    chosen = find_strategy(learning)
    if not chosen.joint:
        base, run = open_base(run_folder(name), settings, chosen)
        if not run.is_done(0):
            base.learn(run, 0, report(base.schedule(base.steps[0]).iterations, "base step"))
    experiment, run = open_study(name, settings, learning)
    for earlier in range(min(step, len(experiment.steps))):
        if not run.is_done(earlier) or (earlier == len(experiment.steps) - 1 and run.result() is None):
            total = experiment.schedule(experiment.steps[earlier]).iterations
            experiment.learn(run, earlier, report(total, f"{experiment.strategy.name}, step {earlier}"))
    return experiment, run
