"""The reference study: every strategy with and without attention transfer, in two worlds, over several seeds.

It trains without notebooks, in as many processes as there are cores, and keeps one row of scores per run. A finished
row is never computed again as long as its configuration is the same: kill the study at any time and start it again, or
let it start from the rows of another machine. The strategies of one seed share their base step, in both worlds.
"""

import hashlib
import json
import math
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from satkit.evaluation.metrics import mean_iou
from satkit.evaluation.seeds import SCORES, Row, difference, effect_table, read_rows, score, write_rows
from satkit.experiments.experiment import Experiment
from satkit.experiments.plan import Plan
from satkit.experiments.run_folder import RECORDED_ONLY, run_folder
from satkit.experiments.settings import Settings
from satkit.experiments.shared_base import base_folder, take_base
from satkit.experiments.study_folder import StudyFolder
from satkit.strategies.lookup import find_strategy
from satkit.utils.files import read_json, replacing, try_lock, write_json
from satkit.utils.names import slug
from satkit.utils.provenance import machine

ATTENTION = ("pseudo+distillation", "mib", "pseudo", "plop", "lwf", "ilt", "ewf", "sdr", "rcil", "lwf-mc", "dkd")
ALONE = ("ewc", "pi", "rw", "ssul", "dft")
MEMORY = ("fine-tuning", "mib", "plop", "sats")
POOLINGS = ("attention-image", "attention-none", "attention-regions")
WEIGHTS = (5, 100, 400)
SHIFT = 0.65  # chosen so that pseudo-labels with distillation keep about half of the base classes
SEEDS = (0, 1, 2)
SETTINGS = Settings(data="scenes", task="15-1", preset="reference")


class ReferenceFailed(RuntimeError):
    """A process of the study ended with an error; what is finished is kept."""


@dataclass(frozen=True)
class Entry:
    """One run of the study: a strategy in a world with a seed."""

    strategy: str
    world: str
    seed: int

    @property
    def tag(self) -> str:
        """Name of its files."""
        return f"{self.world}-seed{self.seed}-{slug(self.strategy.replace('+', ' '))}"


def worlds(shift: float = SHIFT) -> dict[str, float]:
    """The worlds by name, with the shift in each."""
    return {"plain": 0.0, "shifted": shift}


def compared() -> tuple[str, ...]:
    """The strategies that say what attention transfer does, the most telling first."""
    paired = [text for name in ATTENTION for text in (name, with_attention(name))]
    memory = [f"{name}+memory" for name in MEMORY]
    pooling = [f"pseudo+distillation+{part}" for part in POOLINGS]
    weights = [f"sats+attention={weight}" for weight in WEIGHTS]
    return ("fine-tuning", *paired, *memory, *pooling, *weights)


def with_attention(name: str) -> str:
    """The same strategy with attention transfer; SATS is what pseudo-labels and distillation become."""
    return "sats" if name == "pseudo+distillation" else f"{name}+attention"


def entries(seeds: tuple[int, ...] = SEEDS, strategies: tuple[str, ...] = ()) -> list[Entry]:
    """Every run, seed by seed, so that a study that is cut short has whole seeds; strategies that stand alone last.

    Args:
        strategies: Only these; all of the reference study if empty.
    """
    if strategies:
        seen_in = {name: ["plain"] if find_strategy(name).joint else worlds() for name in strategies}
        return [Entry(name, world, seed) for seed in seeds for name in strategies for world in seen_in[name]]
    found = [Entry(name, world, seed) for seed in seeds for name in compared() for world in worlds()]
    found += [Entry(name, world, seed) for seed in seeds for name in ALONE for world in worlds()]
    return found + [Entry("joint", "plain", seed) for seed in seeds]  # all in one step, which nothing shifts


def config_hash(config: dict) -> str:
    """A hash of everything that decides a result."""
    decides = {key: value for key, value in config.items() if key not in RECORDED_ONLY}
    return hashlib.sha256(json.dumps(decides, sort_keys=True).encode()).hexdigest()[:12]


class ReferenceStudy:
    """The study in a folder.

    Args:
        folder: Where runs are while they are trained, and rows for good.
        seeds: The seeds to run.
        strategies: Only these, in both worlds, for a study of its own; empty: the whole reference study.
        shift: Of the shifted world.
    """

    def __init__(
        self,
        folder: str | Path,
        seeds: tuple[int, ...] = SEEDS,
        strategies: tuple[str, ...] = (),
        shift: float = SHIFT,
    ):
        self.folder = run_folder(folder)
        self.seeds, self.strategies, self.shift = seeds, strategies, shift
        self._plans: dict[Entry, Plan] = {}
        for name in ("rows", "locks"):
            (self.folder / name).mkdir(parents=True, exist_ok=True)

    def entries(self) -> list[Entry]:
        """The runs of this study."""
        return entries(self.seeds, self.strategies)

    def rows(self) -> list[Row]:
        """The rows that are finished."""
        found = [read_json(path) for path in sorted((self.folder / "rows").glob("*.json"))]
        return [Row(**{key: math.nan if value is None else value for key, value in row.items()}) for row in found]

    def take_rows(self, path: str | Path) -> None:
        """Start from the rows of a CSV file, and the machine that the JSON file beside it names.

        Rows of another configuration are computed again.
        """
        for row in read_rows(path):
            target = self.folder / "rows" / f"{Entry(row.strategy, row.world, row.seed).tag}.json"
            if not target.exists():
                write_json(target, asdict(row))
        about, here = Path(path).with_suffix(".json"), self.folder / "machine.json"
        if about.exists() and not here.exists():
            write_json(here, read_json(about)["machine"])

    def missing(self) -> list[Entry]:
        """The runs without a row of their present configuration."""
        return [entry for entry in self.entries() if not self.is_finished(entry)]

    def is_finished(self, entry: Entry) -> bool:
        """Whether a run has a row of its present configuration."""
        path = self.folder / "rows" / f"{entry.tag}.json"
        return path.exists() and read_json(path)["config"] == config_hash(self.plan(entry).config)

    def plan(self, entry: Entry) -> Plan:
        """The plan of a run; all plans of the study share their data."""
        if entry not in self._plans:
            settings = replace(SETTINGS, seed=entry.seed, shift=worlds(self.shift)[entry.world])
            data = next(iter(self._plans.values())).data if self._plans else None
            self._plans[entry] = Plan(settings, entry.strategy, data)
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
            with self.claimed(f"seed{entry.seed}-{base_folder(plan.strategy)}") as mine:
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
        folder = self.folder / "runs" / f"seed{plan.settings.seed}"
        return StudyFolder(folder, plan.settings, plan.data).base(plan.strategy)

    def check_base(self, entry: Entry, base: Experiment) -> None:
        """Differences are taken within a seed, so its rows must all start from this base step.

        Raises:
            ReferenceFailed: If some do not: another machine trains the same base step a little differently.
        """
        confusion = base.run.load_confusion(0)
        began = mean_iou(confusion, range(len(confusion)))
        for row in self.rows():
            other = self.plan(Entry(row.strategy, row.world, row.seed))
            shares = not other.strategy.joint and base_folder(other.strategy) == base.run.name
            if row.seed == entry.seed and shares and abs(row.base - began) > 1e-5:
                raise ReferenceFailed(
                    f"The rows of seed {row.seed} must start from one base step. {row.strategy} began with a mean IoU "
                    f"of {row.base:.4f}, and the base step of this machine has {began:.4f}. Run it without --rows, "
                    "in a folder of its own, with --strategies for those that are to be compared."
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
        write_json(self.folder / "rows" / f"{entry.tag}.json", asdict(row))
        write_json(self.folder / "machine.json", machine(plan.device))
        shutil.rmtree(run.folder)

    @contextmanager
    def claimed(self, name: str) -> Iterator[bool]:
        """Whether this process holds a piece of work; no other process does while the block runs."""
        with (self.folder / "locks" / f"{name}.lock").open("a+") as lock:
            yield try_lock(lock)

    def collect(self) -> tuple[Path, Path]:
        """Write `reference_study.csv` and `.json` from the rows of the study, and the table of results as `.md`."""
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
            "scores": {world: _scores(rows, texts, world) for world in worlds()},
            "with_attention": pairs,
            "effect_of_attention": {world: _effects(rows, pairs, world) for world in worlds()},
        }

    def set_up(self, texts: list[str]) -> dict:
        """What every run of the study has in common, and its strategies in full."""
        plain = self.plan(Entry("sats", "plain", self.seeds[0]))
        joint = self.plan(Entry("joint", "plain", self.seeds[0]))
        chosen = {**SETTINGS.plain(), "seed": list(self.seeds), "order": list(plain.scenario.order), "shift": None}
        return {
            "settings": chosen,
            "worlds": worlds(self.shift),
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
    keys = ("old", "new", "all", "kept")
    return {text: {key: asdict(score(rows, text, world, key)) for key in keys} for text in texts}


def _effects(rows: list[Row], pairs: dict[str, str], world: str) -> dict:
    keys = ("old", "new", "all")
    return {
        name: {key: asdict(difference(rows, with_it, name, world, key)) for key in keys}
        for name, with_it in pairs.items()
    }


def markdown(rows: list[Row], about: dict) -> str:
    """What attention transfer does to each strategy, as a Markdown table with what a reader must know beside it."""
    settings, machine, worlds = about["settings"], about["machine"], about["worlds"]
    pairs = {name: about["with_attention"][name] for name in about["effect_of_attention"]["plain"]}
    seeds = ", ".join(str(seed) for seed in sorted({row.seed for row in rows}))
    threads = "1 thread" if machine["threads"] == 1 else f"{machine['threads']} threads"
    missing = f"; {len(about['missing'])} runs are still missing" if about["missing"] else ""
    where = f"{settings['data']} {settings['task']} {settings['setting']}, preset {settings['preset']}"
    made = f"{threads} each on {machine['device']}, torch {machine['torch']}"
    note = (
        f"`satkit reference`: {where}, seeds {seeds}, {len(rows)} runs{missing}, {made}. Mean IoU with attention "
        "transfer minus without, in percentage points, after the last step; the shifted world has shift "
        f"{worlds['shifted']:g}. After ±, half the 95 % interval over seeds (Student's t, pairs of one seed); bold: it "
        "excludes zero. Old: classes of the base step, background included; new: classes learnt later."
    )
    return effect_table(rows, pairs, worlds, note).markdown()
