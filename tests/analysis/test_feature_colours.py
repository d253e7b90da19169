"""Colours and similarities of features on maps whose answer is known, and on a model."""

import numpy as np
import pytest
import torch
from samples import picture, segmenter

from satkit.analysis.feature_colours import (
    at_most,
    direction_codes,
    feature_map,
    maps_by_layer,
    shared_colours,
    similarity,
)
from satkit.data.batches import to_input
from satkit.utils.errors import UsageError


def maps_of(*class_maps, channels=8, noise=0.01):
    """Feature maps of (row, column) classes: each class has a random direction of its own."""
    directions = torch.randn(4, channels, generator=torch.Generator().manual_seed(0))
    found = []
    for number, classes in enumerate(class_maps):
        features = directions[torch.tensor(classes)].permute(2, 0, 1)
        found.append(features + noise * torch.randn(features.shape, generator=torch.Generator().manual_seed(number)))
    return found


def test_alike_features_have_the_same_colour_in_every_map_and_others_another():
    one, other = shared_colours(maps_of([[0, 1], [2, 3]], [[3, 2], [1, 0], [0, 0]]))
    assert (one.shape, other.shape) == ((2, 2, 3), (3, 2, 3))
    assert all(each.min() >= 0 and each.max() <= 1 for each in (one, other))
    colours = [one[0, 0], one[0, 1], one[1, 0], one[1, 1]]
    for number, again in enumerate([other[1, 1], other[1, 0], other[0, 1], other[0, 0]]):
        distances = [np.abs(again - colour).max() for colour in colours]
        assert np.argmin(distances) == number
        assert sorted(distances)[1] > 5 * distances[number]


def test_colours_do_not_depend_on_the_order_or_scale_of_channels():
    maps = maps_of([[0, 1], [2, 3]], [[1, 1], [0, 3]])
    expected = shared_colours(maps)
    for each, again in zip(expected, shared_colours([10 * one + 7 for one in maps]), strict=True):
        np.testing.assert_allclose(again, each, atol=1e-6)
    for each, again in zip(expected, shared_colours([one.flip(0) for one in maps]), strict=True):
        np.testing.assert_allclose(again, each, atol=1e-6)


def test_a_map_without_any_difference_has_one_colour():
    (colours,) = shared_colours([torch.ones(5, 3, 4)])
    assert np.isfinite(colours).all()
    assert len(np.unique(colours.reshape(-1, 3), axis=0)) == 1


def test_a_place_is_most_similar_to_itself_and_to_its_class_in_another_map():
    one, other = maps_of([[0, 1], [2, 3]], [[3, 2], [1, 0]])
    found = similarity(one, 0, 0, one)
    assert found[0, 0] == pytest.approx(1)
    assert found.argmax() == 0
    assert similarity(one, 0, 0, other)[1, 1] > 0.99
    assert similarity(one, 0, 0, other).argmax() == 3


def test_what_all_places_share_does_not_make_them_alike():
    one, _ = maps_of([[0, 1], [2, 3]], [[0]])
    shifted = one + 100
    np.testing.assert_allclose(similarity(shifted, 0, 1, shifted), similarity(one, 0, 1, one), atol=1e-3)


def test_a_slow_loop_finds_the_same_similarities():
    one, other = maps_of([[0, 1, 2], [2, 3, 1]], [[3, 2], [1, 0]], noise=0.5)
    found, of = similarity(one, 1, 2, other), one[:, 1, 2] - one.flatten(1).mean(dim=1)
    for row in range(2):
        for column in range(2):
            there = other[:, row, column] - other.flatten(1).mean(dim=1)
            assert found[row, column] == pytest.approx(float(of @ there / (of.norm() * there.norm())), abs=1e-6)


def test_codes_have_the_directions_of_the_features_and_their_largest_part_is_127():
    one, other = maps_of([[0, 1, 2], [2, 3, 1]], [[3, 2], [1, 0]], noise=0.5)
    codes, others = (direction_codes(each).astype(float) for each in (one, other))
    assert (np.abs(codes).max(axis=1) == 127).all()
    lengths = np.linalg.norm(codes[5]) * np.linalg.norm(others, axis=1)
    np.testing.assert_allclose(codes[5] @ others.T / lengths, similarity(one, 1, 2, other).ravel(), atol=0.01)


def test_codes_of_a_map_without_any_difference_are_zero():
    assert not direction_codes(torch.ones(5, 3, 4)).any()


def test_a_large_map_becomes_the_means_of_its_blocks_and_a_small_one_stays():
    one = torch.arange(48.0).reshape(1, 6, 8)
    assert at_most(one, 8) is one
    np.testing.assert_array_equal(at_most(one, 4), one.reshape(1, 3, 2, 4, 2).mean(dim=(2, 4)))
    assert at_most(torch.ones(2, 100, 3), 10).shape == (2, 10, 1)


def test_a_map_is_what_the_model_computes():
    model, image = segmenter(), picture(0)
    with torch.no_grad():
        output = model(to_input(torch.from_numpy(image)[None]))
    torch.testing.assert_close(feature_map(model, image), output.embedding[0])
    torch.testing.assert_close(feature_map(model, image, "stage 2"), output.features[1][0])
    assert list(maps_by_layer(model, image)) == ["stage 1", "stage 2", "stage 3", "stage 4", "embedding"]
    with pytest.raises(UsageError, match=r"feature map 'stage 7'.*stage 1, stage 2, stage 3, stage 4, embedding"):
        feature_map(model, image, "stage 7")
