"""One strategy trained without notebooks, by this process or, under `torchrun`, by several together.

The runs are those of a study: the base step and the strategy's own. The first process writes them; the others take
part in every step that it trains, and read nothing but the data.

Several trainings may go on in one study at the same time. What they write together they write one after the other, and
a step that two of them need is trained by one: the other waits for it.
"""

import shlex
import time
from collections.abc import Mapping

from satkit.experiments.configuration import RECORDED_ONLY, config_hash
from satkit.experiments.experiment import Experiment
from satkit.experiments.plan import Plan
from satkit.experiments.run_places import run_folder
from satkit.experiments.study_folder import StudyFolder, open_study
from satkit.experiments.trackers.choice import how_to_look
from satkit.studies.score_table import ScoreTable
from satkit.studies.study import checked, collect, open_runs, show
from satkit.utils import processes
from satkit.utils.errors import UsageError
from satkit.utils.launched import processes as started_processes
from satkit.utils.one_writer import FOREVER, only_writer
from satkit.utils.progress import format_seconds


def train(name: str, given: Mapping[str, object], strategy: str) -> None:
    """Train every step of a strategy, or what is missing of them, and print its scores.

    Args:
        name: Name or folder of the study; empty for one that is named by its settings.
        given: Settings that were asked for, see `open_study`.
        strategy: What `satkit.strategies.lookup.find_strategy` takes.

    Raises:
        UsageError: For settings that do not fit, or processes that were not given the same.
    """
    with processes.joined():
        train_together(name, given, strategy)


def train_together(name: str, given: Mapping[str, object], strategy: str) -> None:
    """The same in processes that have joined."""
    study, plans = processes.agreed(lambda: prepared(name, given, strategy), lambda found: described(found[1]))
    if processes.leads():
        lead(study, strategy, plans[0])
    else:
        by_hash = {config_hash(plan.config): plan for plan in plans}
        processes.follow(lambda told: Experiment(by_hash[told["config"]], None).carry_out(told["step"]))


def prepared(name: str, given: Mapping[str, object], strategy: str) -> tuple[StudyFolder, list[Plan]]:
    """The study, and the plans of the strategy and of its base step, checked; nothing is written.

    Raises:
        UsageError: For settings that do not fit.
    """
    study = open_study(name, given)
    plan = checked(study, (strategy,))[strategy]
    plans = [plan] if plan.strategy.joint else [plan, study.base_plan(strategy)]
    fewest = min(each.schedule(step).batch_size for each in plans for step in each.steps)
    if fewest < started_processes():
        raise UsageError(
            f"Every process needs an image of each batch, but {started_processes()} processes were started for batches "
            f"of {fewest} images. Start at most {fewest}."
        )
    return study, plans


def described(plans: list[Plan]) -> dict:
    """What must be the same in all processes: the configuration, by the names of its parts."""
    config, *others = (plan.config for plan in plans)
    parts = {name: value for name, value in config.items() if name not in RECORDED_ONLY}
    return {**parts, "the base step": [config_hash(other) for other in others]}


def lead(study: StudyFolder, strategy: str, plan: Plan) -> None:
    """Train what is missing, with the help of the other processes, and say what was written."""
    began = time.monotonic()
    try:
        by = f", by {started_processes()} processes" if started_processes() > 1 else ""
        show(f"Training {plan.strategy.name} in {study.folder}{by}")
        with only_writer(study.folder, FOREVER):
            open_runs(study, {strategy: plan})
        study.trained(strategy)
        with only_writer(study.folder, FOREVER):
            result = collect(study, {strategy: plan})
    finally:
        processes.dismiss()
    place = study.folder if run_folder(study.folder.name) != study.folder else study.folder.name
    show(f"\n{ScoreTable(result).text()}\n")
    said = (
        f"Run: {study.experiment(strategy).run.folder}",
        how_to_look(study.folder),
        f"Figures: {shlex.join(['satkit', 'study', '--study', str(place), '--strategies', strategy])}",
        f"Took {format_seconds(time.monotonic() - began)}.",
    )
    show("\n".join(filter(None, said)))
