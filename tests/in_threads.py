"""Threads that stand for the processes of torchrun: they exchange tensors in memory, and take turns at it."""

import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from unittest import mock

import torch

from satkit.utils import processes

_here = threading.local()


def in_threads(*works):
    """What functions give that are called at the same time, each as the process of its number."""
    with _exchange(len(works)), ThreadPoolExecutor(len(works)) as pool:
        return [future.result(timeout=60) for future in [pool.submit(_as, *each) for each in enumerate(works)]]


@contextmanager
def as_process(number, count):
    """Inside the block this thread is one of several processes, which must not exchange anything."""
    with mock.patch.multiple(processes, count=lambda: count, number=lambda: number):
        yield


def _as(number, work):
    _here.number = number
    torch.set_num_threads(1)
    return work()


@contextmanager
def _exchange(count):
    barrier, given = threading.Barrier(count, timeout=30), [None] * count

    def from_all(value):
        given[_here.number] = value
        barrier.wait()
        found = list(given)
        barrier.wait()
        return found

    def reduced(tensor):
        return tensor.copy_(torch.stack(from_all(tensor.clone())).sum(dim=0))

    changed = {
        "count": lambda: count,
        "number": lambda: _here.number,
        "sizes": from_all,
        "reduced": reduced,
        "summed": lambda tensor: sum(from_all(tensor)),
        "gathered": lambda tensor, sizes: torch.cat(from_all(tensor.detach())),
        "text": lambda own="": from_all(own)[0],
        "texts": from_all,
        "from_first": lambda make: from_all(make() if _here.number == 0 else None)[0],
    }
    with mock.patch.multiple(processes, **changed):
        yield
