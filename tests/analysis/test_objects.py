"""What models make of single objects: named, counted and related as scores and the loss do it."""

import numpy as np
import pytest
import torch

from satkit.analysis.attention import labels_of_keys, look, relations_of
from satkit.analysis.images import run_on_image
from satkit.analysis.objects import CloseLook, look_closely, object_answer, relations_by_class
from satkit.data.labels import IGNORE


def seen_as(prediction, probability=0.5):
    prediction = np.array(prediction, dtype=np.uint8)
    return CloseLook((), prediction, np.full(prediction.shape, probability), 4)


LABELS = np.array([[1, 1, 255, 2], [1, 1, 255, 2], [0, 0, 0, 1]], dtype=np.uint8)
FIRST = np.zeros((3, 4), dtype=bool)
FIRST[:2, :2] = True


def test_an_object_is_called_what_most_of_its_pixels_are():
    answer = object_answer(seen_as([[1, 1, 1, 0], [1, 3, 1, 0], [1, 0, 0, 1]], 0.75), LABELS, FIRST)
    assert (answer.called, answer.share, answer.probability) == (1, 0.75, 0.75)
    assert answer.iou == pytest.approx(3 / 5)  # one pixel missed, one of background added; IGNORE and the other 1 not


def test_what_is_called_its_class_elsewhere_does_not_count_against_an_object():
    labels = np.zeros((5, 9), dtype=np.uint8)
    labels[1:4, 1:4], labels[0:5, 7:9] = 1, 2
    labels[1:4, 4] = IGNORE
    prediction = np.where(labels == IGNORE, 1, labels)
    assert object_answer(seen_as(prediction), labels, labels == 1).iou == 1.0
    prediction[labels == 2] = 1  # another object, far away
    assert object_answer(seen_as(prediction), labels, labels == 1).iou == 1.0
    prediction[2, 5] = 1  # beyond its border, and connected
    assert object_answer(seen_as(prediction), labels, labels == 1).iou == pytest.approx(9 / 10)
    prediction[2, 6] = 1  # and so as far as the other object
    assert object_answer(seen_as(prediction), labels, labels == 1).iou == pytest.approx(9 / 21)


def test_an_object_that_is_called_something_else_has_an_iou_of_zero():
    answer = object_answer(seen_as(np.full((3, 4), 2)), LABELS, FIRST)
    assert (answer.called, answer.share, answer.iou) == (2, 1.0, 0.0)


def test_of_an_object_that_is_covered_nothing_is_said():
    assert object_answer(seen_as(LABELS), LABELS, np.zeros((3, 4), dtype=bool)) is None


@pytest.fixture(scope="module")
def case(two_steps):
    """A model, an image and its labels."""
    tests = two_steps.plan.test_pictures(two_steps.plan.steps[1])
    return two_steps.model(0), tests.image(3), tests.labels(3)


def test_a_closer_look_sees_the_same_and_the_probability_of_what_is_predicted(case):
    model, image, _ = case
    close, plain = look_closely(model, image), look(model, image)
    np.testing.assert_array_equal(close.prediction, plain.prediction)
    with torch.no_grad():
        expected = run_on_image(model, image, lambda images: model.eval()(images).logits.softmax(1)[0])
    chosen = np.take_along_axis(expected.numpy(), close.prediction[None].astype(int), axis=0)[0]
    np.testing.assert_allclose(close.probability, chosen, rtol=1e-5)
    assert close.outputs == len(expected) == 16


@pytest.mark.parametrize("stage", [0, 3])
def test_relations_are_those_of_the_loss_summed_over_the_keys_of_each_class(case, stage):
    model, image, labels = case
    tap = look_closely(model, image).taps[stage]
    found = relations_by_class(tap, labels)
    classes = sorted(found)
    relations, kept = relations_of(tap, labels, classes)
    assert kept == classes
    at_key = labels_of_keys(tap, labels)
    for relation, looking in zip(relations, classes, strict=True):
        assert list(found[looking].values()) == sorted(found[looking].values(), reverse=True)
        for other, share in found[looking].items():
            assert share == pytest.approx(relation[at_key == other].sum(), abs=1e-6)
    assert IGNORE not in found
