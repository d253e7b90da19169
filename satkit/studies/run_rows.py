"""The runs of studies and sweeps as rows: parameters, state and scores of each, to be filtered, sorted and compared."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from satkit.experiments.run_folder import Run
from satkit.experiments.settings import FIELDS
from satkit.strategies import STRATEGIES
from satkit.studies.grid import RANGE
from satkit.studies.overview import study_folders
from satkit.studies.study_result import CONVENTIONS
from satkit.studies.sweep_run import DONE, FAILED, RUNNING, State, at_work, is_sweep, runs_in
from satkit.utils.disk_places import no_file
from satkit.utils.errors import UsageError, choose
from satkit.utils.files import DamagedFile
from satkit.utils.json_form import SCORE, must_hold
from satkit.utils.tables import is_missing

SCORES = ("old", "new", "all", "forgetting", "kept", "average", "base")
CALLED = {"miou": "all"}  # further names of columns
INTERRUPTED, DAMAGED, UNFINISHED = "interrupted", "damaged", "not finished"


@dataclass(frozen=True)
class RunRow:
    """One run.

    Attributes:
        place: The name of its study or sweep.
        run: The name of its folder.
        values: Its parameters by name.
        state: How far it is, in a word.
        scores: What was measured, by name.
        conventions: That the scores follow; empty if they are not known.
        seconds: That it took; None if that is not known.
        why: Why it failed.
    """

    place: str
    run: str
    values: dict
    state: str
    scores: dict[str, float | None] = field(default_factory=dict)
    conventions: dict = field(default_factory=dict)
    seconds: float | None = None
    why: str = ""

    def __getitem__(self, name: str) -> object:
        """A parameter, a score, or another column; None if the run has none of this name."""
        own = {"study": self.place, "run": self.run, "state": self.state, "seconds": self.seconds}
        return {**own, **self.scores, **self.values}.get(name)


def all_rows(root: str | Path) -> list[RunRow]:
    """The runs of all studies and sweeps in a folder, or of the one that it is.

    Raises:
        UsageError: If it is a file, or a file of a run holds something else than it must.
    """
    rows = [row for folder in sweep_folders(root) for row in rows_of_sweep(folder)]
    return rows + ([] if is_sweep(Path(root)) else [row for each in study_folders(root) for row in rows_of_study(each)])


def sweep_folders(root: str | Path) -> list[Path]:
    """The folders of the sweeps in a folder, or the folder itself where it is one.

    Raises:
        UsageError: If it is a file.
    """
    root = no_file(Path(root), "Name the folder that the runs are in.")
    return [root] if is_sweep(root) else [path for path in sorted(root.glob("*")) if path.is_dir() and is_sweep(path)]


def rows_of_sweep(folder: Path) -> list[RunRow]:
    """The runs of a sweep."""
    return [row_of(place, state) for place, state in runs_in(folder).items()]


def row_of(place: Path, state: State) -> RunRow:
    """A run of a sweep."""
    lost = state.state == RUNNING and not at_work(place, state)
    scores = {name: value for name, value in state.scores.items() if isinstance(value, int | float)}
    conventions, known = state.scores.get("conventions"), state.state in (DONE, FAILED)
    return RunRow(
        place.parent.name,
        place.name,
        state.values,
        INTERRUPTED if lost else state.state,
        scores,
        conventions if isinstance(conventions, dict) and set(conventions) >= set(CONVENTIONS) else {},
        state.seconds if known else None,
        state.why,
    )


def rows_of_study(folder: Path) -> list[RunRow]:
    """The runs of a study, without its base steps."""
    places = [config.parent for config in sorted(folder.glob("*/config.json"))]
    return [_row_of_study(place) for place in places if place.name.split("-")[0] != "base"]


def _row_of_study(place: Path) -> RunRow:
    study = place.parent.name
    try:
        run = Run.open(place)
        result = run.result()
    except DamagedFile:
        return RunRow(study, place.name, {"strategy": place.name}, DAMAGED)
    must_hold(place / "config.json", run.config, {"strategy": {"name": str}, "conventions": CONVENTIONS})
    values = {"strategy": run.config["strategy"]["name"]} | {n: run.config[n] for n in FIELDS if n in run.config}
    scores = {name: (result or {})[name] for name in SCORES if name in (result or {})}
    must_hold(place / "result.json", scores, {str: SCORE})
    return RunRow(study, place.name, values, DONE if result else UNFINISHED, scores, run.config["conventions"])


def columns(rows: Sequence[RunRow]) -> list[str]:
    """The names of everything that some row has."""
    names = [name for row in rows for name in (*row.values, *row.scores)]
    return list(dict.fromkeys(["study", "run", "state", "seconds", *names]))


def where(rows: Sequence[RunRow], conditions: Sequence[str]) -> list[RunRow]:
    """The rows that meet all conditions, such as "strategy=sats,mib" or "seed=0-2".

    Raises:
        UsageError: For what is no condition, or a name that no row has.
    """
    for condition in conditions:
        name, equals, text = (part.strip() for part in condition.partition("="))
        if not equals or not text:
            raise UsageError(f"--where takes name=values, as in strategy=sats,mib or seed=0-2, got {condition!r}.")
        if rows:
            name = _column(rows, name)
        rows = [row for row in rows if any(_is(row[name], part.strip()) for part in text.split(","))]
    return list(rows)


def _is(value: object, text: str) -> bool:
    ends = RANGE.fullmatch(text)
    if ends and isinstance(value, int) and not isinstance(value, bool):
        return int(ends[1]) <= value <= int(ends[2])
    asked = {text.lower()} | ({STRATEGIES[text].name.lower()} if text in STRATEGIES else set())
    return str(value).lower() in asked or (isinstance(value, float) and f"{value:g}" == text)


def sort(rows: Sequence[RunRow], name: str) -> list[RunRow]:
    """The rows in the order of a column: scores from the highest, others from the lowest; rows without it last.

    Raises:
        UsageError: For a name that no row has.
    """
    if not rows:
        return []
    name = _column(rows, name)
    there = [row for row in rows if not is_missing(row[name])]
    is_score = any(name in row.scores for row in rows)
    numbers = all(isinstance(row[name], int | float) for row in there)
    key: Callable = (lambda row: row[name]) if numbers else (lambda row: str(row[name]))
    return sorted(there, key=key, reverse=is_score) + [row for row in rows if is_missing(row[name])]


def _column(rows: Sequence[RunRow], name: str) -> str:
    name = CALLED.get(name.lower(), name)
    known = {each: each for each in columns(rows)}
    return choose("column", name, known)
