import threading

import pytest
import torch

from satkit.data.prefetching import prefetched


class Counted:
    """A batch is its number; remembers who made which."""

    def __init__(self):
        self.made = []

    def batch(self, iteration):
        self.made.append((iteration, threading.current_thread().name))
        if iteration == 13:
            raise ValueError("no batch 13")
        return torch.tensor([iteration]), torch.tensor([-iteration])


@pytest.mark.parametrize("workers", [0, 1, 3])
def test_batches_are_those_of_their_numbers_in_any_order(workers):
    source = Counted()
    with prefetched(source, workers, end=12) as batches:
        for number in (0, 1, 2, 7, 8, 3, 11):
            images, labels = batches.batch(number)
            assert (images.item(), labels.item()) == (number, -number)


def test_the_next_batches_are_made_ahead_by_other_threads_and_each_once():
    source = Counted()
    with prefetched(source, 2, end=6) as batches:
        for number in range(6):
            batches.batch(number)
    assert sorted(number for number, _ in source.made) == list(range(6)), "none is made twice, none beyond the end"
    assert all(name.startswith("batches") for _, name in source.made)


def test_an_error_comes_with_the_batch_that_it_belongs_to():
    with prefetched(Counted(), 2, end=20) as batches:
        assert batches.batch(12)[0].item() == 12
        with pytest.raises(ValueError, match="no batch 13"):
            batches.batch(13)


def test_no_thread_is_left_running():
    before = threading.active_count()

    def interrupted():
        with prefetched(Counted(), 3, end=100) as batches:
            batches.batch(0)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert threading.active_count() == before
