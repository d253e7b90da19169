"""What the playground gets is what was drawn and what the models compute."""

import numpy as np
import pytest

from satkit.analysis.attention import attention_of
from satkit.analysis.codes import decoded, labels_from
from satkit.analysis.objects import look_closely, object_answer, relations_by_class
from satkit.data.datasets.scene_objects import RADIUS, scene_of
from satkit.data.datasets.scenes import CLASS_NAMES, SHAPES
from satkit.widgets.play_messages import GRID, UNIT, answer_of, given_of, kit_of


@pytest.fixture(scope="module")
def case(two_steps):
    """A scene with an object that is covered wholly, drawn, and what a model sees."""
    scene = scene_of("test", 3, 64)
    large = scene.edited(0, radius=RADIUS[1]).objects[0]
    scene = scene.edited(0, radius=RADIUS[0], row=large.row, column=large.column).with_object(scene.objects[0])
    drawing = scene.drawn()
    return scene, drawing, {"model": look_closely(two_steps.model(0), drawing.image)}


def test_shapes_come_as_distances_to_their_outlines():
    kit = kit_of(CLASS_NAMES, {"one": 16}, np.arange(256))
    axis = np.linspace(-kit["reach"], kit["reach"], GRID)
    for name, shape in SHAPES.items():
        sent = np.frombuffer(kit["shapes"][name], dtype="<i2").reshape(GRID, GRID) / UNIT
        np.testing.assert_allclose(sent, shape(axis[None, :], axis[:, None]), atol=1 / UNIT)


def test_classes_have_the_names_that_the_order_of_learning_gives_them():
    table = np.arange(256)
    table[[1, 2]] = [2, 1]
    kit = kit_of(["background", "ring", "disc", *CLASS_NAMES[3:]], {"one": 16, "two": 21}, table)
    assert [each["name"] for each in kit["classes"]] == list(CLASS_NAMES[1:])
    assert kit["classes"][10] == {"name": "striped disc", "shape": "disc", "fill": "striped"}
    assert kit["models"] == [{"name": "one", "outputs": 16}, {"name": "two", "outputs": 21}]


def test_pixels_labels_and_predictions_come_as_they_are(case):
    scene, drawing, looks = case
    made = answer_of(scene, drawing, drawing.labels, looks, 3, 7)
    assert made["number"] == 7
    assert made["scene"] == scene.plain()
    np.testing.assert_array_equal(np.frombuffer(made["image"], dtype=np.uint8), drawing.image.ravel())
    np.testing.assert_array_equal(labels_from(made["labels"]), drawing.labels.ravel())
    np.testing.assert_array_equal(labels_from(made["predictions"][0]), looks["model"].prediction.ravel())
    given = given_of(scene, 2)
    assert given["empty"] == scene.empty().tobytes()
    assert given["start"] == scene.plain()


@pytest.mark.parametrize("stage", [0, 3])
def test_attention_comes_as_the_mean_over_heads(case, stage):
    scene, drawing, looks = case
    made = answer_of(scene, drawing, drawing.labels, looks, stage, 0)["stage"]
    tap = looks["model"].taps[stage]
    codes = np.frombuffer(made["maps"][0]["codes"], dtype=np.uint8).reshape(-1, 64)
    peaks = np.frombuffer(made["maps"][0]["peaks"], dtype="<f4")
    rows, columns = made["queries"]
    shown = attention_of(tap, (rows // 2, columns // 3)).ravel()
    place = rows // 2 * columns + columns // 3
    np.testing.assert_allclose(decoded(codes[place], peaks[place]), shown, atol=0.004 * shown.max())


def test_objects_come_with_what_the_model_makes_of_them(case):
    scene, drawing, looks = case
    *_, last = answer_of(scene, drawing, drawing.labels, looks, 3, 0)["objects"]
    mine = drawing.numbers == len(scene.objects)
    assert last["answers"] == [vars(object_answer(looks["model"], drawing.labels, mine))]
    assert mine[tuple(last["pixel"])]
    relations = relations_by_class(looks["model"].taps[3], drawing.labels)[last["label"]]
    assert last["relations"] == [list(map(list, relations.items()))]


def test_of_a_covered_object_nothing_is_said(case):
    scene, drawing, looks = case
    first = answer_of(scene, drawing, drawing.labels, looks, 3, 0)["objects"][0]
    assert not (drawing.numbers == 1).any()
    assert first == {"label": None, "pixel": None, "answers": [], "relations": []}
