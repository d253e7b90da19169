"""Fronts: what is kept of old classes against what is learnt of new ones, while one weight grows.

Every way to protect old classes costs new ones. So two ways are not compared at single points but along their fronts:
one way is better where it keeps as much of the old classes and learns more of the new ones.
"""

from collections.abc import Iterable, Sequence

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
