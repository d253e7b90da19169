"""The forgetting explorer: every step, every class, and the images behind a number."""

import io

import numpy as np
import pytest
from mouse import pin, step_to, titled, turn_image
from PIL import Image

from satkit.analysis.codes import labels_from
from satkit.analysis.images import image_and_labels, prediction
from satkit.evaluation.metrics import iou_table
from satkit.experiments.experiment import Experiment
from satkit.experiments.plan import Plan
from satkit.widgets import explore_forgetting


@pytest.fixture
def explorer(two_steps):
    """An explorer that looks through 60 images only."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("satkit.widgets.forgetting.MOST_SEARCHED", 60)
        yield explore_forgetting(two_steps)


def strip(explorer):
    """Axes of image, ground truth and prediction."""
    return [ax for ax in explorer.figure.axes if ax.get_title().startswith(("image", "ground truth", "after step"))]


def matrix(explorer):
    """Axes of where the pixels of every class went."""
    return titled(explorer, "every class after step")


def lines(explorer):
    """Axes of the IoU of every class."""
    (found,) = (ax for ax in explorer.figure.axes if ax.get_ylabel() == "IoU (%)")
    return found


def test_what_is_shown_is_the_prediction_of_the_step_and_the_stored_confusion(explorer, two_steps):
    run = two_steps.run
    for step in (0, 1):
        explorer.choose(step=step, image=5)
        shown = explorer.arrays()
        np.testing.assert_array_equal(shown["prediction"], prediction(run.load_model(step), shown["image"]))
        np.testing.assert_array_equal(shown["truth"], image_and_labels(explorer.tests, 5)[1])
        np.testing.assert_array_equal(shown["iou"], iou_table(run.confusions(), 21))
        np.testing.assert_array_equal(shown["flow"].sum(axis=1), run.load_confusion(step).sum(axis=1))
        assert strip(explorer)[2].get_title() == f"after step {step}"


def test_images_are_shown_in_windows_where_the_scores_are(explorer, two_steps, monkeypatch):
    monkeypatch.setattr(Plan, "window", 24)
    explorer.choose(image=5)
    shown, model = explorer.arrays(), two_steps.run.load_model(1)
    np.testing.assert_array_equal(shown["prediction"], prediction(model, shown["image"], 24))
    assert (shown["prediction"] != prediction(model, shown["image"])).any()


def test_it_begins_with_the_class_that_lost_most_and_an_image_that_shows_it(explorer):
    lost = explorer.iou[0, 1:16] - explorer.iou[1, 1:16]
    assert explorer.chosen.value == 1 + lost.argmax()
    assert (explorer.arrays()["truth"] == explorer.chosen.value).sum() > 200
    assert f"at best {100 * explorer.iou[0, explorer.chosen.value]:.1f} %" in explorer.text


def test_step_and_class_under_the_hand_are_taken_over_and_the_controls_follow(explorer):
    step_to(explorer, 0, 4)
    assert (explorer.step.value, explorer.chosen.value) == (0, 4)
    assert explorer.text.startswith("after step 0 \N{MIDDLE DOT} IoU of triangle")
    assert matrix(explorer).patches[-1].get_y() == pytest.approx(4 - 0.46)
    assert float(lines(explorer).lines[-1].get_ydata()[0]) == pytest.approx(100 * explorer.iou[0, 4])
    step_to(explorer, 2, 4)
    assert "step must be one of 0..1, got 2" in explorer.picture.trouble
    assert explorer.step.value == 0


def test_a_cell_that_is_pinned_shows_the_image_with_most_such_pixels_and_then_the_next(explorer, two_steps):
    model, label = two_steps.run.load_model(1), 3
    counts = []
    for number in range(60):
        picture, truth = image_and_labels(explorer.tests, number)
        counts.append(int(((truth == label) & (prediction(model, picture) == 0)).sum()))
    order = np.argsort(-np.array(counts), kind="stable")
    pin(explorer, [label, 0])
    assert explorer.image.value == order[0]
    assert explorer.found == [number for number in order if counts[number]]
    words = f"image {order[0]}: {counts[order[0]]} pixels of square are called background (image 1 of "
    assert f"{words}{len(explorer.found)})" in explorer.text
    assert explorer.picture.chosen["pinned"] == [label, 0]
    assert explorer.picture.chosen["behind"].startswith(words)
    turn_image(explorer, 1)
    assert explorer.image.value == order[1]
    turn_image(explorer, -1)
    turn_image(explorer, -1)
    assert explorer.image.value == explorer.found[-1]
    pin(explorer, None)
    assert (explorer.found, explorer.picture.chosen["pinned"]) == ([], None)
    before = explorer.image.value
    turn_image(explorer, 1)
    assert explorer.image.value == (before + 1) % 60


def test_a_cell_can_be_chosen_in_code_by_class_or_by_kind(explorer):
    explorer.choose(label=3, called=0)
    by_class = explorer.found, explorer.text
    explorer.choose(label=3, kind="background")
    assert (explorer.found, explorer.text) == by_class
    explorer.choose(label=15, kind="a new class")
    assert set(explorer.called) == set(range(16, 21))
    assert explorer.picture.chosen["pinned"] is None  # more than one cell


def test_the_canvas_gets_scores_once_and_images_and_predictions_as_they_are_needed(explorer):
    canvas = explorer.picture
    scene, shown, predictions = canvas.scene, canvas.shown, canvas.predictions
    assert sorted(predictions["steps"]) == ["0", "1"]
    for step, label in ((0, 3), (1, 4), (1, 5)):
        step_to(explorer, step, label)
    assert canvas.scene is scene
    assert canvas.shown is shown
    assert canvas.predictions is predictions
    explorer.image.value = 5
    assert canvas.scene is scene
    assert canvas.shown["number"] == canvas.predictions["number"] == 5
    picture = image_and_labels(explorer.tests, 5)[0]
    for step in (0, 1):
        expected = prediction(explorer.experiment.run.load_model(step), picture).ravel()
        np.testing.assert_array_equal(labels_from(canvas.predictions["steps"][str(step)]), expected)


def test_the_pixels_behind_a_cell_are_outlined_until_it_is_left(explorer):
    explorer.choose(label=3, kind="background")
    assert strip(explorer)[1].collections
    assert strip(explorer)[2].collections
    explorer.image.value = (explorer.image.value + 1) % 60
    assert explorer.called == ()
    assert not strip(explorer)[1].collections
    assert explorer.text.startswith("after step 1 \N{MIDDLE DOT} IoU of square")


@pytest.mark.parametrize(("control", "value"), [("step", 0), ("chosen", 5), ("image", 1)])
def test_a_slider_or_menu_leaves_the_cell(explorer, control, value):
    explorer.choose(label=3, kind="background")
    getattr(explorer, control).value = value
    assert (explorer.called, explorer.found) == ((), [])
    assert explorer.text.startswith(f"after step {explorer.step.value} \N{MIDDLE DOT} IoU of ")
    assert "pixels of" not in explorer.text


def test_a_cell_without_pixels_is_answered_in_the_line(explorer):
    pin(explorer, [3, 3])  # fine-tuning knows no square any more
    assert "No pixel of square is called right in the 60 images." in explorer.picture.trouble
    assert explorer.found == []


def test_the_picture_is_the_one_that_would_have_been_drawn_anew(explorer, two_steps):
    for choice in ({"step": 0}, {"label": 9, "image": 2}, {"label": 3, "kind": "background"}, {"step": 1}):
        explorer.choose(**choice)
    explorer.choose(step=0, image=11, label=5)
    fresh = explore_forgetting(two_steps, step=0, image=11, label=5)
    assert explorer.picture.png == fresh.picture.png


@pytest.mark.parametrize(
    ("choice", "message"),
    [
        ({"step": 2}, "step must be one of 0..1, got 2"),
        ({"image": 60}, "image must be one of 0..59, got 60"),
        ({"label": 21}, "label must be one of 0..20, got 21"),
        ({"called": -1}, "called must be one of 0..20, got -1"),
        ({"kind": "wrong"}, "right, an old class, background, a new class, got 'wrong'"),
    ],
)
def test_what_does_not_exist_is_refused_in_one_sentence(explorer, choice, message):
    before = explorer.picture.png
    with pytest.raises(ValueError, match=message):
        explorer.choose(**choice)
    assert explorer.picture.png == before


def test_a_run_without_a_finished_step_is_refused(two_steps, tmp_path):
    with pytest.raises(ValueError, match="must have a finished step"):
        explore_forgetting(Experiment.open(two_steps.plan, tmp_path / "empty"))


def test_a_saved_picture_holds_everything_and_leaves_the_explorer_as_it_was(explorer, tmp_path):
    before = explorer.picture.png
    saved = np.asarray(Image.open(explorer.save(tmp_path / "all.png")).convert("RGB").resize((1140, 670)))
    shown = np.asarray(Image.open(io.BytesIO(before)).resize((1140, 670)))
    assert np.abs(saved.astype(int) - shown).mean() < 8  # of 255: the same panels, in another resolution
    explorer.refresh()
    assert explorer.picture.png == before
