"""Comparison of strategies over several seeds: means, spread, and the effect of one part with its interval.

Works on rows, one per finished run: the strategy's short name, world, seed and scores. Every function takes them as a
list of `Row` or as the pandas table that `frame` makes of it. A difference between two strategies is taken within each
seed, because they start from the same base model there, and its interval is Student's t over seeds.
"""

import math
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, fields
from itertools import product
from pathlib import Path

import numpy as np
import pandas as pd
import scipy.stats

from satkit.utils.csv_files import read_records, write_records
from satkit.utils.errors import UsageError
from satkit.utils.tables import RIGHT, Column, Table

SCORES = ("old", "new", "all", "base", "kept", "forgetting", "average")
CLASSES = ("old", "new", "all")  # scores that are mean IoUs after the last step


@dataclass(frozen=True)
class Row:
    """Scores of one finished run, as shares in [0, 1]; NaN if there is none.

    Attributes:
        strategy: Short name, with parts: "mib+attention".
        name: The strategy's own name.
        world: Name of the world, see `satkit.studies.attention_grid`.
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


def student_t(freedom: int, confidence: float = 0.95) -> float:
    """Student's t for a two-sided interval of a mean: how many standard errors it reaches to each side.

    Args:
        freedom: Degrees of freedom, at least 1: one less than there are seeds.
        confidence: Share of such intervals that hold the true mean, in (0, 1).
    """
    return float(scipy.stats.t.ppf((1 + confidence) / 2, freedom))


def estimate(values: Iterable[float], confidence: float = 0.95) -> Estimate:
    """Mean, spread and interval of values of several seeds."""
    values = np.array([value for value in values if math.isfinite(value)], dtype=float)
    count = len(values)
    if count == 0:
        return Estimate(math.nan, math.nan, math.nan, 0)
    if count == 1:
        return Estimate(float(values[0]), math.nan, math.nan, 1)
    std = float(values.std(ddof=1))
    return Estimate(float(values.mean()), std, student_t(count - 1, confidence) * std / math.sqrt(count), count)


def verdict(difference: Estimate) -> str:
    """What a difference of two mean IoUs with its 95 % interval says, in words and percentage points."""
    if difference.seeds == 0:
        return "not measured"
    points = f"{100 * difference.mean:+.1f} points"
    if difference.seeds == 1:
        return f"{points} (one seed: no interval)"
    low, high = (100 * (difference.mean + sign * difference.half_width) for sign in (-1, 1))
    means = ("higher" if difference.mean > 0 else "lower") if difference.excludes_zero else "these seeds do not tell"
    return f"{points} (95 % interval {low:+.1f} to {high:+.1f}, {difference.seeds} seeds): {means}"


def frame(rows: Iterable[Row] | pd.DataFrame) -> pd.DataFrame:
    """Rows as a pandas table: a line per run, with its strategy, world, seed and scores.

    Raises:
        UsageError: If a strategy has two runs with one seed in one world.
    """
    if isinstance(rows, pd.DataFrame):
        return rows
    runs = pd.DataFrame(list(rows), columns=[each.name for each in fields(Row)])
    double = runs[runs.duplicated(["strategy", "world", "seed"])]
    if not double.empty:
        run = double.iloc[0]
        raise UsageError(
            f"A strategy must have one run for each seed and world; {run.strategy!r} has two with seed {run.seed} in "
            f"the {run.world} world. Compare studies one by one."
        )
    return runs


def by_seed(rows: Iterable[Row] | pd.DataFrame, world: str, which: str = "all") -> pd.DataFrame:
    """A score of every run in a world: a line per seed, a column per strategy, NaN where there is no run."""
    runs = frame(rows)
    return runs[runs["world"] == world].pivot(index="seed", columns="strategy", values=which)


def score(rows: Iterable[Row] | pd.DataFrame, strategy: str, world: str, which: str = "all") -> Estimate:
    """A score of a strategy over seeds."""
    return estimate(by_seed(rows, world, which).get(strategy, ()))


def difference(
    rows: Iterable[Row] | pd.DataFrame,
    strategy: str,
    than: str,
    world: str,
    which: str = "all",
    confidence: float = 0.95,
) -> Estimate:
    """How much higher a strategy scores than another, over the seeds that both have."""
    scores = by_seed(rows, world, which)
    if not {strategy, than} <= set(scores):
        return estimate(())
    return estimate(scores[strategy] - scores[than], confidence)


def effects(
    rows: Iterable[Row] | pd.DataFrame, pairs: Mapping[str, tuple[str, str]], confidence: float = 0.95
) -> pd.DataFrame:
    """Differences as a pandas table: a line for each world, pair and group of classes that was measured.

    Args:
        pairs: By a label, the strategy that is changed and the one that it is compared with.
        confidence: Of the intervals.

    Returns:
        Columns: world, strategy (the label), classes ("old", "new" or "all"), and what an `Estimate` has: mean, std,
        half_width, seeds, excludes_zero.
    """
    runs, lines = frame(rows), []
    for world, (label, pair), classes in product(runs["world"].unique(), pairs.items(), CLASSES):
        found = difference(runs, *pair, world, classes, confidence)
        if found.seeds:
            where = dict(world=world, strategy=label, classes=classes)
            lines.append({**where, **asdict(found), "excludes_zero": found.excludes_zero})
    return pd.DataFrame(lines)


def effect_table(
    rows: Iterable[Row] | pd.DataFrame, pairs: Mapping[str, str], worlds: Iterable[str], note: str = ""
) -> Table:
    """Differences in percentage points: a line a pair, three columns a world.

    Args:
        pairs: The strategy that is changed, by the one that it is compared with.
        worlds: Names of worlds.
        note: What a reader must know.
    """
    runs, columns = frame(rows), [(world, classes) for world in worlds for classes in CLASSES]
    heads = [Column(f"{world}: {classes}", RIGHT, form=difference_cell, markup=True) for world, classes in columns]
    lines = [
        [than, *(difference(runs, strategy, than, world, classes) for world, classes in columns)]
        for than, strategy in pairs.items()
    ]
    return Table([Column("strategy"), *heads], lines, note)


def difference_cell(difference: Estimate) -> str:
    """A difference in percentage points; bold, in Markdown, where its interval excludes zero."""
    if difference.seeds == 0:
        return "-"
    text = f"{round(100 * difference.mean, 1) + 0.0:+.1f}"  # never -0.0
    text += f" ± {100 * difference.half_width:.1f}" if difference.seeds > 1 else ""
    return f"**{text}**" if difference.excludes_zero else text


def read_rows(path: str | Path) -> list[Row]:
    """Rows of a CSV file that `write_rows` wrote."""
    return read_records(path, Row)


def write_rows(path: str | Path, rows: Iterable[Row]) -> None:
    """Rows as CSV, sorted, so that the same results give the same file."""
    write_records(path, Row, sorted(rows, key=lambda row: (row.world, row.strategy, row.seed)))
