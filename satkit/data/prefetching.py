"""Batches prepared ahead by other threads, for a device that trains faster than one thread crops.

A batch is a function of its number, so a training with workers gives the same result, bit for bit, as one without.
"""

from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import Protocol

from torch import Tensor


class Batches(Protocol):
    """Batches by number."""

    def batch(self, iteration: int) -> tuple[Tensor, Tensor]:
        """Images and labels."""


class Prefetched:
    """Batches by number; the ones after the requested batch are prepared in the background."""

    def __init__(self, batches: Batches, workers: int, threads: ThreadPoolExecutor, end: int):
        self.batches, self.workers, self.threads, self.end = batches, workers, threads, end
        self.pending: dict[int, Future] = {}

    def batch(self, iteration: int) -> tuple[Tensor, Tensor]:
        """The batch of this number; an error in its preparation is raised here."""
        wanted = range(iteration, min(iteration + self.workers + 1, max(self.end, iteration + 1)))
        self.pending = {number: future for number, future in self.pending.items() if number in wanted}
        for number in wanted:
            if number not in self.pending:
                self.pending[number] = self.threads.submit(self.batches.batch, number)
        return self.pending.pop(iteration).result()


@contextmanager
def prefetched(batches: Batches, workers: int, end: int) -> Iterator[Batches]:
    """Batches with this number of threads that prepare them ahead; 0 changes nothing.

    Args:
        end: Number of batches in the training; no batch from this number on is prepared ahead.
    """
    if workers < 1:
        yield batches
        return
    threads = ThreadPoolExecutor(workers, thread_name_prefix="batches")
    try:
        yield Prefetched(batches, workers, threads, end)
    finally:
        threads.shutdown(wait=True, cancel_futures=True)
