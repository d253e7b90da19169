"""What an explorer looks at: models and images are loaded once, when they are asked for."""

import numpy as np
import pytest

from satkit.analysis.images import prediction
from satkit.widgets.subject import Subject


@pytest.fixture
def subject(two_steps):
    """A student and its teacher, looking at an image."""
    made = Subject(two_steps, step=1, image=4)
    made.load()
    return made


def test_it_holds_what_teacher_and_student_make_of_the_image(subject, two_steps):
    run = two_steps.run
    assert list(subject.looks) == ["teacher", "student"]
    for name, step in (("teacher", 0), ("student", 1)):
        np.testing.assert_array_equal(subject.looks[name].prediction, prediction(run.load_model(step), subject.picture))
    assert subject.size == subject.labels.shape == (64, 64)


def test_it_loads_only_what_has_changed(subject, two_steps, monkeypatch):
    monkeypatch.setattr(two_steps.run, "load_model", lambda step: pytest.fail("the models are there"))
    assert not subject.load()
    subject.image.value = 5
    assert subject.load()
    assert not subject.load()


def test_the_base_step_has_one_model(subject):
    subject.choose_step(0)
    assert subject.load()
    assert list(subject.looks) == ["model"]


def test_the_names_of_the_steps_fit_the_menu(subject):
    names = [name for name, _ in subject.step.options]
    assert names == ["0: base step", "1: with teacher"]
    assert max(map(len, names)) <= 16  # a menu of 165 pixels cuts longer ones off


def test_labels_have_names_and_what_is_not_annotated_says_so(subject):
    assert subject.name(1) == "disc"
    assert subject.name(255) == "not annotated"
    row, column = np.argwhere(subject.labels == 255)[0]
    assert subject.at(subject.labels, (row, column)) == "not annotated"


def test_steps_and_images_that_do_not_exist_are_refused(subject):
    with pytest.raises(ValueError, match="finished steps 0..1, got step 2. Choose one of them.$"):
        subject.choose_step(2)
    with pytest.raises(ValueError, match=r"images 0..\d+, got -1"):
        subject.choose_image(-1)
    assert (subject.step.value, subject.image.value) == (1, 4)


def test_only_a_step_of_the_task_can_be_trained_first(subject):
    subject.step.options = [("0: base step", 0)]
    for step, instead in ((1, "Train it first"), (2, "Choose one of them")):
        with pytest.raises(ValueError, match=f"finished steps 0..0, got step {step}. {instead}.$"):
            subject.choose_step(step)


def test_a_stage_is_chosen_by_the_number_in_its_name(subject):
    subject.choose(stage=2)
    assert [tap.name for tap in subject.taps.values()] == ["stage 2", "stage 2"]
    assert subject.panels == ("teacher", "student", "difference")
    subject.choose(step=0)
    assert subject.panels == ("model",)
    assert subject.stage.label == "stage 2"  # it stays
    with pytest.raises(ValueError, match="stages 1..4, got 0"):
        subject.choose(stage=0)
