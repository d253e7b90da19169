"""How much longer one thing takes than another, on a machine that does other things as well.

Both are timed in turn, a, b, b, a, a, b, ..., so that whatever slows the machine slows both. Each pair gives a ratio;
the median of the ratios is the result, and its interval comes from drawing pairs again with replacement (bootstrap).
"""

import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

RESAMPLES = 2000
CONFIDENCE = 0.95


@dataclass(frozen=True)
class Ratio:
    """The time of one thing divided by that of another.

    Attributes:
        median: Of the ratios of all pairs.
        low, high: Bounds of the 95 % interval of the median.
        first, second: Median times of the two, in seconds.
        pairs: How many pairs were timed.
    """

    median: float
    low: float
    high: float
    first: float
    second: float
    pairs: int


def seconds(call: Callable[[], object], wait: Callable[[], object] = lambda: None) -> float:
    """The time of one call.

    Args:
        wait: Returns when the device has finished, for devices that work on their own.
    """
    wait()
    began = time.perf_counter()
    call()
    wait()
    return time.perf_counter() - began


def compare_times(
    first: Callable[[], object],
    second: Callable[[], object],
    pairs: int = 9,
    warm_up: int = 2,
    wait: Callable[[], object] = lambda: None,
) -> Ratio:
    """How much longer the first takes than the second.

    Args:
        pairs: How often each is timed.
        warm_up: How often each is called before, untimed.
        wait: As in `seconds`.
    """
    for _ in range(warm_up):
        first()
        second()
    times = []
    for number in range(pairs):
        order = (first, second) if number % 2 == 0 else (second, first)
        taken = [seconds(call, wait) for call in order]
        times.append(taken if number % 2 == 0 else taken[::-1])
    return ratio_of(np.array(times))


def ratio_of(times: np.ndarray) -> Ratio:
    """The ratio of timed pairs, (pair, 2)."""
    ratios = times[:, 0] / times[:, 1]
    random = np.random.Generator(np.random.PCG64(0))
    drawn = np.median(random.choice(ratios, (RESAMPLES, len(ratios))), axis=1)
    low, high = np.quantile(drawn, [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2])
    first, second = np.median(times, axis=0)
    return Ratio(float(np.median(ratios)), float(low), float(high), float(first), float(second), len(times))
