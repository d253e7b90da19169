"""The attention study: every strategy with and without attention transfer, in several worlds, over several seeds.

It trains without notebooks, in as many processes as there are cores, and keeps one row of scores per run. A finished
row is never computed again as long as its configuration is the same: kill the study at any time and start it again, or
let it start from the rows of another machine. The strategies of one seed share their base step. Which runs there are
says `attention_grid`.
"""

import math
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, fields, replace
from pathlib import Path

from satkit.data import SegmentationData
from satkit.evaluation.metrics import mean_iou
from satkit.evaluation.seeds import SCORES, Row, difference, read_rows, score, write_rows
from satkit.experiments.configuration import config_hash
from satkit.experiments.experiment import Experiment
from satkit.experiments.plan import Plan
from satkit.experiments.run_places import run_folder
from satkit.experiments.settings import Settings
from satkit.experiments.shared_base import take_base
from satkit.experiments.study_folder import StudyFolder
from satkit.strategies.lookup import find_strategy
from satkit.studies.attention_grid import ATTENTION, SEEDS, SETTINGS, Entry, entries, with_attention, worlds_of
from satkit.studies.attention_report import markdown
from satkit.studies.row_files import read_row, write_row
from satkit.utils.files import read_json, replacing, try_lock, write_json
from satkit.utils.provenance import machine

NAMES = tuple(field.name for field in fields(Row))


class ReferenceFailed(RuntimeError):
    """A process of the study ended with an error; what is finished is kept."""

    exit_code = 1


class ReferenceStudy:
    """The study in a folder.

    Args:
        folder: Where runs are while they are trained, and rows for good.
        seeds: The seeds to run.
        strategies: Only these, in every world, for a study of its own; empty: the whole study.
        settings: Data set, task and preset; those of the scenes' study by default.
        worlds: Only these; empty: all of the data set.
    """

    def __init__(
        self,
        folder: str | Path,
        seeds: tuple[int, ...] = SEEDS,
        strategies: tuple[str, ...] = (),
        settings: Settings = SETTINGS["scenes"],
        worlds: tuple[str, ...] = (),
    ):
        self.folder = run_folder(folder)
        self.seeds, self.strategies, self.settings, self.chosen_worlds = seeds, strategies, settings, worlds
        self._plans: dict[Entry, Plan] = {}
        self._data: dict[tuple[float, str], SegmentationData] = {}
        for name in ("rows", "locks"):
            (self.folder / name).mkdir(parents=True, exist_ok=True)

    @property
    def worlds(self) -> dict[str, dict]:
        """The worlds of this study by name, with the settings that each changes."""
        every = worlds_of(self.settings.data)
        return {name: every[name] for name in self.chosen_worlds or every}

    def entries(self) -> list[Entry]:
        """The runs of this study."""
        return entries(self.settings.data, self.seeds, self.strategies, self.chosen_worlds)

    def rows(self) -> list[Row]:
        """The rows that are finished."""
        found = [read_row(path, NAMES) for path in sorted((self.folder / "rows").glob("*.json"))]
        return [Row(**{name: math.nan if row[name] is None else row[name] for name in NAMES}) for row in found if row]

    def take_rows(self, path: str | Path) -> None:
        """Start from the rows of a CSV file, and the machine that the JSON file beside it names.

        Rows of another configuration are computed again.
        """
        for row in read_rows(path):
            target = self.row_file(Entry(row.strategy, row.world, row.seed))
            if not target.exists():
                write_row(target, asdict(row))
        about, here = Path(path).with_suffix(".json"), self.folder / "machine.json"
        if about.exists() and not here.exists():
            write_json(here, read_json(about)["machine"])

    def missing(self) -> list[Entry]:
        """The runs without a row of their present configuration."""
        return [entry for entry in self.entries() if not self.is_finished(entry)]

    def is_finished(self, entry: Entry) -> bool:
        """Whether a run has a row of its present configuration."""
        row = read_row(self.row_file(entry), NAMES)
        return row is not None and row["config"] == config_hash(self.plan(entry).config)

    def row_file(self, entry: Entry) -> Path:
        """Where the row of a run is."""
        return self.folder / "rows" / f"{entry.tag}.json"

    def plan(self, entry: Entry) -> Plan:
        """The plan of a run; plans of one habitat and one preset share their data."""
        if entry not in self._plans:
            settings = replace(self.settings, seed=entry.seed, **self.worlds[entry.world])
            images = (settings.habitat, settings.preset)
            plan = Plan(settings, entry.strategy, self._data.get(images))
            self._data.setdefault(images, plan.data)
            self._plans[entry] = plan
        return self._plans[entry]

    def work(self) -> None:
        """Do what no other process is doing, until nothing is left."""
        while left := self.missing():
            if not any([self.try_run(entry) for entry in left]):
                time.sleep(2.0)

    def try_run(self, entry: Entry) -> bool:
        """Train one run, its base step first; False if another process is at one of them."""
        plan = self.plan(entry)
        base = None if plan.strategy.joint else self.base(plan)
        if base is not None and not base.run.is_done(0):
            with self.claimed(f"{base.run.folder.parent.name}-{base.run.name}") as mine:
                if not mine:
                    return False
                base.learn(0)
        if base is not None:
            self.check_base(entry, base)
        with self.claimed(entry.tag) as mine:
            if not mine or self.is_finished(entry):
                return False
            self.run(entry, plan, base)
        return True

    def base(self, plan: Plan) -> Experiment:
        """The base step that a plan starts from."""
        folder = self.folder / "runs" / replace(plan.settings, shift=0.0).name(plan.task)
        return StudyFolder(folder, plan.settings, plan.data).base(plan.strategy)

    def check_base(self, entry: Entry, base: Experiment) -> None:
        """Differences are taken within a seed, so its rows must all start from this base step.

        Raises:
            ReferenceFailed: If some do not: another machine trains the same base step a little differently.
        """
        confusion = base.run.load_confusion(0)
        began = mean_iou(confusion, range(len(confusion)))
        for row in self.rows():
            if row.seed != entry.seed or row.world not in self.worlds:
                continue
            other = self.plan(Entry(row.strategy, row.world, row.seed))
            shares = not other.strategy.joint and self.base(other).run.folder == base.run.folder
            if shares and abs(row.base - began) > 1e-5:
                raise ReferenceFailed(
                    f"The rows of seed {row.seed} must start from one base step. {row.strategy} began with a mean IoU "
                    f"of {row.base:.4f}, and the base step of this machine has {began:.4f}. Run it in a "
                    "folder of its own, without rows of another machine, with --strategies for what is to be compared."
                )

    def run(self, entry: Entry, plan: Plan, base: Experiment | None) -> None:
        """Train a run to its end, keep its row and remove the rest."""
        decides = config_hash(plan.config)
        experiment = Experiment.open(plan, self.folder / "runs" / f"{entry.tag}-{decides}")
        run = experiment.run
        if base is not None and not run.is_done(0):
            take_base(experiment, base)
        began = time.monotonic()
        for step in plan.steps:
            if not run.is_done(step.index) or run.result() is None:
                experiment.learn(step.index)
        result, name = run.result(), plan.strategy.name
        scores = {key: math.nan if result[key] is None else result[key] for key in SCORES}
        seconds = round(time.monotonic() - began, 1)
        where = dict(strategy=entry.strategy, name=name, world=entry.world, seed=entry.seed)
        row = Row(**where, **scores, seconds=seconds, config=decides)
        write_row(self.row_file(entry), asdict(row))
        write_json(self.folder / "machine.json", machine(plan.device))
        shutil.rmtree(run.folder)

    @contextmanager
    def claimed(self, name: str) -> Iterator[bool]:
        """Whether this process holds a piece of work; no other process does while the block runs."""
        with (self.folder / "locks" / f"{name}.lock").open("a+") as lock:
            yield try_lock(lock)

    def collect(self) -> tuple[Path, Path]:
        """Write `reference_study.csv` and `.json` from the rows of the study, and the tables of results as `.md`."""
        present = {(e.strategy, e.world, e.seed): config_hash(self.plan(e).config) for e in self.entries()}
        rows = [row for row in self.rows() if present.get((row.strategy, row.world, row.seed)) == row.config]
        table, about = self.folder / "reference_study.csv", self.folder / "reference_study.json"
        write_rows(table, rows)
        write_json(about, self.describe(rows))
        with replacing(table.with_suffix(".md")) as temporary:
            temporary.write_text(markdown(rows, read_json(about)) + "\n", encoding="utf-8")
        return table, about

    def describe(self, rows: list[Row]) -> dict:
        """What the rows stand for, and what follows from them. The machine is that of the newest row."""
        texts = list(dict.fromkeys(entry.strategy for entry in self.entries()))
        pairs = {name: with_attention(name) for name in ATTENTION if {name, with_attention(name)} <= set(texts)}
        return {
            **self.set_up(texts),
            "seconds": sum(row.seconds for row in rows),
            "missing": [asdict(entry) for entry in self.missing()],
            "scores": {world: _scores(rows, texts, world) for world in self.worlds},
            "with_attention": pairs,
            "effect_of_attention": {world: _effects(rows, pairs, world) for world in self.worlds},
        }

    def set_up(self, texts: list[str]) -> dict:
        """What every run of the study has in common, and its strategies in full."""
        main = next(iter(self.worlds))
        plain, joint = (self.plan(Entry(name, main, self.seeds[0])) for name in ("sats", "joint"))
        chosen = {**self.settings.plain(), "seed": list(self.seeds), "order": list(plain.scenario.order), "root": ""}
        return {
            "settings": chosen,
            "worlds": self.worlds,
            "backbone": plain.backbone,
            "schedules": [asdict(plain.schedule(step)) for step in plain.steps],
            "joint_schedule": asdict(joint.schedule(plain.steps[0])),
            "data_options": plain.preset.data,
            "data_fingerprint": plain.data.fingerprint,
            "conventions": plain.conventions,
            "machine": read_json(self.folder / "machine.json"),
            "strategies": {text: plain.preset.adapt(find_strategy(text)).describe() for text in texts},
        }


def _scores(rows: list[Row], texts: list[str], world: str) -> dict:
    keys, there = ("old", "new", "all", "kept"), {row.strategy for row in rows if row.world == world}
    return {text: {key: asdict(score(rows, text, world, key)) for key in keys} for text in texts if text in there}


def _effects(rows: list[Row], pairs: dict[str, str], world: str) -> dict:
    keys, there = ("old", "new", "all"), {row.strategy for row in rows if row.world == world}
    return {
        name: {key: asdict(difference(rows, with_it, name, world, key)) for key in keys}
        for name, with_it in pairs.items()
        if {name, with_it} <= there
    }
