"""The reference study: every strategy with and without attention transfer, in two worlds, over several seeds.

It trains without notebooks, in as many processes as there are cores, and keeps one row of scores per run. A finished
row is never computed again as long as its configuration is the same: kill the study at any time and start it again, or
let it start from the rows of another machine. The strategies of one seed share their base step, in both worlds.
"""

import hashlib
import json
import math
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from satkit.evaluation.metrics import mean_iou
from satkit.evaluation.seeds import SCORES, Row, difference, effect_table, read_rows, score, write_rows
from satkit.experiments.experiment import Experiment
from satkit.experiments.run_folder import RECORDED_ONLY, Run, run_folder, slug
from satkit.experiments.settings import Settings
from satkit.experiments.shared_base import base_folder, open_base, take_base
from satkit.strategies.lookup import find_strategy
from satkit.utils.files import read_json, replacing, try_lock, write_json
from satkit.utils.progress import format_seconds
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


def experiment(entry: Entry, shift: float = SHIFT) -> Experiment:
    """The experiment of one run."""
    return Experiment(replace(SETTINGS, seed=entry.seed, shift=worlds(shift)[entry.world]), entry.strategy)


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
        return path.exists() and read_json(path)["config"] == config_hash(self.open(entry).config)

    def open(self, entry: Entry) -> Experiment:
        """The experiment of a run; its data are loaded once."""
        key = (entry.strategy, entry.world, entry.seed)
        if key not in _EXPERIMENTS:
            _EXPERIMENTS[key] = experiment(entry, self.shift)
            first = next(iter(_EXPERIMENTS.values()))
            _EXPERIMENTS[key].data = first.data
        return _EXPERIMENTS[key]

    def work(self) -> None:
        """Do what no other process is doing, until nothing is left."""
        while left := self.missing():
            if not any([self.try_run(entry) for entry in left]):
                time.sleep(2.0)

    def try_run(self, entry: Entry) -> bool:
        """Train one run, its base step first; False if another process is at one of them."""
        found = self.open(entry)
        base = None if found.strategy.joint else self.base(found)
        if base is not None and not base[1].is_done(0):
            with self.claimed(f"seed{entry.seed}-{base_folder(found.strategy)}") as mine:
                if not mine:
                    return False
                base[0].learn(base[1], 0)
        if base is not None:
            self.check_base(entry, base[1])
        with self.claimed(entry.tag) as mine:
            if not mine or self.is_finished(entry):
                return False
            self.run(entry, found, base[1] if base else None)
        return True

    def base(self, found: Experiment) -> tuple[Experiment, Run]:
        """The base step that an experiment starts from."""
        base, run = open_base(self.folder / "runs" / f"seed{found.settings.seed}", found.settings, found.strategy)
        base.data = found.data
        return base, run

    def check_base(self, entry: Entry, base: Run) -> None:
        """Differences are taken within a seed, so its rows must all start from this base step.

        Raises:
            ReferenceFailed: If some do not: another machine trains the same base step a little differently.
        """
        confusion = base.load_confusion(0)
        began = mean_iou(confusion, range(len(confusion)))
        for row in self.rows():
            other = self.open(Entry(row.strategy, row.world, row.seed))
            shares = not other.strategy.joint and base_folder(other.strategy) == base.name
            if row.seed == entry.seed and shares and abs(row.base - began) > 1e-5:
                raise ReferenceFailed(
                    f"The rows of seed {row.seed} must start from one base step. {row.strategy} began with a mean IoU "
                    f"of {row.base:.4f}, and the base step of this machine has {began:.4f}. Run it without --rows, "
                    "in a folder of its own, with --strategies for those that are to be compared."
                )

    def run(self, entry: Entry, found: Experiment, base: Run | None) -> None:
        """Train a run to its end, keep its row and remove the rest."""
        decides = config_hash(found.config)
        run = found.open(self.folder / "runs" / f"{entry.tag}-{decides}")
        if base is not None and not run.is_done(0):
            take_base(run, base, found.strategy)
        began = time.monotonic()
        for step in found.steps:
            if not run.is_done(step.index) or run.result() is None:
                found.learn(run, step.index)
        result, name = run.result(), found.strategy.name
        scores = {key: math.nan if result[key] is None else result[key] for key in SCORES}
        seconds = round(time.monotonic() - began, 1)
        where = dict(strategy=entry.strategy, name=name, world=entry.world, seed=entry.seed)
        row = Row(**where, **scores, seconds=seconds, config=decides)
        write_json(self.folder / "rows" / f"{entry.tag}.json", asdict(row))
        write_json(self.folder / "machine.json", machine(found.device))
        shutil.rmtree(run.folder)

    @contextmanager
    def claimed(self, name: str) -> Iterator[bool]:
        """Whether this process holds a piece of work; nobody else does while the block runs."""
        with (self.folder / "locks" / f"{name}.lock").open("a+") as lock:
            yield try_lock(lock)

    def collect(self) -> tuple[Path, Path]:
        """Write `reference_study.csv` and `.json` from the rows of this study, and the table for README as `.md`."""
        present = {(e.strategy, e.world, e.seed): config_hash(self.open(e).config) for e in self.entries()}
        rows = [row for row in self.rows() if present.get((row.strategy, row.world, row.seed)) == row.config]
        table, about = self.folder / "reference_study.csv", self.folder / "reference_study.json"
        write_rows(table, rows)
        write_json(about, self.describe(rows))
        with replacing(table.with_suffix(".md")) as temporary:
            temporary.write_text(markdown(rows, read_json(about)) + "\n", encoding="utf-8")
        return table, about

    def describe(self, rows: list[Row]) -> dict:
        """What the rows stand for, and what follows from them. The machine is that of the newest row."""
        plain = self.open(Entry("sats", "plain", self.seeds[0]))
        texts = list(dict.fromkeys(entry.strategy for entry in self.entries()))
        pairs = {name: with_attention(name) for name in ATTENTION if {name, with_attention(name)} <= set(texts)}
        return {
            "settings": {
                **asdict(SETTINGS),
                "seed": list(self.seeds),
                "order": list(plain.scenario.order),
                "shift": None,
            },
            "worlds": worlds(self.shift),
            "backbone": plain.backbone,
            "schedules": [asdict(plain.schedule(step)) for step in plain.steps],
            "joint_schedule": asdict(self.open(Entry("joint", "plain", self.seeds[0])).schedule(plain.steps[0])),
            "data_options": plain.preset.data,
            "data_fingerprint": plain.data.fingerprint,
            "conventions": plain.conventions,
            "machine": read_json(self.folder / "machine.json"),
            "strategies": {text: plain.preset.adapt(find_strategy(text)).describe() for text in texts},
            "seconds": sum(row.seconds for row in rows),
            "missing": [asdict(entry) for entry in self.missing()],
            "scores": {
                world: {
                    text: {key: asdict(score(rows, text, world, key)) for key in ("old", "new", "all", "kept")}
                    for text in texts
                }
                for world in worlds()
            },
            "with_attention": pairs,
            "effect_of_attention": {
                world: {
                    name: {
                        key: asdict(difference(rows, transferred, name, world, key)) for key in ("old", "new", "all")
                    }
                    for name, transferred in pairs.items()
                }
                for world in worlds()
            },
        }


_EXPERIMENTS: dict[tuple, Experiment] = {}


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


def work_in_processes(study: ReferenceStudy, jobs: int = 0, seconds: float = 5.0) -> None:
    """Work on a study in several processes, each with its share of the cores, until every row is there.

    One thread per process is used best by models as small as these. Interrupted, the processes keep a checkpoint.

    Args:
        jobs: Processes; 0 for one per core.
        seconds: Between two looks at how far it is.

    Raises:
        ReferenceFailed: If a process fails; what is finished is kept.
    """
    cores = os.cpu_count() or 1
    jobs = jobs or cores
    total, began, before = len(study.entries()), time.monotonic(), len(study.missing())
    if not before:
        return
    threads = str(max(1, cores // jobs))
    environment = {**os.environ, "OMP_NUM_THREADS": threads, "MKL_NUM_THREADS": threads}
    command = [sys.executable, "-m", "satkit", "reference", "--worker", "--out", str(study.folder)]
    command += ["--seeds", ",".join(map(str, study.seeds)), "--strategies", ",".join(study.strategies)]
    processes = [subprocess.Popen(command, env=environment) for _ in range(jobs)]
    try:
        shown = None
        while any(process.poll() is None for process in processes):
            time.sleep(seconds)
            left = len(study.missing())
            if left != shown:
                done = before - left
                spent = time.monotonic() - began
                guess = f"about {format_seconds(spent / done * left)} left" if done else "no estimate yet"
                print(f"{total - left} of {total} runs, {guess}", file=sys.stderr, flush=True)
                shown = left
    finally:
        for process in processes:
            if process.poll() is None:
                process.terminate()
        codes = [process.wait() for process in processes]
    if any(codes):
        raise ReferenceFailed(
            f"The processes of the reference study ended with the exit codes {codes}, the reason stands above. What is "
            "finished is kept; run the same command again to go on."
        )
