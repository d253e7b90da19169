"""Scenes as objects: drawn as they are, they are the data set's images; edited, kept and read, they stay the same."""

import json
from dataclasses import replace

import numpy as np
import pytest

from satkit.data import IGNORE
from satkit.data.datasets import scenes
from satkit.data.datasets.scene_objects import MOST_OBJECTS, Scene, SceneObject, scene_of
from satkit.utils.errors import UsageError


def disc(**changes):
    """A disc in the middle."""
    usual = dict(row=0.5, column=0.5, radius=0.3, turn=0.1, fill_turn=0.2, fill_shift=0.3, colour=(0.9, 0.1, 0.2))
    return SceneObject(**usual | changes, shape="disc", fill="plain")


def scene(*objects, size=64):
    return Scene(size, (0, 1, 5), objects)


@pytest.mark.parametrize("split", ["train", "test"])
@pytest.mark.parametrize(("size", "habitat"), [(64, 0.75), (48, 0.0)])
def test_a_scene_drawn_as_it_is_has_the_pixels_and_labels_of_the_data_set(split, size, habitat):
    for index in range(40):
        made = scene_of(split, index, size, 0, habitat).drawn()
        image, labels = scenes.draw_scene(split, index, size, 0, habitat)
        np.testing.assert_array_equal(made.image, image)
        np.testing.assert_array_equal(made.labels, labels)


def test_a_scene_comes_back_from_its_text_exactly():
    for index in range(20):
        made = scene_of("test", index, 64).to_front(0)
        back = Scene.from_json(made.to_json())
        assert back == made
        for one, other in zip(back.drawn(), made.drawn(), strict=True):
            np.testing.assert_array_equal(one, other)


def test_the_class_is_shape_and_fill():
    names = {replace(disc(), shape=shape, fill=fill).name for shape in scenes.SHAPES for fill in scenes.FILLS}
    assert names == set(scenes.CLASS_NAMES[1:])
    striped = replace(disc(), fill="striped")
    assert (striped.name, scenes.CLASS_NAMES[striped.label]) == ("striped disc", "striped disc")
    assert scene(striped).edited(0, fill="plain").objects[0].name == "disc"


def test_edits_change_what_they_say_and_nothing_else():
    one, two = disc(), replace(disc(column=0.2), shape="ring")
    before = scene(one, two)
    assert before.edited(1, row=0.3).objects == (one, replace(two, row=0.3))
    assert before.without(0).objects == (two,)
    assert before.with_object(one).objects == (one, two, one)
    assert before.to_front(0).objects == (two, one)
    assert before.objects == (one, two)


def test_what_lies_in_front_covers_what_lies_behind():
    behind, front = disc(column=0.4), replace(disc(column=0.6), shape="square")
    image, labels, numbers = scene(behind, front).drawn()
    assert labels[32, 38] == front.label
    assert scene(behind, front).to_front(0).drawn().labels[32, 26] == behind.label
    for number, each in enumerate((behind, front), start=1):
        assert set(labels[numbers == number]) == {each.label}
    assert not numbers[labels == IGNORE].any()
    np.testing.assert_array_equal(image[numbers + labels == 0], scene().empty()[numbers + labels == 0])


@pytest.mark.parametrize(("row", "column"), [(0, 0), (1 - 1e-9, 1 - 1e-9), (0, 1 - 1e-9)])
def test_an_object_at_a_corner_is_cut_off(row, column):
    made = Scene.from_json(scene(disc(row=row, column=column, radius=0.05)).to_json()).drawn()
    assert (made.labels == 1).sum() > 0


def wrong(**changes):
    """Values of a scene of which some are changed; those of `first` belong to its object."""
    values = scene(disc()).plain()
    values["objects"][0] |= changes.pop("first", {})
    return json.dumps(values | changes)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{", "must be JSON"),
        ("[" * 100_000, "must be JSON"),
        ("[1]", "must be of kind 'satkit scene' and version 1"),
        (wrong(version=2), "must be of kind"),
        (wrong(size=10_000), "size must be from 32 to 512, got 10000"),
        (wrong(size=True), "size must be"),
        (wrong(background=[0, 1]), "background must be three whole numbers"),
        (wrong(background=[0, 1, -1]), "background must be three whole numbers"),
        (wrong(objects="none"), "objects must be a list of at most"),
        (wrong(objects=[{}] * (MOST_OBJECTS + 1)), "objects must be a list of at most"),
        (wrong(objects=[{}]), "an object must be given by colour, column"),
        (wrong(first={"row": 1.5}), "row of an object must be from 0 to 1, got 1.5"),
        (wrong(first={"row": float("nan")}), "row of an object"),
        (wrong(first={"radius": 0}), "radius of an object must be from 0.05 to 0.6, got 0"),
        (wrong(first={"turn": "a"}), "turn of an object"),
        (wrong(first={"colour": [0, 0, 2]}), "colour of an object must be three numbers"),
        (wrong(first={"shape": "<b>"}), "shape of an object must be one of disc"),
        (wrong(first={"fill": ["plain"]}), "fill of an object must be one of plain, striped"),
    ],
)
def test_another_text_is_refused_in_one_sentence(text, words):
    with pytest.raises(UsageError, match=words) as caught:
        Scene.from_json(text)
    assert str(caught.value).endswith(".")
    assert len(str(caught.value).splitlines()) == 1
