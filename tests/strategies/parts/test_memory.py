"""Exemplar memory: which images it holds, how balanced it is, and that it is reproducible."""

import numpy as np
import pytest

from satkit.strategies import ExemplarMemory
from satkit.utils.errors import UsageError

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


def test_what_an_image_shows_is_found_whatever_the_order_it_comes_in():
    kept, found = entries(3, step=1, first=50), entries(5)[::-1]  # sorted, all of these change places
    present = np.zeros((8, 3), dtype=bool)
    present[[1, 4, 6], 1] = True
    chosen = ExemplarMemory(3).choose(kept, found, present, seed=0)
    assert chosen.tolist() == [[1, 0], [3, 0], [51, 1]]


def test_background_is_no_class_to_sample_for():
    present = np.zeros((40, 3), dtype=bool)
    present[:, 0], present[5:9, 1] = True, True
    for seed in range(5):
        assert ExemplarMemory(4).choose(NOTHING, entries(40), present, seed)[:, 0].tolist() == [5, 6, 7, 8]


def test_no_class_is_always_served_first():
    present = np.eye(3, dtype=bool)[[1] * 5 + [2] * 5]
    first = [ExemplarMemory(1).choose(NOTHING, entries(10), present, seed)[0, 0] < 5 for seed in range(40)]
    assert 10 < sum(first) < 30


def test_classes_never_differ_by_more_than_one_turn_while_all_have_images():
    present = np.eye(5, dtype=bool)[[1] * 70 + [2] * 12 + [3] * 9 + [4] * 9]
    for size in range(1, 37):
        chosen = ExemplarMemory(size).choose(NOTHING, entries(100), present, seed=size)
        counts = present[chosen[:, 0], 1:].sum(axis=0)
        assert counts.sum() == size
        assert counts.max() - counts.min() <= 1


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


def test_images_of_several_classes_are_as_likely_as_if_every_class_drew_by_itself():
    """Of six images of two classes, two show both; by the sampler's rule, worked out draw by draw."""
    present = np.array([[0, 1, 0], [0, 1, 0], [0, 0, 1], [0, 0, 1], [0, 1, 1], [0, 1, 1]], dtype=bool)
    drawn = [ExemplarMemory(2).choose(NOTHING, entries(6), present, seed)[:, 0] for seed in range(2000)]
    both = np.mean([np.isin(chosen, (4, 5)).sum() for chosen in drawn])
    # First class: 2 of its 4 show both. Second class: 2 of 4, or, if one of these is taken, 1 of 3.
    assert both == pytest.approx(0.5 + 0.5 * 0.5 + 0.5 / 3, abs=0.05)
