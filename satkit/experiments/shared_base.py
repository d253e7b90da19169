"""The base step that the runs of a study share.

Strategies whose base step is the same take it over from one run, `base`, its weights checked. Strategies whose base
step is another one, because they train or read their classifier differently, share a base run of their own kind.
"""

from satkit.experiments.configuration import differences
from satkit.experiments.experiment import Experiment
from satkit.strategies import Strategy
from satkit.strategies.recipes import BASE, base_of
from satkit.strategies.step_state import StepState
from satkit.strategies.strategy import digest
from satkit.utils.errors import UsageError
from satkit.utils.one_writer import FOREVER


def base_folder(strategy: Strategy) -> str:
    """Name of the base run that a strategy starts from: "base", or one of its own kind."""
    base = base_of(strategy)
    return "base" if base == BASE else f"base-{digest(base)}"


def take_base(experiment: Experiment, base: Experiment) -> None:
    """Let an experiment begin with the finished base step of another.

    Raises:
        UsageError: If the base step was trained with other settings.
    """
    changed = differences(base.run.config, experiment.run.config)
    changed = [entry for entry in changed if entry[0] != "shift" and not entry[0].startswith("strategy.")]
    if changed:
        key, there, asked = changed[0]
        raise UsageError(
            f"The base step in {base.run.folder} has other settings ({key}: {there!r} there, {asked!r} asked for). "
            "Choose another name for the study."
        )
    if experiment.run.is_done(0):  # another process has taken it over meanwhile
        return
    state = base.run.load_state(0) if experiment.plan.strategy.importance else StepState()
    with experiment.run.writing(FOREVER):
        experiment.run.adopt_base(base.run, state)
