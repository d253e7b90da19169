"""What the attention canvas gets is what the models compute, in the colours of the figures."""

import io

import matplotlib as mpl
import numpy as np
import pytest
from PIL import Image

from satkit.analysis.attention import labels_of_keys, labels_of_queries, look
from satkit.analysis.codes import decoded, labels_from
from satkit.analysis.images import image_and_labels
from satkit.plots.style import DIFFERENCE_MAP, OVERLAY_MAP, class_palette
from satkit.widgets import scene


@pytest.fixture(scope="module")
def seen(two_steps):
    """An image, its labels, and what two models make of it."""
    picture, labels = image_and_labels(two_steps.plan.test_pictures(two_steps.plan.steps[1]), 3)
    return picture, labels, {name: look(two_steps.model(step), picture) for step, name in enumerate(("one", "two"))}


def floats(values):
    return np.frombuffer(values, dtype="<f4")


def codes(values):
    return np.frombuffer(values, dtype=np.uint8)


@pytest.mark.parametrize("stage", range(4))
def test_the_maps_of_a_stage_are_the_weights_of_its_taps_on_their_own_grids(seen, stage):
    _, labels, looks = seen
    taps = [each.taps[stage] for each in looks.values()]
    made = scene.stage_of(taps, labels)
    assert (made["name"], tuple(made["queries"]), tuple(made["keys"])) == (
        taps[0].name,
        taps[0].query_grid,
        taps[0].key_grid,
    )
    for tap, found in zip(taps, made["maps"], strict=True):
        weights = tap.weights()[0].numpy()
        assert made["heads"] == len(weights)
        back = decoded(codes(found["codes"]).reshape(weights.shape), floats(found["peaks"]).reshape(weights.shape[:2]))
        assert (np.abs(back - weights) <= 0.004 * weights.max(axis=-1, keepdims=True)).all()
    np.testing.assert_array_equal(codes(made["query_labels"]), labels_of_queries(taps[0], labels).ravel())
    np.testing.assert_array_equal(codes(made["key_labels"]), labels_of_keys(taps[0], labels).ravel())


def test_images_labels_and_predictions_come_back_as_they_were(seen):
    picture, labels, looks = seen
    made = scene.picture_of(picture, labels)
    assert made["image"]["size"] == list(labels.shape)
    np.testing.assert_array_equal(np.asarray(Image.open(io.BytesIO(made["image"]["file"]))), picture)
    np.testing.assert_array_equal(labels_from(made["labels"]), labels.ravel())
    for (name, each), model in zip(looks.items(), scene.models_of(looks), strict=True):
        assert model["name"] == name
        np.testing.assert_array_equal(labels_from(model["prediction"]), each.prediction.ravel())


def test_a_large_photograph_may_be_kept_in_a_smaller_file():
    noise = np.random.default_rng(0).integers(0, 256, (200, 300, 3), dtype=np.uint8)
    exact, smaller = (scene.picture_file(noise, exact) for exact in (True, False))
    assert len(smaller["file"]) < len(exact["file"]) / 2
    assert (exact["type"], smaller["type"]) == ("image/png", "image/webp")


def test_the_colours_are_those_of_the_figures():
    made = scene.common(["background", "disc"])
    for kind, name in (("attention", OVERLAY_MAP), ("difference", DIFFERENCE_MAP)):
        expected = mpl.colormaps[name](np.linspace(0, 1, 256), bytes=True)[:, :3]
        np.testing.assert_array_equal(codes(made["tables"][kind]).reshape(256, 3), expected)
    np.testing.assert_array_equal(codes(made["palette"]).reshape(256, 3)[:200], class_palette()[:200])
