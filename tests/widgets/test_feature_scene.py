"""What the canvas of the feature explorer gets is what was computed."""

import numpy as np
import torch

from satkit.analysis.codes import labels_from
from satkit.analysis.feature_colours import similarity
from satkit.widgets.feature_scene import images_of, maps_of

RANDOM = np.random.default_rng(0)
TRUTHS = [RANDOM.integers(0, 3, (8, 12), dtype=np.uint8), RANDOM.integers(0, 3, (8, 8), dtype=np.uint8)]
PICTURES = [RANDOM.integers(0, 256, (*each.shape, 3), dtype=np.uint8) for each in TRUTHS]


def test_images_come_back_as_they_were():
    made = images_of(["background", "cat", "dog"], zip((7, 3), PICTURES, TRUTHS, strict=True))
    assert [each["number"] for each in made["images"]] == [7, 3]
    assert made["names"] == ["background", "cat", "dog"]
    for each, truth in zip(made["images"], TRUTHS, strict=True):
        np.testing.assert_array_equal(labels_from(each["labels"]), truth.ravel())


def test_the_codes_of_two_maps_have_the_cosines_of_their_features():
    maps = [torch.randn(24, 4, 6), torch.randn(24, 4, 4)]
    colours = [RANDOM.random((4, 6, 3)), RANDOM.random((4, 4, 3))]
    made = maps_of("stage 2", TRUTHS, {"student": maps}, {"student": colours})
    assert (made["layer"], made["grids"]) == ("stage 2", [[4, 6], [4, 4]])
    np.testing.assert_array_equal(np.frombuffer(made["labels"][0], np.uint8).reshape(4, 6), TRUTHS[0][1::2, 1::2])
    (model,) = made["models"]
    one, other = (np.frombuffer(each, dtype=np.int8).reshape(-1, 24).astype(float) for each in model["codes"])
    lengths = np.linalg.norm(one[8]) * np.linalg.norm(other, axis=1)
    np.testing.assert_allclose(one[8] @ other.T / lengths, similarity(maps[0], 1, 2, maps[1]).ravel(), atol=0.01)
    sent = np.frombuffer(model["colours"][1], dtype=np.uint8).reshape(4, 4, 3)
    np.testing.assert_allclose(sent, 255 * colours[1], atol=0.51)
