"""The drift study: where every strategy changes a model, class by class, against what each class has lost.

A lesson cannot train twenty strategies. This study does it once and keeps the rows: from one shared base step per seed
every strategy learns all later steps of the attention study's task, and each class of the base step is measured before
and after. `measure` looks at two models; `DriftStudy` trains, measures and stores. A finished run is never measured
again as long as its configuration is the same: kill the study at any time and start it again.
"""

import json
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np

from satkit.analysis.probes import (
    EMBEDDING,
    Probe,
    Samples,
    alignment,
    class_accuracy,
    linear_cka,
    region_drift,
    samples,
)
from satkit.data.step_images import StepImages
from satkit.evaluation.metrics import iou, mean_iou
from satkit.experiments.configuration import config_hash
from satkit.experiments.experiment import Experiment
from satkit.experiments.plan import Plan
from satkit.experiments.run_folder import Run
from satkit.experiments.run_places import run_folder
from satkit.experiments.study_folder import StudyFolder
from satkit.models import Segmenter
from satkit.strategies import STRATEGIES
from satkit.strategies.lookup import find_strategy
from satkit.studies import attention_grid
from satkit.studies.attention_grid import Entry
from satkit.studies.row_files import read_row, write_row
from satkit.training import Iteration
from satkit.utils.csv_files import read_csv, write_csv
from satkit.utils.errors import UsageError
from satkit.utils.files import read_json, write_json
from satkit.utils.names import slug
from satkit.utils.progress import Progress
from satkit.utils.provenance import machine

SETTINGS = attention_grid.SETTINGS["scenes"]
WORLDS = {name: attention_grid.WORLDS["scenes"][name] for name in ("habitat", "uniform")}
IN_EVERY_WORLD = ("fine-tuning", "pseudo+distillation", "mib", "sats")  # the others: in the first world only
PLACES = 128  # of every test image, for probes, angles and similarities
SKIPPED = {"joint": "All classes are learnt in one step: there is no model before it to compare with."}
DEEP = "The classifier has deep heads, which have no weight for every channel of the embedding."
NEEDED = ("strategy", "world", "seed", "class", "config")  # of the measures of a run
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


def measure(before: Segmenter, after: Segmenter, tests: StepImages, classes, seed: int = 0) -> dict[str, list | float]:
    """What has become of some classes between two models: a list by class for each measure, one number for each CKA.

    Probes are fitted on every second test image and tested on the others.

    Args:
        before: The model that learnt the classes. after: The model that learnt others since.
        tests: With the whole annotation as class indices.
        classes: Class indices.
        seed: Decides the places.
    """
    halves = [replace(tests, indices=tests.indices[part::2]) for part in (0, 1)]
    was, now = ([samples(model, half, PLACES, seed) for half in halves] for model in (before, after))
    found: dict[str, list | float] = {}
    for suffix, model, (fitted, tested) in (("_before", before, was), ("", after, now)):
        labels = tested.labels[EMBEDDING]
        probe = Probe(fitted.features[EMBEDDING], fitted.labels[EMBEDDING])
        found_by = {"shown": tested.predicted, "known": probe.predict(tested.features[EMBEDDING])}
        for name, predicted in found_by.items():
            found[name + suffix] = [class_accuracy(labels, predicted, [each]) for each in classes]
        found["cosine" + suffix] = _cosines(model, tested, classes)
    for layer in was[1].features:
        found["cka_" + layer.replace(" ", "")] = linear_cka(now[1].features[layer], was[1].features[layer])
    for stage, drift in enumerate(region_drift(before, after, tests, classes).values(), start=1):
        for head, values in enumerate(drift.T, start=1):
            found[f"drift_s{stage}h{head}"] = values.tolist()
    return found


def _cosines(model: Segmenter, tested: Samples, classes) -> list[float]:
    """Cosine of every class; NaN where deep heads have no weights to compare."""
    if model.classifier.deep:
        return [float("nan")] * len(classes)
    return alignment(model, tested.features[EMBEDDING], tested.labels[EMBEDDING])[list(classes)].tolist()


class DriftStudy:
    """The study in a folder.

    Args:
        folder: Gets the runs, one study per seed that lesson 11 can open, and what was measured.
        seeds: The seeds to run.
        strategies: Short names, for every world; the whole study if empty.

    Raises:
        UsageError: For a strategy that cannot be measured.
    """

    def __init__(self, folder: str | Path, seeds: tuple[int, ...] = (0,), strategies: tuple[str, ...] = ()):
        self.folder, self.seeds, self.chosen = run_folder(folder), seeds, strategies
        self._studies: dict[tuple[str, int], StudyFolder] = {}
        for name in strategies:
            if find_strategy(name).joint:
                raise UsageError(f"{name} has no drift. {SKIPPED['joint']}")
        (self.folder / "rows").mkdir(parents=True, exist_ok=True)

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

    def path(self, entry: Entry) -> Path:
        """Where the measures of a run are."""
        return self.folder / "rows" / f"{entry.tag}.json"

    def study(self, world: str, seed: int) -> StudyFolder:
        """The runs of a world and a seed; those of one world share their data."""
        if (world, seed) not in self._studies:
            settings = replace(SETTINGS, seed=seed, **WORLDS[world])
            data = next((each.data for (where, _), each in self._studies.items() if where == world), None)
            folder = self.folder / "runs" / f"{slug(world)}-seed{seed}"
            self._studies[world, seed] = StudyFolder(folder, settings, data)
        return self._studies[world, seed]

    def plan(self, entry: Entry) -> Plan:
        """The plan of a run."""
        return self.study(entry.world, entry.seed).plan(entry.strategy)

    def decides(self, entry: Entry) -> str:
        """A hash of everything that decides the measures of a run."""
        return config_hash({**self.plan(entry).config, "places": PLACES, "columns": list(COLUMNS)})

    def missing(self) -> list[Entry]:
        """The runs without measures of their present configuration."""
        found = {entry: self.row(entry) for entry in self.entries()}
        return [entry for entry, row in found.items() if row is None or row["config"] != self.decides(entry)]

    def row(self, entry: Entry) -> dict | None:
        """The measures of a run; None where there are none, or damaged ones, which a warning says."""
        return read_row(self.path(entry), NEEDED)

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
            if part.any() and about["strategies"][name] == mine["strategies"][name]:
                found = {column: each[part].tolist() for column, each in lines.items()}
                write_row(self.path(entry), {**found, "config": self.decides(entry)})
        if not (self.folder / "machine.json").exists():
            write_json(self.folder / "machine.json", about["machine"])

    def work(self) -> None:
        """Train and measure what is missing; the progress counts the iterations that are left to train."""
        left, done = self.missing(), 0
        if not left:
            return
        with Progress(self.iterations(left), "drift study") as progress:

            def report(total: int, label: str) -> Callable[[Iteration], None]:
                nonlocal done
                began, done = done, done + total
                return lambda iteration: progress.update(min(began + iteration.number, progress.total))

            for entry in left:
                self.keep(entry, self.study(entry.world, entry.seed).trained(entry.strategy, report=report))

    def iterations(self, left: list[Entry]) -> int:
        """Iterations that are left to train, those of a shared base step counted once."""
        counts: dict[Path, int] = {}
        for entry in left:
            study, plan = self.study(entry.world, entry.seed), self.plan(entry)
            base = study.base(plan.strategy)
            first = base.plan.schedule(base.plan.steps[0]).iterations
            counts[base.run.folder] = 0 if base.run.is_done(0) else first
            own = Run(study.folder / slug(plan.strategy.name), plan.config)
            later = [step for step in plan.steps[1:] if not own.is_done(step.index)]
            counts[own.folder] = sum(plan.schedule(step).iterations for step in later)
        return sum(counts.values())

    def keep(self, entry: Entry, trained: Experiment) -> None:
        """Measure a finished run and keep what was found."""
        plan, run = trained.plan, trained.run
        scenario, last = plan.scenario, plan.steps[-1]
        classes, confusions = scenario.base, [run.load_confusion(step) for step in (0, last.index)]
        before, after = (iou(confusion)[list(classes)].tolist() for confusion in confusions)
        tests = plan.complete(plan.tests(last))
        found = {
            **dict(strategy=entry.strategy, name=plan.strategy.name, world=entry.world, seed=entry.seed),
            "config": self.decides(entry),
            "class": list(classes),
            **dict(iou_before=before, iou_after=after, new=mean_iou(confusions[1], scenario.added)),
            **measure(trained.model(0), trained.model(last.index), tests, classes, entry.seed),
        }
        write_row(self.path(entry), found)
        write_json(self.folder / "machine.json", machine(plan.device))

    def collect(self) -> tuple[Path, Path]:
        """Write `drift_study.csv`, a line for every run and old class, and `drift_study.json`, which describes it."""
        missing = self.missing()
        table, about = self.folder / "drift_study.csv", self.folder / "drift_study.json"
        write_runs(table, [self.row(entry) for entry in self.entries() if entry not in missing])
        write_json(about, self.describe(missing))
        return table, about

    def describe(self, missing: list[Entry]) -> dict:
        """What the lines stand for, and where the newest of them were measured."""
        where = {"machine": read_json(self.folder / "machine.json")}
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
        {name: value[place] if isinstance(value, list) else value for name, value in run.items() if name != "config"}
        for run in runs
        for place in range(len(run["class"]))
    ]
    write_csv(path, rows, digits=4)


def read_drifts(path: str | Path) -> dict[str, np.ndarray]:
    """The columns of a file that the study wrote, by name: texts, whole numbers, or floats with NaN for no value."""
    rows = read_csv(path, {"strategy": str, "name": str, "world": str, "seed": int, "class": int}, default=float)
    return {name: np.array([each[name] for each in rows]) for row in rows[:1] for name in row}
