"""Exemplar memory: what is kept, how evenly, and that it never surprises."""

import numpy as np
import pytest

from satkit.choices import UsageError
from satkit.strategies import ExemplarMemory

NOTHING = np.empty((0, 2), dtype=np.int64)


def entries(count: int, step: int = 0, first: int = 0) -> np.ndarray:
    return np.array([[first + index, step] for index in range(count)], dtype=np.int64)


def shows(count: int, classes: int = 4, seed: int = 0, rate: float = 0.3) -> np.ndarray:
    present = np.random.default_rng(seed).random((count, classes + 1)) < rate
    present[np.arange(count), 1 + np.arange(count) % classes] = True  # at least one class in every image
    return present


def test_a_memory_holds_as_many_different_images_as_asked_for_out_of_what_was_seen():
    for sampling in ("balanced", "random"):
        kept, found = entries(5), entries(40, step=1, first=3)
        chosen = ExemplarMemory(20, sampling).choose(kept, found, shows(45), seed=1)
        assert chosen.shape == (20, 2)
        assert len({tuple(row) for row in chosen.tolist()}) == 20
        assert {tuple(row) for row in chosen.tolist()} <= {tuple(row) for row in [*kept.tolist(), *found.tolist()]}
        assert chosen.tolist() == sorted(chosen.tolist())


def test_the_choice_is_a_function_of_its_inputs_and_the_seed():
    found, present = entries(60), shows(60)
    for sampling in ("balanced", "random"):
        memory = ExemplarMemory(10, sampling)
        one = memory.choose(NOTHING, found, present, seed=1)
        assert np.array_equal(one, memory.choose(NOTHING, found, present, seed=1))
        assert not np.array_equal(one, memory.choose(NOTHING, found, present, seed=2))


def test_balanced_sampling_shows_every_class_equally_where_the_data_allow_it():
    common = np.zeros((200, 5), dtype=bool)
    common[:, 1] = True  # class 1 fills the data
    for index in (2, 3, 4):
        common[10 * index : 10 * index + 10, 1] = False
        common[10 * index : 10 * index + 10, index] = True
    counts = {}
    for sampling in ("balanced", "random"):
        chosen = ExemplarMemory(20, sampling).choose(NOTHING, entries(200), common, seed=0)
        counts[sampling] = common[chosen[:, 0], 1:].sum(axis=0)
    assert counts["balanced"].tolist() == [5, 5, 5, 5]
    assert counts["random"].max() > 10


def test_a_class_that_runs_out_leaves_its_turn_to_the_others():
    present = np.zeros((30, 4), dtype=bool)
    present[:2, 1], present[2:, 2] = True, True  # class 3 has no image at all
    chosen = ExemplarMemory(10).choose(NOTHING, entries(30), present, seed=0)
    assert present[chosen[:, 0], 1:].sum(axis=0).tolist() == [2, 8, 0]


def test_images_without_a_class_come_last():
    present = np.zeros((10, 3), dtype=bool)
    present[:4, 1] = True
    chosen = ExemplarMemory(4).choose(NOTHING, entries(10), present, seed=0)
    assert chosen[:, 0].tolist() == [0, 1, 2, 3]
    assert len(ExemplarMemory(6).choose(NOTHING, entries(10), present, seed=0)) == 6


def test_the_same_image_may_be_kept_under_the_labels_of_two_steps():
    kept, found = np.array([[7, 0]]), np.array([[7, 1], [8, 1]])
    chosen = ExemplarMemory(3).choose(kept, found, shows(3), seed=0)
    assert chosen.tolist() == [[7, 0], [7, 1], [8, 1]]


def test_a_memory_larger_than_the_data_is_refused():
    with pytest.raises(
        UsageError, match="100 images are asked for, but only 30 have been seen. Choose a smaller memory"
    ):
        ExemplarMemory(100).choose(NOTHING, entries(30), shows(30), seed=0)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"size": 0}, "a whole number of images, 1 or more, got 0"),
        ({"size": 2.5}, "a whole number of images, 1 or more, got 2.5"),
        ({"sampling": "balance"}, "Unknown sampling of the memory 'balance'. Did you mean 'balanced'"),
        ({"labels": "full"}, "Unknown labels of the memory 'full'"),
        ({"share": 1.0}, "share of a batch must be between 0 and 1, got 1.0"),
        ({"share": 0}, "share of a batch must be between 0 and 1, got 0"),
    ],
)
def test_settings_that_mean_nothing_are_refused(settings, message):
    with pytest.raises(UsageError, match=message):
        ExemplarMemory(**settings)
