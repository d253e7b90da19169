"""The playground: its predictions are those of its own pixels, its edits come and go as scenes, and it answers fast."""

import base64
import json
import time

import matplotlib.pyplot as plt
import numpy as np
import pytest
from mouse import send

from satkit.analysis.images import prediction
from satkit.data.datasets.scene_objects import Scene
from satkit.experiments.kit_models import open_kit_model
from satkit.experiments.plan import Plan
from satkit.experiments.settings import Settings
from satkit.widgets import playground

SECONDS = 0.1  # of the processor for an answer of three models


@pytest.fixture(scope="module")
def models(two_steps):
    """A teacher and two students."""
    sats = open_kit_model("sats")
    return {"teacher": two_steps.model(0), "fine-tuning": two_steps.model(1), "SATS": sats.model(1)}


@pytest.fixture
def play(two_steps, models):
    """A playground of three models at test image 3."""
    return playground(models, two_steps.plan, image=3)


def edit(play, scene, number):
    """Tell of an edited scene, as the front end does."""
    send(play.picture, {"kind": "scene", "scene": json.loads(scene.to_json()), "number": number})


def edits(scene):
    """What a hand may do to a scene, one after the other."""
    yield scene.edited(0, row=0.2, column=0.9)
    yield scene.edited(0, turn=0.4, fill_turn=0.7, fill="striped")
    yield scene.edited(0, radius=0.31, colour=(0.2, 0.4, 0.9), fill="plain")
    yield scene.to_front(0)
    yield scene.with_object(scene.objects[0]).edited(len(scene.objects), shape="ring", column=0.3)
    yield scene.without(0)
    yield Scene(scene.size, scene.background, ())


@pytest.mark.parametrize("image", [0, 3, 17])
def test_it_begins_with_the_pixels_and_labels_of_the_test_image(two_steps, models, image):
    play = playground(models, two_steps.plan, image=image)
    tests = two_steps.plan.complete(two_steps.plan.test_pictures(two_steps.plan.steps[1]))
    np.testing.assert_array_equal(play.arrays()["image"], tests.image(image))
    np.testing.assert_array_equal(play.arrays()["labels"], tests.labels(image))


def test_after_every_edit_the_predictions_are_those_of_the_scenes_own_pixels(play, models):
    for number, scene in enumerate(edits(play.scene), start=1):
        edit(play, scene, number)
        assert play.scene == scene
        drawn = scene.drawn()
        np.testing.assert_array_equal(play.arrays()["image"], drawn.image)
        np.testing.assert_array_equal(play.arrays()["labels"], drawn.labels)
        for name, model in models.items():
            np.testing.assert_array_equal(play.arrays()[name], prediction(model, drawn.image))
        assert play.picture.answer["number"] == number
        assert len(play.picture.answer["objects"]) == len(scene.objects)


def test_an_edited_scene_comes_back_from_its_file(play, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for scene in edits(play.scene):
        send(play.picture, {"kind": "save", "name": "mine", "scene": scene.plain()})
        assert play.picture.note == "saved as mine.json"
        send(play.picture, {"kind": "load", "name": "mine", "scene": scene.plain()})
        assert play.scene == scene
        assert play.picture.given["start"] == scene.plain()


def test_only_the_newest_edit_is_answered(play):
    first = play.scene
    edit(play, first.edited(0, row=0.5), 9)
    edit(play, first.edited(0, row=0.1), 4)
    assert play.scene.objects[0].row == 0.5
    assert (play.picture.answer["number"], play.picture.answers) == (9, 2)


def test_an_answer_takes_less_than_a_tenth_of_a_second_of_the_processor(play):
    play.picture.alive = True  # else a picture is drawn too
    taken = []
    for number in range(1, 8):
        begin = time.process_time()
        edit(play, play.scene.edited(0, row=0.1 * number), number)
        taken.append(time.process_time() - begin)
    assert np.median(taken) < SECONDS


def test_the_background_is_sent_only_where_the_kernel_chose_the_scene(play):
    before = play.picture.given
    edit(play, play.scene.edited(0, row=0.5), 1)
    assert play.picture.given is before
    play.choose(image=4)
    assert play.picture.given["version"] > before["version"]
    edit(play, play.scene.edited(0, row=0.5), 2)
    play.choose(image=4)  # begins again
    assert play.scene.plain() == play.picture.given["start"]


def test_another_stage_shows_its_attention_and_leaves_the_scene(play):
    edited = play.scene.edited(0, row=0.5)
    edit(play, edited, 1)
    play.choose(stage=1)
    assert (play.picture.answer["stage"]["name"], play.scene) == ("stage 1", edited)


@pytest.mark.parametrize(
    ("choice", "words"), [({"image": -1}, r"images 0..\d+, got -1"), ({"stage": 5}, "stages 1..4, got 5")]
)
def test_what_does_not_exist_is_refused(play, two_steps, models, choice, words):
    before = play.scene
    with pytest.raises(ValueError, match=words):
        play.choose(**choice)
    assert play.scene == before
    with pytest.raises(ValueError, match=words):
        playground(models, two_steps.plan, **choice)


def test_other_data_and_no_model_are_refused(models):
    with pytest.raises(ValueError, match="Only the scenes are made of objects, got pretext"):
        playground(models, Plan(Settings(data="pretext")))
    with pytest.raises(ValueError, match="From one to 4 models stand side by side, got 0"):
        playground({}, Plan(Settings()))


@pytest.mark.parametrize(
    ("event", "words"),
    [
        ({"kind": "scene", "scene": {"kind": "other"}, "number": 1}, "A scene must be of kind"),
        ({"kind": "load", "name": "none", "scene": {}}, "There must be a file 'none.json'"),
        ({"kind": "save", "name": "../x", "scene": {}}, "A scene must be of kind"),
    ],
)
def test_what_goes_wrong_is_told_in_a_sentence_and_the_scene_stays(play, tmp_path, monkeypatch, event, words):
    monkeypatch.chdir(tmp_path)
    before = play.scene
    send(play.picture, event)
    assert words in play.picture.trouble
    assert (play.scene, play.picture.answers) == (before, 1)
    edit(play, before, 2)
    assert play.picture.trouble == ""


def test_it_carries_a_picture_with_its_meaning_in_words(play, tmp_path):
    play.picture.alive, open_before = True, plt.get_fignums()
    edit(play, play.scene.without(0), 1)
    bundle, metadata = play._repr_mimebundle_()
    assert base64.b64decode(bundle["image/png"]) == play.picture.png
    assert metadata["image/png"]["alt"] == play.alt == bundle["text/plain"]
    for each in play.scene.objects:
        assert each.name in play.alt
    assert "fine-tuning: background" in play.alt
    assert play.save(tmp_path / "picture.png").stat().st_size > 1000
    assert plt.get_fignums() == open_before  # a notebook would show another one as well
