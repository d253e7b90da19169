"""The feature explorer: the same similarities as the library's, and colours that all steps share."""

import numpy as np
import pytest
from mouse import send

from satkit.analysis.feature_colours import feature_map, shared_colours, similarity
from satkit.analysis.images import image_and_labels
from satkit.experiments.experiment import Experiment
from satkit.experiments.kit_models import SETTINGS, kit_model
from satkit.experiments.plan import Plan
from satkit.widgets import explore_features, features

NAMES = ["base step, teacher", "student", "student of SATS"]


@pytest.fixture(scope="module")
def sats():
    return kit_model(Plan(SETTINGS, "sats"))


@pytest.fixture
def explorer(two_steps, sats):
    return explore_features(two_steps, beside=sats)


def pictures_of(explorer):
    return [image_and_labels(explorer.tests, each.value) for each in (explorer.image, explorer.other)]


def test_similarities_are_those_of_the_models_for_both_images(explorer, two_steps, sats):
    explorer.choose(pixel=(30, 18), layer="stage 3")
    (one, _), (other, _) = pictures_of(explorer)
    models = {NAMES[0]: two_steps.model(0), NAMES[1]: two_steps.model(1), NAMES[2]: sats.model(1)}
    found = explorer.arrays()
    assert list(found) == [f"{name}, {of}" for name in NAMES for of in ("image", "other image")]
    for name, model in models.items():
        maps = [feature_map(model, picture, "stage 3") for picture in (one, other)]
        cell = 30 * maps[0].shape[1] // 64, 18 * maps[0].shape[2] // 64
        for which, of in enumerate(("image", "other image")):
            np.testing.assert_allclose(found[f"{name}, {of}"], similarity(maps[0], *cell, maps[which]), atol=1e-6)


def test_the_place_may_be_in_the_other_image(explorer, two_steps):
    explorer.choose(place_in="other image", pixel=(10, 50))
    maps = [feature_map(two_steps.model(1), picture) for picture, _ in pictures_of(explorer)]
    expected = similarity(maps[1], 2, 12, maps[0])
    np.testing.assert_allclose(explorer.arrays()["student, image"], expected, atol=1e-6)
    assert explorer.text.startswith(f"image {explorer.other.value}, row 10, column 50")


def test_it_begins_with_two_images_of_one_old_class_and_the_place_on_it(explorer):
    (_, one), (_, other) = pictures_of(explorer)
    label = one[explorer.pixel]
    assert 1 <= label <= 15
    assert explorer.image.value != explorer.other.value
    assert (other == label).any()


def test_the_line_counts_the_most_similar_places_of_the_other_image(explorer):
    truth, label = pictures_of(explorer)[1][1], pictures_of(explorer)[0][1][explorer.pixel]
    for name in NAMES:
        values = explorer.arrays()[f"{name}, other image"]
        best = [np.unravel_index(each, values.shape) for each in np.argsort(-values.ravel(), kind="stable")[:10]]
        same = sum(truth[4 * row + 2, 4 * column + 2] == label for row, column in best)
        assert f"{name} {same}" in explorer.text


def test_colours_are_shared_by_images_models_and_steps(explorer, two_steps, sats):
    explorer.choose(show="colours")
    models = [two_steps.model(0), two_steps.model(1), sats.model(0), sats.model(1)]
    maps = [feature_map(model, picture) for model in models for picture, _ in pictures_of(explorer)]
    expected = shared_colours(maps)
    sent = explorer.picture.stage["models"]
    for name, place in ((NAMES[0], 0), (NAMES[1], 2), (NAMES[2], 6)):
        (mine,) = (each for each in sent if each["name"] == name)
        for which in (0, 1):
            colours = np.frombuffer(mine["colours"][which], dtype=np.uint8).reshape(16, 16, 3)
            np.testing.assert_allclose(colours, 255 * expected[place + which], atol=0.51)
    explorer.choose(step=0)
    (first,) = explorer.picture.stage["models"]
    assert first["name"] == "base step"
    assert first["colours"] == next(each for each in sent if each["name"] == NAMES[0])["colours"]


def test_the_film_moves_the_step(explorer):
    explorer.film.value = 0
    assert explorer.step.value == 0
    assert list(explorer.arrays()) == ["base step, image", "base step, other image"]
    explorer.choose(step=1)
    assert explorer.film.value == 1


def test_from_the_second_step_on_the_teacher_has_a_map_of_its_own(explorer, monkeypatch):
    monkeypatch.setattr(type(explorer.step), "value", 2)
    assert list(explorer._shown_models()) == ["base step", "teacher", "student"]  # the other run has no such step


def test_the_place_of_the_hand_is_taken_over(explorer):
    send(explorer.picture, {"kind": "query", "asked": 1, "pixel": [40, 12], "number": 1})
    assert (explorer.place.value, explorer.pixel) == ("other image", (40, 12))
    assert explorer.picture.chosen == {"answers": 1, "asked": 1, "pixel": [40, 12], "show": "similarity"}
    send(explorer.picture, {"kind": "query", "asked": 1, "pixel": [400, 12], "number": 2})
    assert explorer.picture.trouble == "The pixel must be inside the image of 64 x 64, got 400, 12."


def test_the_canvas_gets_images_and_maps_only_when_they_change(explorer):
    canvas = explorer.picture
    scene, stage = canvas.scene, canvas.stage
    explorer.choose(pixel=(3, 3), show="colours")
    assert canvas.scene is scene
    assert canvas.stage is stage
    explorer.choose(step=0)
    assert canvas.scene is scene
    assert canvas.stage is not stage
    explorer.choose(other=3)
    assert [each["number"] for each in canvas.scene["images"]] == [explorer.image.value, 3]


def test_every_model_sees_an_image_once(two_steps, sats, monkeypatch):
    seen, real = [], features.maps_by_layer
    monkeypatch.setattr(features, "maps_by_layer", lambda model, image: seen.append(model) or real(model, image))
    explorer = explore_features(two_steps, beside=sats)
    seen.clear()
    explorer.choose(layer="stage 1", show="colours", pixel=(1, 1))
    explorer.choose(step=0)
    assert seen == []
    explorer.choose(other=7)
    assert len(seen) == 4  # two steps of two experiments


def test_large_maps_are_averaged(two_steps, monkeypatch):
    monkeypatch.setattr(features, "MOST_PLACES", 8)
    explorer = explore_features(two_steps)
    assert {each.shape for each in explorer.arrays().values()} == {(8, 8)}
    assert explorer.picture.stage["grids"] == [[8, 8], [8, 8]]


def test_the_figure_has_a_row_for_each_image_and_marks_the_place(explorer):
    explorer.choose(place_in="other image")
    first, second = explorer.figure.axes[0], explorer.figure.axes[4]
    assert [ax.get_title() for ax in explorer.figure.axes[:4]] == ["image", *NAMES]
    assert not first.lines
    assert second.lines
    explorer.choose(show="colours")
    assert explorer.figure.axes[1].images[0].get_array().shape == (16, 16, 3)


@pytest.mark.parametrize(
    ("choice", "why"),
    [
        ({"step": 2}, "The step must be one of 0..1, got 2."),
        ({"image": -1}, "The image must be one of 0.."),
        ({"layer": "stage 9"}, "feature map 'stage 9'"),
        ({"show": "colors"}, "view 'colors'. Did you mean 'colours'"),
        ({"place_in": "both"}, "place 'both'"),
        ({"pixel": (64, 0)}, "inside the image of 64 x 64, got 64, 0"),
    ],
)
def test_what_is_not_there_is_refused(explorer, choice, why):
    before = explorer.text
    with pytest.raises(ValueError) as caught:
        explorer.choose(**choice)
    assert why in str(caught.value)
    assert explorer.text == before


def test_a_run_without_a_step_is_refused(two_steps, tmp_path):
    with pytest.raises(ValueError, match="must have a finished step to look at, it has none"):
        explore_features(Experiment.open(two_steps.plan, tmp_path / "empty"))


def test_models_with_other_channels_are_refused(explorer, monkeypatch):
    real = explorer._map
    monkeypatch.setattr(explorer, "_map", lambda who, *rest: real(who, *rest)[: 8 + who])
    explorer._coloured = {}
    with pytest.raises(ValueError, match=r"must have the same channels, got \[8, 9\]. Compare runs of one backbone"):
        explorer._shown_colours()
