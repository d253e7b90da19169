"""Fronts: means over seeds, in order, of the strategies that were run."""

import math

import numpy as np
import pandas as pd
import pytest

from satkit.evaluation.fronts import front_points

FRONT = ("start", "some", "much")


def runs(**scores) -> pd.DataFrame:
    """A run of each strategy for each seed, from (old, new) of every seed."""
    lines = []
    for strategy, seeds in scores.items():
        for seed, (old, new) in enumerate(seeds):
            lines.append(dict(strategy=strategy, world="w", seed=seed, old=old, new=new, all=(old + new) / 2))
    return pd.DataFrame(lines)


START = [(0.5, 0.4), (0.6, 0.5), (0.4, 0.3)]
SOME = [(0.6, 0.3), (0.7, 0.4), (0.5, 0.2)]
MUCH = [(0.7, 0.0), (0.8, 0.1), (0.6, 0.0)]


def test_points_are_means_in_the_order_of_the_front():
    fronts = {"one": FRONT, "two": ("start", "not run")}
    points = front_points(runs(start=START, some=SOME, much=MUCH), "w", fronts)
    assert list(zip(points["front"], points["strategy"], strict=True)) == [
        ("one", "start"),
        ("one", "some"),
        ("one", "much"),
        ("two", "start"),
    ]
    assert points["old"].iloc[0] == pytest.approx(0.5)
    spread = np.std([0.5, 0.6, 0.4], ddof=1)
    assert points["old_half_width"].iloc[0] == pytest.approx(4.302653 * spread / math.sqrt(3), rel=1e-5)
