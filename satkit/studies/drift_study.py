"""The drift study: where every strategy changes a model, class by class, against what each class has lost.

A lesson cannot train twenty strategies. This study does it once and keeps the measures: from one shared base step per
seed every strategy learns all later steps of the attention study's task, and each class of the base step is measured
before and after. It is a sweep, so a finished run is never carried out again as long as its configuration is the same:
kill the study at any time and start it again.
"""

import json
import warnings
from dataclasses import asdict
from pathlib import Path

import numpy as np

from satkit.evaluation.metrics import iou, mean_iou
from satkit.experiments.configuration import config_hash
from satkit.experiments.experiment import Experiment
from satkit.experiments.plan import Plan
from satkit.experiments.run_places import run_folder
from satkit.experiments.settings import Settings
from satkit.experiments.study_folder import StudyFolder
from satkit.strategies import STRATEGIES
from satkit.strategies.lookup import find_strategy
from satkit.studies import attention_grid
from satkit.studies.attention_grid import Entry
from satkit.studies.drift_measures import PLACES, measure
from satkit.studies.sweep import Sweep
from satkit.studies.sweep_run import DONE, SweepRun
from satkit.studies.world_runs import MACHINE, WorldRuns, keep_done, known_machine, parameters_of
from satkit.utils.csv_files import read_csv, write_csv
from satkit.utils.errors import UsageError
from satkit.utils.files import DamagedFile, read_json, write_json
from satkit.utils.names import slug
from satkit.utils.provenance import machine
from satkit.utils.sealed_json import read_sealed, write_sealed

SETTINGS = attention_grid.SETTINGS["scenes"]
WORLDS = {name: attention_grid.WORLDS["scenes"][name] for name in ("habitat", "uniform")}
IN_EVERY_WORLD = ("fine-tuning", "pseudo+distillation", "mib", "sats")  # the others: in the first world only
SKIPPED = {"joint": "All classes are learnt in one step: there is no model before it to compare with."}
DEEP = "The classifier has deep heads, which have no weight for every channel of the embedding."
NEEDED = ("strategy", "world", "seed", "class", "new")  # of the measures of a run
MEASURES, AGAIN = "measures.json", "Its run is carried out again."
COLUMNS = {
    "strategy": "short name",
    "name": "the strategy's own name",
    "world": "which images, as in the attention study",
    "seed": "of everything random",
    "class": "index of the old class in the order of learning, from 1",
    "iou_before": "IoU after the base step, on its test images, [0, 1]",
    "iou_after": "IoU after the last step, on its test images, [0, 1]",
    "new": "mean IoU of the classes learnt since, after the last step, [0, 1]; one number a run",
    "shown_before": "share of the class's places that the base step's own classifier calls by its name, [0, 1]",
    "shown": "the same after the last step",
    "known_before": "the same share for a linear probe of all classes on the base step's embedding, [0, 1]",
    "known": "the same after the last step",
    "cosine_before": "cosine between the class's weights and the mean of its embeddings after the base step, [-1, 1]",
    "cosine": "the same after the last step",
    "cka_*": "linear CKA between the models before and after, by feature map, [0, 1]; one number a run",
    "drift_s*h*": "distance of the class's relation from the base step's, stage and head, mean over its test images",
}


class DriftRuns(WorldRuns):
    """Runs of the study, which leave their measures, and their models in a study that lessons 11 and 11b open."""

    word = called = "drift"

    def worlds(self, data: str = "") -> dict[str, dict]:
        """The worlds of the study."""
        return WORLDS

    def usual(self, data: str, root: str) -> Settings:
        """The settings that a run begins from."""
        return SETTINGS

    def decides(self, values: dict) -> str:
        """A hash of everything that decides the measures of a run."""
        return config_hash({**self.plan(values).config, "places": PLACES, "columns": list(COLUMNS)})

    def study(self, values: dict, out: Path) -> StudyFolder:
        """The study of a world and a seed."""
        full, plan = self.full(values), self.plan(values)
        return StudyFolder(out / "runs" / f"{slug(full['world'])}-seed{full['seed']}", plan.settings, plan.data)

    def carry_out(self, values: dict, out: Path, folder: Path) -> dict:
        """Train every step, and keep what is measured then."""
        full = self.full(values)
        trained = self.study(values, out).trained(full["strategy"])
        write_sealed(folder / MEASURES, measured(Entry(full["strategy"], full["world"], full["seed"]), trained))
        write_json(out / MACHINE, machine(trained.plan.device))
        result = trained.run.result()
        return {name: result[name] for name in ("conventions", "old", "new", "all")}


def measured(entry: Entry, trained: Experiment) -> dict:
    """The row of a finished run: a number, or a list of numbers by class, for each of `COLUMNS`."""
    plan, run = trained.plan, trained.run
    scenario, last = plan.scenario, plan.steps[-1]
    classes, confusions = scenario.base, [run.load_confusion(step) for step in (0, last.index)]
    before, after = (iou(confusion)[list(classes)].tolist() for confusion in confusions)
    tests = plan.complete(plan.tests(last))
    return {
        **dict(strategy=entry.strategy, name=plan.strategy.name, world=entry.world, seed=entry.seed),
        "class": list(classes),
        **dict(iou_before=before, iou_after=after, new=mean_iou(confusions[1], scenario.added)),
        **measure(trained.model(0), trained.model(last.index), tests, classes, entry.seed),
    }


class DriftStudy:
    """The study in a folder.

    Args:
        folder: Gets the runs, one study per seed that lessons 11 and 11b open, and what was measured.
        seeds: The seeds to run.
        strategies: Short names, for every world; the whole study if empty.

    Raises:
        UsageError: For a strategy that cannot be measured.
    """

    def __init__(self, folder: str | Path, seeds: tuple[int, ...] = (0,), strategies: tuple[str, ...] = ()):
        self.folder, self.seeds, self.chosen = run_folder(folder).absolute(), seeds, strategies
        self.target = DriftRuns()
        for name in strategies:
            if find_strategy(name).joint:
                raise UsageError(f"{name} has no drift. {SKIPPED['joint']}")
        self.folder.mkdir(parents=True, exist_ok=True)

    @property
    def strategies(self) -> tuple[str, ...]:
        """All that are measured in some world."""
        return tuple(dict.fromkeys(name for world in WORLDS for name in self.strategies_in(world)))

    def strategies_in(self, world: str) -> tuple[str, ...]:
        """The strategies of a world."""
        every = (*(name for name in STRATEGIES if name not in SKIPPED), "pseudo+distillation")
        return self.chosen or (every if world == next(iter(WORLDS)) else IN_EVERY_WORLD)

    def entries(self) -> list[Entry]:
        """Every run, seed by seed and world by world, so that a study that is cut short has whole seeds."""
        runs = [(world, name) for world in WORLDS for name in self.strategies_in(world)]
        return [Entry(name, world, seed) for seed in self.seeds for world, name in runs]

    def run(self, entry: Entry) -> SweepRun:
        """A run, of its present configuration."""
        return SweepRun(self.target, parameters_of(entry), self.folder)

    def plan(self, entry: Entry) -> Plan:
        """The plan of a run."""
        return self.target.plan(parameters_of(entry))

    def sweep(self) -> Sweep:
        """All runs, to be carried out; those whose measures are damaged count as not begun."""
        for entry in self.missing():
            if (run := self.run(entry)).state.state == DONE:
                run.write(run.new)
        return Sweep(self.target, [parameters_of(entry) for entry in self.entries()], str(self.folder))

    def missing(self) -> list[Entry]:
        """The runs without measures of their present configuration."""
        return [entry for entry in self.entries() if self.row(entry) is None]

    def row(self, entry: Entry) -> dict | None:
        """The measures of a run; None where there are none, or damaged ones, which a warning says."""
        run = self.run(entry)
        if run.state.state != DONE:
            return None
        try:
            row = read_sealed(run.folder / MEASURES, AGAIN)
            if lacks := [name for name in NEEDED if name not in row]:
                raise DamagedFile(run.folder / MEASURES, f"is damaged: it lacks {lacks[0]!r}", AGAIN)
            return row
        except FileNotFoundError:
            return None
        except DamagedFile as error:
            warnings.warn(f"{error}", stacklevel=2)
            return None

    def take_rows(self, path: str | Path) -> None:
        """Start from the lines of a CSV file, and the machine that the JSON file beside it names.

        The JSON file must also say that they were measured as here; strategies that are declared otherwise now, and all
        of them under another configuration, are measured again.
        """
        lines, about, mine = read_drifts(path), read_json(Path(path).with_suffix(".json")), self.configuration()
        mine = json.loads(json.dumps(mine))  # as a file has it
        same = {"settings": lambda value: {**value, "seed": None}, "columns": list}  # seeds and wording may differ
        there, here = (
            {key: same.get(key, lambda value: value)(each[key]) for key in each if key in mine}
            for each in (about, mine)
        )
        if any(there.get(key) != here[key] for key in mine if key not in ("strategies", "not_measured")):
            return
        for entry in self.missing():
            name, where = entry.strategy, asdict(entry).items()
            part = np.all([lines[key] == value for key, value in where], axis=0)
            if part.any() and about["strategies"].get(name) == mine["strategies"][name]:
                self._keep_lines(self.run(entry), {column: each[part].tolist() for column, each in lines.items()})
        if not (self.folder / MACHINE).exists():
            write_json(self.folder / MACHINE, about["machine"])

    def _keep_lines(self, run: SweepRun, row: dict) -> None:
        run.folder.mkdir(parents=True, exist_ok=True)
        write_sealed(run.folder / MEASURES, row)
        keep_done(run, {"new": row["new"][0]})

    def collect(self) -> tuple[Path, Path]:
        """Write `drift_study.csv`, a line for every run and old class, and `drift_study.json`, which describes it."""
        rows = {entry: self.row(entry) for entry in self.entries()}
        missing = [entry for entry, row in rows.items() if row is None]
        table, about = self.folder / "drift_study.csv", self.folder / "drift_study.json"
        write_runs(table, [row for row in rows.values() if row is not None])
        write_json(about, self.describe(missing))
        return table, about

    def describe(self, missing: list[Entry]) -> dict:
        """What the lines stand for, and where the newest of them were measured."""
        where = {"machine": known_machine(self.folder)}
        return {**self.configuration(), **where, "missing": [asdict(entry) for entry in missing]}

    def configuration(self) -> dict:
        """Everything that decides the measures."""
        world = next(iter(WORLDS))
        first = self.plan(Entry("sats", world, self.seeds[0]))
        found = {name: self.plan(Entry(name, world, self.seeds[0])).strategy for name in self.strategies}
        return {
            "settings": {**SETTINGS.plain(), "seed": list(self.seeds), "order": list(first.scenario.order)},
            "worlds": WORLDS,
            "backbone": first.backbone,
            "schedules": [asdict(first.schedule(step)) for step in first.steps],
            "data_options": first.preset.data,
            "data_fingerprint": first.data.fingerprint,
            "conventions": first.conventions,
            "class_names": list(first.scenario.names),
            "places": PLACES,
            "test_images": len(first.tests(first.steps[-1])),
            "columns": COLUMNS,
            "strategies": {name: strategy.describe() for name, strategy in found.items()},
            "skipped": SKIPPED,
            "not_measured": {name: {"cosine": DEEP} for name, strategy in found.items() if strategy.head.deep},
        }


def write_runs(path: Path, runs: list[dict]) -> None:
    """What was measured as CSV, a line for every run and class; empty where there is no value."""
    rows = [
        {name: value[place] if isinstance(value, list) else value for name, value in run.items()}
        for run in runs
        for place in range(len(run["class"]))
    ]
    write_csv(path, rows, digits=4)


def read_drifts(path: str | Path) -> dict[str, np.ndarray]:
    """The columns of a file that the study wrote, by name: texts, whole numbers, or floats with NaN for no value."""
    rows = read_csv(path, {"strategy": str, "name": str, "world": str, "seed": int, "class": int}, default=float)
    return {name: np.array([each[name] for each in rows]) for row in rows[:1] for name in row}
