"""Which pixels belong to some object."""

import numpy as np
import pytest
import torch

from satkit.data import BACKGROUND, load_data
from satkit.data.batches import to_input
from satkit.strategies.targets.saliency import ContrastSaliency, EverythingSalient
from satkit.utils.errors import UsageError


def test_a_bright_square_on_grey_is_salient_and_its_surroundings_are_not():
    images = torch.zeros(1, 3, 32, 32)
    images[:, :, 8:16, 8:16] = 2.0
    found = ContrastSaliency()(images)[0]
    assert found[9:15, 9:15].all()
    assert not found[20:, 20:].any()


def test_an_even_image_has_nothing_salient():
    assert not ContrastSaliency()(torch.ones(2, 3, 16, 16)).any()


def test_a_larger_factor_finds_less():
    images = torch.randn(2, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    counts = [int(ContrastSaliency(factor)(images).sum()) for factor in (0.5, 1.0, 1.5, 2.0)]
    assert counts == sorted(counts, reverse=True)
    assert counts[0] > counts[-1]


def test_on_scenes_it_finds_objects_far_better_than_chance():
    data = load_data("scenes", size=64, train_images=60, test_images=1)
    found = ContrastSaliency()(to_input(torch.from_numpy(data.train.images))).numpy()
    objects = (data.train.labels != BACKGROUND) & (data.train.labels != 255)
    background = data.train.labels == BACKGROUND
    assert found[objects].mean() > found[background].mean() + 0.25
    assert isinstance(found, np.ndarray)


def test_everything_is_everything():
    assert EverythingSalient()(torch.zeros(2, 3, 4, 5)).shape == (2, 4, 5)
    assert EverythingSalient()(torch.zeros(2, 3, 4, 5)).all()


@pytest.mark.parametrize("settings", [{"factor": 0}, {"blur": 4}, {"blur": 0}])
def test_settings_that_mean_nothing_are_refused(settings):
    with pytest.raises(UsageError, match="needs a factor above 0 and an odd blur from 1"):
        ContrastSaliency(**settings)
