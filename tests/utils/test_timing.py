"""Ratios of times: their median, their interval, and the order of the calls."""

import numpy as np
import pytest

from satkit.utils import timing
from satkit.utils.timing import compare_times, ratio_of, seconds


def test_the_ratio_is_the_median_of_pairs_and_not_the_ratio_of_medians():
    found = ratio_of(np.array([[2.0, 1.0], [30.0, 10.0], [4.0, 1.0]]))
    assert (found.median, found.first, found.second, found.pairs) == (3.0, 4.0, 1.0, 3)
    assert 2.0 <= found.low <= found.median <= found.high <= 4.0


def test_what_slows_the_machine_slows_both_and_leaves_the_ratio():
    slowness = np.linspace(1, 5, 21)[:, None]
    found = ratio_of(slowness * np.array([[3.0, 2.0]]))
    assert found.median == pytest.approx(1.5)
    assert found.high - found.low < 1e-9


def test_both_are_called_in_turn_each_is_first_as_often_and_times_stay_with_their_call(monkeypatch):
    called, clock = [], [0.0]

    def taking(name, time):
        def call():
            called.append(name)
            clock[0] += time

        return call

    monkeypatch.setattr(timing.time, "perf_counter", lambda: clock[0])
    found = compare_times(taking("a", 3.0), taking("b", 2.0), pairs=4, warm_up=1)
    assert "".join(called) == "ab" + "abba" + "abba"
    assert (found.median, found.low, found.high, found.pairs) == (1.5, 1.5, 1.5, 4)
    assert (found.first, found.second) == (3.0, 2.0)


def test_a_device_that_works_on_its_own_is_awaited_before_and_after():
    order = []
    seconds(lambda: order.append("call"), lambda: order.append("wait"))
    assert order == ["wait", "call", "wait"]
