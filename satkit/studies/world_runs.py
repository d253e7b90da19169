"""One run of the attention study or of the drift study, as a sweep carries it out: a strategy in a world with a seed.

A study of this kind is a grid, and this is what stands in its cells. Runs of one seed and one world share their base
step, also with worlds that differ from theirs in later steps only.
"""

import math
import shutil
from dataclasses import dataclass, replace
from pathlib import Path

from satkit.data import SegmentationData
from satkit.evaluation.metrics import mean_iou
from satkit.experiments.configuration import config_hash
from satkit.experiments.experiment import Experiment
from satkit.experiments.plan import Plan
from satkit.experiments.settings import Settings
from satkit.experiments.shared_base import base_folder, take_base
from satkit.experiments.study_folder import StudyFolder
from satkit.notebooks.parameters import Parameter
from satkit.studies import attention_grid
from satkit.studies.attention_grid import Entry
from satkit.studies.sweep_run import DONE, State, SweepRun, runs_in
from satkit.studies.sweep_targets import KEPT, STRATEGY_HELP, Meaning
from satkit.utils.disk_places import expanded
from satkit.utils.errors import UsageError, choose
from satkit.utils.files import read_json, write_json
from satkit.utils.progress import training_progress
from satkit.utils.provenance import machine

MACHINE = "machine.json"  # where the newest run was carried out
SAME = 1e-5  # by which two scores of one base step may differ, as they are stored


class BaseDiffers(UsageError):
    """Runs that are to be compared have not started from the same base step."""


@dataclass
class WorldRuns:
    """What the runs of both studies have in common; see `satkit.studies.sweep_targets.Target`.

    Attributes:
        data: The data set, whose worlds there are.
        settings: What every run begins from; None for those of the data set's study.
    """

    data: str = "scenes"
    settings: Settings | None = None
    word = called = ""

    def __post_init__(self):
        self._plans: dict[tuple, Plan] = {}
        self._images: dict[tuple, SegmentationData] = {}

    @property
    def declared(self) -> dict[str, Parameter]:
        """The parameters of a run."""
        world = next(iter(self.worlds()))
        return {
            "strategy": Parameter("strategy", "str", "sats", STRATEGY_HELP),
            "world": Parameter("world", "str", world, f"one of: {', '.join(self.worlds())}"),
            "seed": Parameter("seed", "int", 0, "decides everything random"),
        }

    def worlds(self, data: str = "") -> dict[str, dict]:
        """The worlds of a data set by name, with the settings that each changes."""
        return attention_grid.worlds_of(data or self.data)

    def usual(self, data: str, root: str) -> Settings:
        """The settings that a run begins from."""
        return self.settings or attention_grid.settings_of(data, root)

    def everywhere(self, values: dict) -> dict:
        """The same parameters with an absolute path."""
        return {**values, "root": str(expanded(values["root"]).absolute())} if values.get("root") else dict(values)

    def full(self, values: dict) -> dict:
        """All parameters, those left at their default included."""
        return {name: parameter.default for name, parameter in self.declared.items()} | values

    def plan(self, values: dict) -> Plan:
        """The plan of a run; plans with the same images share them."""
        full = self.full(values)
        key = tuple(full.items())
        if key not in self._plans:
            data, root = full.get("data", self.data), full.get("root", "")
            world = choose("world", full["world"], self.worlds(data))
            settings = replace(self.usual(data, root), seed=full["seed"], **world)
            images = (settings.data, settings.root, settings.habitat, settings.preset)
            plan = Plan(settings, full["strategy"], self._images.get(images))
            self._images.setdefault(images, plan.data)
            self._plans[key] = plan
        return self._plans[key]

    def decides(self, values: dict) -> str:
        """A hash of everything that decides a run."""
        return config_hash(self.plan(values).config)

    def meaning(self, values: dict, out: Path) -> Meaning:
        """What parameters stand for."""
        plan = self.plan(values)
        base = None if plan.strategy.joint else self.study(values, out).folder / base_folder(plan.strategy)
        return Meaning({self.word: self.decides(values)}, self.full(values), base)

    def check(self, values: dict) -> None:
        """Raise for a strategy or settings that a training would refuse."""
        self.plan(values).check()

    def study(self, values: dict, out: Path) -> StudyFolder:
        """Where the base step of a run is."""
        plan = self.plan(values)
        name = replace(plan.settings, shift=0.0, root="").name(plan.task)
        return StudyFolder(out / "bases" / name, plan.settings, plan.data)


class AttentionRuns(WorldRuns):
    """Runs of the attention study, which leave their scores and nothing else."""

    word = called = "reference"

    @property
    def declared(self) -> dict[str, Parameter]:
        """The parameters of a run."""
        more = {
            "data": Parameter("data", "str", self.data, "the data set, scenes or camvid"),
            "root": Parameter("root", "str", "", "folder of camvid; empty for scenes"),
        }
        return super().declared | more

    def carry_out(self, values: dict, out: Path, folder: Path) -> dict:
        """Train a run to its end, give its scores, and remove the rest.

        Raises:
            BaseDiffers: If other runs of the seed have started from another base step.
        """
        plan = self.plan(values)
        experiment = Experiment.open(plan, folder / "run")
        run = experiment.run
        if not plan.strategy.joint and not run.is_done(0):
            base = self.study(values, out).train_base(plan.strategy)
            self.check_base(values, out, base)
            take_base(experiment, base)
        for step in plan.steps:
            if not run.is_done(step.index) or run.result() is None:
                label = f"{plan.strategy.name}, step {step.index}"
                experiment.learn(step.index, training_progress(plan.schedule(step).iterations, label))
        result = run.result()
        write_json(out / MACHINE, machine(plan.device))
        shutil.rmtree(run.folder)
        return {name: result[name] for name in KEPT if name in result}

    def check_base(self, values: dict, out: Path, base: Experiment) -> None:
        """Differences are taken within a seed, so its runs must all start from this base step.

        Raises:
            BaseDiffers: If some do not: another machine trains the same base step a little differently.
        """
        confusion, mine = base.run.load_confusion(0), self.meaning(values, out).base
        began = mean_iou(confusion, range(len(confusion)))
        for state in runs_in(out).values():
            other = self.full(state.parameters)
            if state.state != DONE or other["seed"] != self.full(values)["seed"]:
                continue
            if self.meaning(other, out).base == mine and abs(state.scores["base"] - began) > SAME:
                raise BaseDiffers(
                    f"The runs of seed {other['seed']} must start from one base step. {other['strategy']} began with a "
                    f"mean IoU of {state.scores['base']:.4f}, and the base step of this machine has {began:.4f}. Run "
                    "it in a folder of its own, without rows of another machine, with --strategies for what is to be "
                    "compared."
                )


def parameters_of(entry: Entry, data: str = "scenes", root: str = "") -> dict:
    """The parameters of a run of a study."""
    values = {"strategy": entry.strategy, "world": entry.world, "seed": entry.seed}
    return values if data == "scenes" else {**values, "data": data, "root": root}


def keep_done(run: SweepRun, scores: dict, seconds: float = 0.0) -> None:
    """Let a run count as done whose results are known from elsewhere."""
    known = {name: None if isinstance(value, float) and math.isnan(value) else value for name, value in scores.items()}
    run.write(State(DONE, run.target.called, run.values, run.meaning.values, seconds=seconds, scores=known))


def known_machine(out: Path) -> dict:
    """Where the newest run was carried out; empty before the first."""
    return read_json(out / MACHINE) if (out / MACHINE).exists() else {}
