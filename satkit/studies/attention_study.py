"""The attention study: every strategy with and without attention transfer, in several worlds, over several seeds.

It is a sweep without notebooks, whose runs keep nothing but their scores: a row each. A finished run is never carried
out again as long as its configuration is the same: kill the study at any time and start it again, or let it start from
the rows of another machine. The strategies of one seed share their base step. Which runs there are says
`attention_grid`, and what one of them does `world_runs`.
"""

import math
from dataclasses import asdict
from pathlib import Path

from satkit.evaluation.seeds import SCORES, Row, difference, read_rows, score, write_rows
from satkit.experiments.run_places import run_folder
from satkit.experiments.settings import Settings
from satkit.strategies.lookup import find_strategy
from satkit.studies.attention_grid import ATTENTION, SEEDS, SETTINGS, Entry, entries, with_attention, worlds_of
from satkit.studies.attention_report import markdown
from satkit.studies.sweep import Sweep
from satkit.studies.sweep_run import DONE, SweepRun
from satkit.studies.world_runs import MACHINE, AttentionRuns, keep_done, known_machine, parameters_of
from satkit.utils.files import read_json, replacing, write_json


class ReferenceStudy:
    """The study in a folder.

    Args:
        folder: Where runs are while they are trained, and their scores for good.
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
        self.folder = run_folder(folder).absolute()
        self.seeds, self.strategies, self.settings, self.chosen_worlds = seeds, strategies, settings, worlds
        self.target = AttentionRuns(settings.data, settings)
        self.folder.mkdir(parents=True, exist_ok=True)

    @property
    def worlds(self) -> dict[str, dict]:
        """The worlds of this study by name, with the settings that each changes."""
        every = worlds_of(self.settings.data)
        return {name: every[name] for name in self.chosen_worlds or every}

    def entries(self) -> list[Entry]:
        """The runs of this study."""
        return entries(self.settings.data, self.seeds, self.strategies, self.chosen_worlds)

    def parameters(self, entry: Entry) -> dict:
        """What the command line calls a run."""
        return parameters_of(entry, self.settings.data, self.settings.root)

    def run(self, entry: Entry) -> SweepRun:
        """A run, of its present configuration."""
        return SweepRun(self.target, self.target.everywhere(self.parameters(entry)), self.folder)

    def sweep(self) -> Sweep:
        """All runs, to be carried out."""
        return Sweep(self.target, [self.parameters(entry) for entry in self.entries()], str(self.folder))

    def rows(self) -> list[Row]:
        """The rows of the runs that are finished."""
        found = []
        for entry in self.entries():
            run = self.run(entry)
            if (state := run.state).state == DONE:
                scores = {name: math.nan if state.scores[name] is None else state.scores[name] for name in SCORES}
                more = {"name": self.plan(entry).strategy.name, "config": self.target.decides(run.values)}
                found.append(Row(**asdict(entry), **scores, seconds=state.seconds, **more))
        return found

    def take_rows(self, path: str | Path) -> None:
        """Start from the rows of a CSV file, and the machine that the JSON file beside it names.

        Rows of another configuration are left out, so that their runs are carried out again.
        """
        mine = set(self.entries())
        for row in read_rows(path):
            entry = Entry(row.strategy, row.world, row.seed)
            if entry in mine and self.target.decides(self.parameters(entry)) == row.config:
                run = self.run(entry)
                if run.state.state != DONE:
                    keep_done(run, {name: getattr(row, name) for name in SCORES}, row.seconds)
        about, here = Path(path).with_suffix(".json"), self.folder / MACHINE
        if about.exists() and not here.exists():
            write_json(here, read_json(about)["machine"])

    def missing(self) -> list[Entry]:
        """The runs that are not finished in their present configuration."""
        return [entry for entry in self.entries() if self.run(entry).state.state != DONE]

    def plan(self, entry: Entry):
        """The plan of a run."""
        return self.target.plan(self.parameters(entry))

    def collect(self) -> tuple[Path, Path]:
        """Write `reference_study.csv` and `.json` from the rows of the study, and the tables of results as `.md`."""
        rows = self.rows()
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
            "machine": known_machine(self.folder),
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
