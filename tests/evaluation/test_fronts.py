"""Fronts: points in order, heights at equal old classes, and nothing invented beyond the ends."""

import math

import numpy as np
import pandas as pd
import pytest

from satkit.evaluation.fronts import front_at, front_points, height_above

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


def test_between_two_points_the_front_is_straight():
    assert front_at(0.55, [0.5, 0.6, 0.7], [0.4, 0.3, 0.0]) == pytest.approx(0.35)
    assert front_at(0.65, [0.5, 0.6, 0.7], [0.4, 0.3, 0.0]) == pytest.approx(0.15)
    assert front_at(0.7, [0.5, 0.6, 0.7], [0.4, 0.3, 0.0]) == pytest.approx(0.0)


@pytest.mark.parametrize("old", [0.49, 0.71])
def test_beyond_its_ends_a_front_says_nothing(old):
    assert math.isnan(front_at(old, [0.5, 0.6, 0.7], [0.4, 0.3, 0.0]))


def test_where_a_front_turns_back_its_highest_part_counts():
    assert front_at(0.55, [0.5, 0.6, 0.5], [0.4, 0.3, 0.0]) == pytest.approx(0.35)
    assert front_at(0.5, [0.5, 0.5], [0.1, 0.2]) == pytest.approx(0.2)


def test_a_point_of_the_front_itself_has_no_height():
    found = height_above(runs(start=START, some=SOME, much=MUCH), "w", ["some"], FRONT)
    assert found["mean"].item() == pytest.approx(0.0)
    assert found["beyond"].item() == 0


def test_heights_are_taken_seed_by_seed():
    other = [(0.55, 0.45), (0.65, 0.55), (0.45, 0.35)]  # 0.1 above the middle of each seed's first piece
    found = height_above(runs(start=START, some=SOME, much=MUCH, other=other), "w", ["other"], FRONT).iloc[0]
    assert found["mean"] == pytest.approx(0.1)
    assert found["std"] == pytest.approx(0.0, abs=1e-12)
    assert found["seeds"] == 3
    assert found["excludes_zero"]


def test_a_seed_beyond_the_front_is_counted_and_not_averaged():
    other = [(0.9, 0.5), (0.65, 0.45), (0.45, 0.25)]
    found = height_above(runs(start=START, some=SOME, much=MUCH, other=other), "w", ["other"], FRONT).iloc[0]
    assert (found["beyond"], found["seeds"]) == (1, 2)
    assert found["mean"] == pytest.approx(0.0)


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
