"""Comparison of strategies over several seeds: means, spread, and the effect of one part with its interval.

The input is one row per finished run: the strategy's short name, world (illumination shift or not), seed and scores.
The difference between two strategies is computed for each seed, because runs of one seed start from the same base
model; its interval is Student's t over seeds.
"""

import csv
import math
from collections.abc import Iterable
from dataclasses import asdict, dataclass, fields
from pathlib import Path

import numpy as np

from satkit.utils.files import replacing

SCORES = ("old", "new", "all", "base", "kept", "forgetting", "average")
# Student's t for a two-sided 95 % interval, by degrees of freedom.
T_95 = {1: 12.706, 2: 4.303, 3: 3.182, 4: 2.776, 5: 2.571, 6: 2.447, 7: 2.365, 8: 2.306, 9: 2.262}


@dataclass(frozen=True)
class Row:
    """Scores of one finished run, as shares in [0, 1]; NaN if there is none.

    Attributes:
        strategy: Short name, with parts: "mib+attention".
        name: The strategy's own name.
        world: "plain", or "shifted" for a run with illumination shift.
        seed: Of the run.
        old, new, all, base, kept, forgetting, average: See `satkit.evaluation.metrics.summary`.
        seconds: Time of the process that finished the run; an interrupted run took longer.
        config: Hash of the run's config.json without the machine.
    """

    strategy: str
    name: str
    world: str
    seed: int
    old: float
    new: float
    all: float
    base: float
    kept: float
    forgetting: float
    average: float
    seconds: float
    config: str


@dataclass(frozen=True)
class Estimate:
    """A mean over seeds.

    Attributes:
        mean: NaN without a seed.
        std: Standard deviation over seeds (n - 1); NaN for one seed.
        half_width: Half the width of the 95 % interval of the mean; NaN for one seed.
        seeds: Number of seeds.
    """

    mean: float
    std: float
    half_width: float
    seeds: int

    @property
    def excludes_zero(self) -> bool:
        """Whether the interval lies on one side of zero."""
        return abs(self.mean) > self.half_width


def estimate(values: Iterable[float]) -> Estimate:
    """Mean, spread and interval of values of several seeds."""
    values = np.array([value for value in values if math.isfinite(value)], dtype=float)
    count = len(values)
    if count == 0:
        return Estimate(math.nan, math.nan, math.nan, 0)
    if count == 1:
        return Estimate(float(values[0]), math.nan, math.nan, 1)
    std = float(values.std(ddof=1))
    return Estimate(float(values.mean()), std, T_95.get(count - 1, 2.0) * std / math.sqrt(count), count)


def verdict(difference: Estimate) -> str:
    """A difference of two mean IoUs in percentage points, with its interval and what it means."""
    if difference.seeds == 0:
        return "not measured"
    points = f"{100 * difference.mean:+.1f} points"
    if difference.seeds == 1:
        return f"{points} (one seed: no interval)"
    low, high = (100 * (difference.mean + sign * difference.half_width) for sign in (-1, 1))
    means = ("higher" if difference.mean > 0 else "lower") if difference.excludes_zero else "these seeds do not tell"
    return f"{points} (95 % interval {low:+.1f} to {high:+.1f}, {difference.seeds} seeds): {means}"


def effect_table(rows: list[Row], pairs: dict[str, str], worlds: Iterable[str]) -> str:
    """Differences as a Markdown table, in percentage points: one line per pair, three columns per world.

    Args:
        pairs: The strategy that is changed, by the one that it is compared with.
        worlds: Names of worlds.
    """
    worlds, groups = list(worlds), ("old", "new", "all")
    heads = ["strategy", *(f"{world}: {group}" for world in worlds for group in groups)]
    lines = ["| " + " | ".join(heads) + " |", "|---|" + "--:|" * (len(heads) - 1)]
    for than, strategy in pairs.items():
        cells = [_cell(difference(rows, strategy, than, world, group)) for world in worlds for group in groups]
        lines.append("| " + " | ".join([than, *cells]) + " |")
    return "\n".join(lines)


def _cell(difference: Estimate) -> str:
    """A difference in percentage points; bold where its interval excludes zero."""
    if difference.seeds == 0:
        return "-"
    text = f"{round(100 * difference.mean, 1) + 0.0:+.1f}"  # never -0.0
    text += f" ± {100 * difference.half_width:.1f}" if difference.seeds > 1 else ""
    return f"**{text}**" if difference.excludes_zero else text


def pick(rows: Iterable[Row], strategy: str, world: str) -> dict[int, Row]:
    """The rows of a strategy in a world, by seed."""
    return {row.seed: row for row in rows if row.strategy == strategy and row.world == world}


def score(rows: Iterable[Row], strategy: str, world: str, which: str = "all") -> Estimate:
    """A score of a strategy over seeds."""
    return estimate(getattr(row, which) for row in pick(rows, strategy, world).values())


def difference(rows: list[Row], strategy: str, than: str, world: str, which: str = "all") -> Estimate:
    """How much higher a strategy scores than another, over the seeds that both have."""
    one, other = pick(rows, strategy, world), pick(rows, than, world)
    return estimate(
        getattr(one[seed], which) - getattr(other[seed], which) for seed in sorted(one.keys() & other.keys())
    )


def read_rows(path: str | Path) -> list[Row]:
    """Rows of a CSV file that `write_rows` wrote."""
    with Path(path).open(newline="", encoding="utf-8") as file:
        return [
            Row(**{each.name: _read(each.type, line[each.name]) for each in fields(Row)})
            for line in csv.DictReader(file)
        ]


def write_rows(path: str | Path, rows: Iterable[Row]) -> None:
    """Rows as CSV, sorted, so that the same results give the same file."""
    ordered = sorted(rows, key=lambda row: (row.world, row.strategy, row.seed))
    with replacing(Path(path)) as temporary, temporary.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, [each.name for each in fields(Row)], lineterminator="\n")
        writer.writeheader()
        for row in ordered:
            writer.writerow({key: _written(value) for key, value in asdict(row).items()})


def _read(kind, text: str):
    kind = {"float": float, "int": int, "str": str}.get(kind, kind)
    return float(text or "nan") if kind is float else kind(text)


def _written(value):
    if isinstance(value, float):
        return "" if math.isnan(value) else f"{value:.6g}"
    return value
