"""Checks of lesson 10: a difference within each seed, its interval, and how many seeds an interval needs."""

import numpy as np

from satkit.evaluation.seeds import by_seed, student_t
from satkit.notebooks.checks.checking import Names, called, must, same, wants

PAIR = ("mib+attention", "mib")


@wants(
    d="the difference of both strategies, in points of the old classes, by seed",
    half="half the width of the interval of its mean, a number in points",
)
def interval(at: Names) -> None:
    """Seed by seed, with the textbook's sums."""
    differences = _by_hand(at)
    same("d", np.asarray(at.d, dtype=float), np.array(differences), "seed")
    n, mean = len(differences), sum(differences) / len(differences)
    spread = (sum((each - mean) ** 2 for each in differences) / (n - 1)) ** 0.5
    same("half", float(at.half), float(student_t(n - 1) * spread / n**0.5))


def _by_hand(at: Names) -> list[float]:
    table = 100 * by_seed(at.runs, at.main, "old")[list(PAIR)].dropna()
    return [one - other for one, other in table.itertuples(index=False)]


@wants(unpaired="half the width of the interval if the seeds did not belong together, a number in points")
def unpaired(at: Names) -> None:
    """From the spread of each strategy by itself."""
    table = (100 * by_seed(at.runs, at.main, "old")[list(PAIR)].dropna()).to_numpy()
    n, means = len(table), table.mean(axis=0)
    variances = ((table - means) ** 2).sum(axis=0) / (n - 1)
    same("unpaired", float(at.unpaired), float(student_t(2 * n - 2) * (variances.sum() / n) ** 0.5))


@wants(
    half_width="a function of a spread and a number of seeds: half the width of the interval",
    seeds_needed="a function of a spread: the smallest number of seeds, 2 or more, whose half width is at most 1",
)
def seeds(at: Names) -> None:
    """Exercise 4: three spreads."""
    for spread in (0.5, 1.0, 3.0):
        found = called("half_width", at.half_width, spread, 5)
        same(f"half_width({spread}, 5)", float(found), float(student_t(4) * spread / 5**0.5))
        count = called("seeds_needed", at.seeds_needed, spread)
        must(
            isinstance(count, int | np.integer) and count >= 2,
            f"seeds_needed({spread}) must be a whole number, 2 or more.",
        )
        width = {n: student_t(n - 1) * spread / n**0.5 for n in (count, count - 1) if n >= 2}
        must(width[count] <= 1, f"seeds_needed({spread}) is too few.")
        must(width.get(count - 1, 2) > 1, f"seeds_needed({spread}) is more than it takes.")
