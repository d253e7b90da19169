"""Batches made ahead of time by other threads, for a device that trains faster than one thread crops.

A batch is a function of its number, so it is the same whoever makes it and whenever: with workers or without, a
training takes the same course, bit for bit.
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
    """Batches by number, those that follow the one asked for being made in the background."""

    def __init__(self, batches: Batches, workers: int, threads: ThreadPoolExecutor, end: int):
        self.batches, self.workers, self.threads, self.end = batches, workers, threads, end
        self.waiting: dict[int, Future] = {}

    def batch(self, iteration: int) -> tuple[Tensor, Tensor]:
        """The batch of this number; an error in making it is raised here."""
        wanted = range(iteration, min(iteration + self.workers + 1, max(self.end, iteration + 1)))
        self.waiting = {number: future for number, future in self.waiting.items() if number in wanted}
        for number in wanted:
            if number not in self.waiting:
                self.waiting[number] = self.threads.submit(self.batches.batch, number)
        return self.waiting.pop(iteration).result()


@contextmanager
def prefetched(batches: Batches, workers: int, end: int) -> Iterator[Batches]:
    """Batches with so many threads that work ahead; 0 leaves them as they are.

    Args:
        end: Number of batches that will be asked for; none beyond is made ahead.
    """
    if workers < 1:
        yield batches
        return
    threads = ThreadPoolExecutor(workers, thread_name_prefix="batches")
    try:
        yield Prefetched(batches, workers, threads, end)
    finally:
        threads.shutdown(wait=True, cancel_futures=True)
