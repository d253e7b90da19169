"""Tables of runs: a line per run, or means with their intervals over seeds and orders, with the scores' conventions."""

import math
from collections.abc import Sequence
from pathlib import Path

from satkit.evaluation.conventions import sentence
from satkit.evaluation.seeds import Estimate, estimate
from satkit.studies.overview import MEANING
from satkit.studies.run_rows import FAILED, SCORES, RunRow
from satkit.utils.csv_files import write_csv
from satkit.utils.progress import format_seconds
from satkit.utils.tables import RIGHT, Column, Table, in_percent, is_missing

OVER = ("seed", "order")  # parameters over which means are taken
SHOWN = ("old", "new", "all", "forgetting", "kept")  # scores of satkit in a table; a file has all
LONGEST = 40  # characters of a value
INTERVAL = (
    "Mean ± half of the 95 % interval of the mean (Student's t), over the runs that differ in {} only; runs: how many."
)


def run_table(rows: Sequence[RunRow]) -> Table:
    """A line per run: in what it differs from others, its state and its scores in percent."""
    named, scores, letters = varying(rows), _scores(rows), _letters(rows)
    several = len({row.place for row in rows}) > 1
    columns = [Column("study")] * several + [Column(name, form=_short) for name in named]
    columns += [Column("state"), Column("time", RIGHT, form=format_seconds)]
    columns += [Column(name, RIGHT, form=in_percent if name in SCORES else in_digits) for name in scores]
    columns += [Column("conventions")] * (len(letters) > 1)
    lines = [
        [
            *([row.place] if several else []),
            *(row.values.get(name) for name in named),
            row.state,
            row.seconds,
            *(_number(row, name) for name in scores),
            *([letters.get(_key(row))] if len(letters) > 1 else []),
        ]
        for row in rows
    ]
    return Table(columns, lines, _note(rows, letters))


def mean_table(rows: Sequence[RunRow]) -> Table:
    """A line for runs that differ in seed and order only: mean and interval of every score, in percentage points."""
    finished = [row for row in rows if any(_number(row, name) is not None for name in row.scores)]
    groups: dict[tuple, list[RunRow]] = {}
    for row in finished:
        groups.setdefault(_apart_from_chance(row), []).append(row)
    firsts = [group[0] for group in groups.values()]
    named, scores, letters = [name for name in varying(firsts) if name not in OVER], _scores(finished), _letters(rows)
    columns = [Column(name, form=_short) for name in named] + [Column("runs", RIGHT)]
    columns += [Column(name, RIGHT, form=mean_in_percent if name in SCORES else mean_in_digits) for name in scores]
    columns += [Column("conventions")] * (len(letters) > 1)
    lines = []
    for group in groups.values():
        found = [estimate(value for row in group if (value := _number(row, name)) is not None) for name in scores]
        letter = [letters.get(_key(group[0]))] if len(letters) > 1 else []
        lines.append([*(group[0].values.get(name) for name in named), len(group), *found, *letter])
    over = " and ".join(name for name in OVER if name in varying(finished)) or "seed"
    return Table(columns, lines, f"{INTERVAL.format(over)} {_note(rows, letters)}")


def mean_in_percent(found: Estimate) -> str:
    """A mean of shares with its interval, in percent; one run has none."""
    if not found.seeds:
        return "-"
    return in_percent(found.mean) + (f" ± {100 * found.half_width:.1f}" if found.seeds > 1 else "")


def mean_in_digits(found: Estimate) -> str:
    """A mean of other numbers with its interval."""
    if not found.seeds:
        return "-"
    return in_digits(found.mean) + (f" ± {in_digits(found.half_width)}" if found.seeds > 1 else "")


def in_digits(value: float) -> str:
    """A number that is no share, as a cell of a table."""
    return f"{value:.4g}"


def has_several(rows: Sequence[RunRow]) -> bool:
    """Whether some runs differ in seed or order only."""
    return len({_apart_from_chance(row) for row in rows}) < len(rows)


def write_rows(path: Path, rows: Sequence[RunRow]) -> None:
    """Every run with everything that is known of it, as CSV: parameters, state, scores, conventions."""
    names = list(dict.fromkeys(name for row in rows for name in row.values))
    scores = list(dict.fromkeys(name for row in rows for name in row.scores))
    lines = [
        {
            "study": row.place,
            "run": row.run,
            **{name: _plain(row.values.get(name)) for name in names},
            "state": row.state,
            "seconds": row.seconds,
            **{name: row.scores.get(name) for name in scores},
            "conventions": sentence(row.conventions) if row.conventions else None,
            "error": row.why or None,
        }
        for row in rows
    ]
    fixed = ["study", "run", *names, "state", "seconds", *scores, "conventions", "error"]
    write_csv(path, lines, list(dict.fromkeys(fixed)))


def failures(rows: Sequence[RunRow]) -> list[str]:
    """A line for every run that has failed, with its failing cell or error."""
    named = varying(rows)
    return [
        f"failed: {', '.join(f'{name} {_short(row.values.get(name))}' for name in named)} ({row.run}): {row.why}"
        for row in rows
        if row.state == FAILED
    ]


def varying(rows: Sequence[RunRow]) -> list[str]:
    """The parameters in which runs differ; the strategy also if there is only one."""
    names = list(dict.fromkeys(name for row in rows for name in row.values))
    different = [name for name in names if len({repr(row.values.get(name)) for row in rows}) > 1]
    return different or [name for name in ("strategy", "seed") if name in names]


def _apart_from_chance(row: RunRow) -> tuple:
    """What runs have in common over which a mean is taken, the conventions of their scores included."""
    kept = {name: value for name, value in row.values.items() if name not in OVER}
    return repr(sorted(kept.items())), _key(row)


def _scores(rows: Sequence[RunRow]) -> list[str]:
    """The scores of a table: those of satkit that are shown, and all that a notebook of somebody's own has left."""
    there = list(dict.fromkeys(name for row in rows for name in row.scores))
    return [name for name in SHOWN if name in there] + [name for name in there if name not in SCORES]


def _letters(rows: Sequence[RunRow]) -> dict[str, str]:
    """A letter for each kind of conventions."""
    kinds = list(dict.fromkeys(_key(row) for row in rows if row.conventions))
    return {kind: chr(ord("a") + number % 26) * (1 + number // 26) for number, kind in enumerate(kinds)}


def _key(row: RunRow) -> str:
    return sentence(row.conventions) if row.conventions else ""


def _note(rows: Sequence[RunRow], letters: dict[str, str]) -> str:
    """What the scores are, and the conventions that they follow."""
    if not letters:
        return MEANING if any("all" in row.scores for row in rows) else ""
    if len(letters) == 1:
        return f"{MEANING} {next(iter(letters))}"
    listed = " ".join(f"{letter}: {kind}" for kind, letter in letters.items())
    return f"{MEANING} Conventions, which scores must share to be compared: {listed}"


def _number(row: RunRow, name: str) -> float | None:
    value = row.scores.get(name)
    return None if is_missing(value) or not math.isfinite(value) else value


def _short(value: object) -> str:
    text = _plain(value)
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 3]}..."


def _plain(value: object) -> str:
    if isinstance(value, list | tuple):
        return ",".join(map(str, value))
    return str(value).lower() if isinstance(value, bool) else f"{value}"
