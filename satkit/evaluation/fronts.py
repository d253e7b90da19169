"""Fronts: what is kept of old classes against what is learnt of new ones, while one weight grows.

Every way to protect old classes costs new ones. So two ways are not compared at single points but along their fronts:
one way is better where, at the same score of the old classes, its score of the new classes is higher. All seeds are
taken one by one, because the strategies of a seed start from the same base model.
"""

from collections.abc import Iterable, Sequence
from dataclasses import asdict

import numpy as np
import pandas as pd

from satkit.evaluation.seeds import CLASSES, Row, by_seed, estimate, frame


def front_points(rows: Iterable[Row] | pd.DataFrame, world: str, fronts: dict[str, Sequence[str]]) -> pd.DataFrame:
    """The points of fronts as a pandas table: a line for each strategy of each front, in order, with its means.

    Args:
        fronts: The strategies of each front by its name, from little to much of what grows.

    Returns:
        Columns: front, strategy, place (0, 1, ...), and mean and half width of the 95 % interval over seeds of "old",
        "new" and "all", e.g. `old` and `old_half_width`; strategies that were not run are left out.
    """
    runs, lines = frame(rows), []
    for name, strategies in fronts.items():
        for place, strategy in enumerate(strategies):
            found = {classes: estimate(by_seed(runs, world, classes).get(strategy, ())) for classes in CLASSES}
            if found["old"].seeds:
                means = {classes: each.mean for classes, each in found.items()}
                widths = {f"{classes}_half_width": each.half_width for classes, each in found.items()}
                lines.append(dict(front=name, strategy=strategy, place=place, **means, **widths))
    return pd.DataFrame(lines)


def height_above(
    rows: Iterable[Row] | pd.DataFrame, world: str, points: Sequence[str], front: Sequence[str]
) -> pd.DataFrame:
    """How far strategies lie above a front: their score of new classes minus that of the front at equal old classes.

    Args:
        points: Strategies to place.
        front: The strategies that draw the front.

    Returns:
        A line for each strategy, with what an `Estimate` over seeds has, and `beyond`: the number of seeds in which
        it keeps more of the old classes than any point of the front, which are not part of the mean.
    """
    runs = frame(rows)
    old, new = (by_seed(runs, world, classes) for classes in ("old", "new"))
    lines = []
    for strategy in points:
        at_equal_old = [
            front_at(old.loc[seed, strategy], old.loc[seed, list(front)], new.loc[seed, list(front)])
            for seed in old.index
        ]
        differences = new[strategy] - at_equal_old
        beyond = int((old[strategy] > old[list(front)].max(axis=1)).sum())
        found = estimate(differences)
        lines.append({"strategy": strategy, **asdict(found), "excludes_zero": found.excludes_zero, "beyond": beyond})
    return pd.DataFrame(lines)


def front_at(old: float, front_old: Iterable[float], front_new: Iterable[float]) -> float:
    """The highest score of new classes on a front at a score of old classes; NaN beyond its ends.

    Between two neighbouring points of the front the way is straight.

    Args:
        old: Score of the old classes.
        front_old: Those of the front's points, from little to much of what grows.
        front_new: Their scores of the new classes.
    """
    points = list(zip(front_old, front_new, strict=True))
    heights = [np.nan]
    for (first, low), (second, high) in zip(points, points[1:], strict=False):
        if min(first, second) <= old <= max(first, second):
            share = (old - first) / (second - first) if second != first else 0.0
            heights += [low + share * (high - low)] if second != first else [max(low, high)]
    return float(np.nanmax(heights)) if len(heights) > 1 else float("nan")
