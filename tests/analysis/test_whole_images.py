"""A whole image of any size gets labels at its own size, and they are those that the evaluation computes."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from samples import LABELS, picture, segmenter, step_images

from satkit.analysis import whole_images
from satkit.analysis.whole_images import Preparation, predict_image
from satkit.data.batches import evaluation_batches
from satkit.data.transforms import CentreCrop
from satkit.evaluation.predict import predict
from satkit.models import BackboneError
from satkit.utils.errors import UsageError

SIZE = 64


def evaluated(model, images, how):
    """What the evaluation predicts for every image, one after the other."""
    crop = CentreCrop(how.size) if how.evaluation == "centre" else None
    window = how.size if how.evaluation == "windows" else None
    return [predict(model, batch, window)[0].numpy() for batch, _, _ in evaluation_batches(images, 1, crop)]


@pytest.mark.parametrize("evaluation", ["full", "windows", "centre"])
@pytest.mark.parametrize("side", [SIZE, 96, 160])
def test_a_square_image_gets_the_labels_of_the_evaluation(evaluation, side):
    model, how = segmenter().eval(), Preparation(evaluation, SIZE)
    images = step_images(LABELS.repeat(side // 32, 0).repeat(side // 32, 1)[:side, :side])
    (expected,) = evaluated(model, images, how)
    found = predict_image(model, images.image(0), how)
    assert found.shape == (side, side)
    seen = (2 * np.arange(side) + 1) * len(expected) // (2 * side)  # of each pixel, where it was predicted smaller
    np.testing.assert_array_equal(found, expected[seen[:, None], seen])
    assert len(np.unique(found)) > 1


def test_an_image_that_is_not_square_is_predicted_whole_where_the_evaluation_sees_its_centre_alone():
    image = picture(size=(70, 200))
    found = predict_image(segmenter().eval(), image, Preparation("centre", SIZE))
    assert (found.shape, found.dtype) == ((70, 200), np.uint8)
    assert Preparation("centre", SIZE).resized(70, 200) == (SIZE, 182)


def test_only_images_of_very_many_pixels_are_predicted_in_windows_for_that_alone(monkeypatch):
    monkeypatch.setattr(whole_images, "MOST_WHOLE", 96 * 96)
    how, model, image, seen = Preparation("full", SIZE), segmenter().eval(), picture(size=(97, 96)), []
    assert (how.window(96, 96), how.window(97, 96), how.window(97, 96, whole=True)) == (None, SIZE, None)
    assert (how.is_large(96, 96), how.is_large(97, 96), how.is_large(97, 96, whole=True)) == (False, True, False)
    assert not replace(how, evaluation="windows").is_large(97, 96)
    in_windows = predict_image(model, image, how, report=seen.append)
    assert seen[-1] == "4 of 4"
    np.testing.assert_array_equal(in_windows, predict_image(model, image, Preparation("windows", SIZE)))
    assert (in_windows != predict_image(model, image, how, whole=True)).any()


def test_an_image_without_enough_memory_for_one_pass_is_refused_with_the_remedy(monkeypatch):
    def no_memory(*_, **__):
        raise torch.OutOfMemoryError("no memory")

    monkeypatch.setattr(whole_images, "prediction", no_memory)
    with pytest.raises(
        UsageError, match="An image of 80 x 70 pixels needs more memory than there is. Leave --whole out"
    ):
        predict_image(segmenter(), picture(size=(70, 80)), Preparation("full", SIZE))


def test_another_error_of_torch_is_not_taken_for_a_lack_of_memory(monkeypatch):
    def broken(*_, **__):
        raise RuntimeError("something else")

    monkeypatch.setattr(whole_images, "prediction", broken)
    with pytest.raises(RuntimeError, match="something else"):
        predict_image(segmenter(), picture(), Preparation("full", SIZE))


def test_an_image_smaller_than_a_patch_is_refused_or_predicted():
    try:
        assert predict_image(segmenter().eval(), picture(size=(1, 1)), Preparation("full", SIZE)).shape == (1, 1)
    except BackboneError as error:
        assert "Choose a larger image" in str(error)  # noqa: PT017 (either is right)


@pytest.mark.parametrize(
    ("evaluation", "size", "said"), [("half", 64, "Unknown evaluation 'half'"), ("full", 0, "got 0")]
)
def test_a_preparation_that_no_model_has_is_refused(evaluation, size, said):
    with pytest.raises(UsageError, match=said):
        Preparation(evaluation, size)
