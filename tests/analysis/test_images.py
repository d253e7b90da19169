"""Images to look at: the ones that show most, what is on them, what a model predicts and a loss sees there."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from samples import LABELS, blocks, picture, segmenter, step_images

from satkit.analysis.attention import (
    look,
)
from satkit.analysis.images import (
    confusions_by_image,
    image_and_labels,
    informative_images,
    largest_class,
    main_pixel,
    middle_of,
    prediction,
    targets_of,
    varied_image,
)
from satkit.data import IGNORE
from satkit.data.batches import evaluation_batches
from satkit.evaluation.predict import evaluate
from satkit.models import BackboneError, build_segmenter
from satkit.scenario import Step
from satkit.strategies import FINE_TUNING, SATS
from satkit.strategies.step_state import StepState
from satkit.training import StepSetup, begin_step
from satkit.utils.errors import UsageError

STEP = Step(1, old=(1, 2, 3), new=(4, 5), future=())


def test_an_image_outside_the_step_is_refused():
    images = step_images(LABELS, LABELS)
    image, labels = image_and_labels(images, 1)
    np.testing.assert_array_equal(image, picture(1))
    np.testing.assert_array_equal(labels, LABELS)
    for wrong in (-1, 2):
        with pytest.raises(UsageError, match=rf"There are the images 0\.\.1, got {wrong}"):
            image_and_labels(images, wrong)


def share(count, label):
    """A label map in which `count` pixels have a label."""
    labels = np.zeros(1024, dtype=np.uint8)
    labels[:count] = label
    return labels.reshape(32, 32)


def test_images_that_tell_most_come_first_and_each_class_before_any_comes_again():
    images = step_images(share(50, 1), share(600, 1), share(500, 1), share(300, 2), share(700, 9), share(200, 3))
    assert informative_images(images, (1, 2, 3)) == [1]
    assert informative_images(images, (1, 2, 3), count=3) == [1, 3, 5]
    assert sorted(informative_images(images, (1, 2, 3), count=99)) == list(range(6))


def test_the_most_varied_image_shows_most_classes_and_each_of_them_well():
    def two(first, second):
        labels = share(first, 1)
        labels[-1, :second] = 2
        return labels

    empty = share(0, 1)
    images = step_images(empty, share(900, 1), two(50, 3), two(40, 9), two(700, 2))
    assert varied_image(images) == 3
    assert varied_image(images, among=3) == 2
    assert varied_image(step_images(empty)) == 0


def test_only_the_first_images_are_looked_through_and_their_labels_are_those_of_the_step():
    images = step_images(share(10, 1), share(600, 1))
    assert informative_images(images, (1,), among=1) == [0]
    table = np.zeros(256, dtype=np.uint8)
    table[9] = 1  # the data set's label 9 is class 1
    assert informative_images(step_images(share(600, 1), share(10, 9), table=table), (1,)) == [1]


def test_confusions_by_image_are_those_of_each_image_and_sum_to_the_evaluation():
    model, images = segmenter(), step_images(LABELS, LABELS.T, LABELS[::-1])
    found = confusions_by_image(model, images, 6)
    for number in range(3):
        truth, guess = images.labels(number), prediction(model, images.image(number))
        expected = np.zeros((6, 6), dtype=int)
        for pair in zip(truth[truth != IGNORE], guess[truth != IGNORE], strict=True):
            expected[pair] += 1
        np.testing.assert_array_equal(found[number], expected)
    np.testing.assert_array_equal(found.sum(axis=0), evaluate(model, evaluation_batches(images, 2), 6))
    for window in (24, 32):
        counted = confusions_by_image(model, images, 6, window).sum(axis=0)
        np.testing.assert_array_equal(counted, evaluate(model, evaluation_batches(images, 2), 6, window))
        assert (counted == found.sum(axis=0)).all() == (window == 32)


@pytest.mark.parametrize("see", [look, prediction])
def test_an_image_smaller_than_a_patch_is_refused_in_one_sentence(see):
    with pytest.raises(BackboneError, match=r"larger than the patches of mit_quick, got 2 x 3 pixels .* larger image"):
        see(segmenter(), picture(size=(2, 3)))


def test_the_middle_of_a_class_is_its_pixel_nearest_to_the_centre():
    labels = np.zeros((9, 9), dtype=np.uint8)
    labels[2:7, 1:4] = 5
    assert middle_of(labels, 5) == (4, 2)
    labels[4, 2] = 0  # a hole in the middle
    assert labels[middle_of(labels, 5)] == 5
    with pytest.raises(UsageError, match="No pixel of this image has label 7"):
        middle_of(labels, 7)


def test_the_largest_of_some_classes_has_most_pixels():
    assert largest_class(LABELS, (1, 2)) == 1
    assert largest_class(LABELS, (2, 3)) == 2
    with pytest.raises(UsageError, match="None of these classes occurs in the image"):
        largest_class(LABELS, (3, 5))
    with pytest.raises(UsageError, match="None of these classes occurs"):
        largest_class(LABELS, (IGNORE,))


def begun_step(strategy, fitted=None):
    previous = build_segmenter("mit_quick", (4,), decoder_width=16)
    student, teacher = begin_step(previous, STEP, strategy, 0)
    images = step_images(blocks([0, 4], [255, 5]))
    return StepSetup(STEP, strategy, student, teacher, StepState(fitted)), images


def test_the_main_pixel_is_in_the_largest_object_of_the_first_classes_that_occur():
    labels = np.zeros((9, 9), dtype=np.uint8)
    labels[:3, :3], labels[4:, 4:] = 1, 2
    assert main_pixel(labels, (1,), (1, 2)) == (1, 1)
    assert main_pixel(labels, (5,), (1, 2)) == (6, 6)
    assert main_pixel(labels, (5,), (6,)) == (4, 4)


def test_targets_without_pseudo_labels_are_the_labels():
    setup, images = begun_step(FINE_TUNING)
    np.testing.assert_array_equal(targets_of(setup, images, 0), images.labels(0))


def test_targets_with_pseudo_labels_take_the_teacher_word_for_background_only():
    strategy = replace(SATS, targets=replace(SATS.targets, threshold="none"))
    setup, images = begun_step(strategy, {"thresholds": torch.full((4,), torch.inf)})
    labels, targets = images.labels(0), targets_of(setup, images, 0)
    assert (targets.shape, targets.dtype) == (labels.shape, np.uint8)
    np.testing.assert_array_equal(targets[labels != 0], labels[labels != 0])
    taught = look(setup.teacher, images.image(0)).prediction
    np.testing.assert_array_equal(targets[labels == 0], taught[labels == 0])
    setup.strategy = SATS  # with thresholds, and
    setup.state.targets["thresholds"].zero_()  # nothing is certain enough
    assert (targets_of(setup, images, 0)[labels == 0] == IGNORE).all()
    with pytest.raises(UsageError, match=r"images 0\.\.0, got 1"):
        targets_of(setup, images, 1)
