"""Simulated illumination shift: only training images of later steps change."""

import numpy as np
import pytest

from satkit.data import load_data
from satkit.data.shift import AMPLITUDE, CONTRAST, Shift, waves
from satkit.data.step_images import test_images as images_of_test  # not collected as a test
from satkit.data.step_images import training_images
from satkit.scenario import scenario
from satkit.utils.errors import UsageError

IMAGE = np.random.default_rng(0).integers(0, 256, (20, 30, 3), dtype=np.uint8)


def test_amount_zero_and_the_base_step_return_the_same_image():
    assert Shift(0.0, 3)(IMAGE) is IMAGE
    assert Shift(1.0, 0)(IMAGE) is IMAGE


def test_a_shifted_image_is_a_uint8_image_of_the_same_shape():
    shifted = Shift(1.0, 1)(IMAGE)
    assert shifted.dtype == np.uint8
    assert shifted.shape == IMAGE.shape
    assert not np.array_equal(shifted, IMAGE)


def test_more_shift_changes_more():
    changes = [np.abs(Shift(amount, 1)(IMAGE).astype(int) - IMAGE).mean() for amount in (0.1, 0.3, 0.6, 1.0)]
    assert changes == sorted(changes)
    assert changes[-1] > 3 * changes[0] > 0


def test_a_shift_is_the_formula_pixel_by_pixel_rounded_and_kept_within_a_byte():
    light, shifted = waves(3, 2, 20, 30), Shift(0.8, 2, 3)(IMAGE)
    beyond = 0
    for row in range(20):
        for column in range(30):
            for colour in range(3):
                grey = (1 - 0.8 * CONTRAST) * (float(IMAGE[row, column, colour]) - 127.5) + 127.5
                value = round(grey + 255 * 0.8 * AMPLITUDE * light[row, column, colour])
                beyond += not 0 <= value <= 255
                assert shifted[row, column, colour] == min(max(value, 0), 255)
    assert beyond > 0, "some values have to be cut off for this to show anything"


def test_contrast_is_lost_about_mid_grey_beside_the_waves():
    dark, bright = (np.full((16, 16, 3), value, dtype=np.uint8) for value in (100, 156))
    difference = Shift(0.5, 2)(bright).astype(int) - Shift(0.5, 2)(dark)
    assert np.abs(difference - 0.75 * 56).max() <= 1  # the waves are the same in both, half of 0.5 is lost


def test_every_step_and_seed_has_its_own_reproducible_illumination():
    looks = [Shift(1.0, step, seed)(IMAGE) for step, seed in ((1, 0), (2, 0), (1, 1))]
    for one, other in ((0, 1), (0, 2), (1, 2)):
        assert not np.array_equal(looks[one], looks[other])
    waves.cache_clear()
    assert np.array_equal(Shift(1.0, 1, 0)(IMAGE), looks[0])


def test_waves_stay_between_minus_one_and_one_and_differ_by_colour():
    light = waves(0, 1, 40, 60)
    assert light.shape == (40, 60, 3)
    assert np.abs(light).max() <= 1
    assert light.std(axis=(0, 1)).min() > 0.3
    assert not np.allclose(light[..., 0], light[..., 1])


def test_only_training_images_of_later_steps_are_shifted():
    data = load_data("scenes", size=64, train_images=60, test_images=20)
    plan = scenario(data.class_names, "15-5")
    base, later = plan.steps
    plain, shifted = (training_images(data, plan, later, shift) for shift in (0.0, 0.5))
    assert np.array_equal(plain.indices, shifted.indices)
    assert np.array_equal(plain.labels(0), shifted.labels(0))
    assert np.array_equal(shifted.image(0), Shift(0.5, 1)(plain.image(0)))
    assert np.array_equal(training_images(data, plan, base, 0.5).image(0), training_images(data, plan, base).image(0))
    assert images_of_test(data, plan, later).shift is None


@pytest.mark.parametrize("amount", [-0.1, 1.1])
def test_an_amount_outside_its_range_is_refused(amount):
    with pytest.raises(UsageError, match="The shift must be between 0 .none. and 1"):
        Shift(amount, 1)
