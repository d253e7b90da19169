"""Seeds are functions of their purpose; the state of the random generator can be restored."""

import random

import numpy as np
import pytest
import torch

from satkit.utils.seeding import best_device, derive, random_state, restore_random_state, seed_everything


def test_derived_seed_is_the_same_everywhere():
    # The first 63 bits of sha256("0/classifier/1"); a change of it changes every published number.
    assert derive(0, "classifier", 1) == 6537335510732438287


@pytest.mark.parametrize(
    "other", [(1, "train", 2), (0, "classifier", 2), (0, "train", 3), (0, "train"), (0, "train/2", "")]
)
def test_derived_seeds_differ_by_seed_and_purpose(other):
    assert derive(*other) != derive(0, "train", 2)


def test_derived_seeds_fit_every_generator():
    for seed in range(200):
        value = derive(seed, "purpose")
        assert 0 <= value < 2**63
        seed_everything(value)


def draw():
    return random.random(), np.random.rand(), torch.rand(3).tolist()


def test_the_same_seed_gives_the_same_numbers():
    seed_everything(5)
    first = draw()
    assert draw() != first
    seed_everything(5)
    assert draw() == first


def test_random_state_round_trip():
    torch.manual_seed(3)
    torch.rand(7)
    state = random_state()
    expected = torch.rand(5)
    torch.rand(100)
    restore_random_state(state)
    assert torch.equal(torch.rand(5), expected)


def test_random_state_is_tensors_that_later_draws_do_not_change():
    state = random_state()
    before = {name: tensor.clone() for name, tensor in state.items()}
    torch.rand(10)
    assert all(torch.equal(before[name], tensor) for name, tensor in state.items())


def test_best_device_is_the_gpu_if_there_is_one():
    assert best_device().type == ("cuda" if torch.cuda.is_available() else "cpu")
