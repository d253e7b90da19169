"""A lesson shows the models of the study that was named, else the kit's, else trains its own; it says which."""

from dataclasses import replace

import pytest
from tiny import TINY

from satkit.experiments.presets import PRESETS
from satkit.experiments.run_places import runs_root
from satkit.experiments.settings import Settings
from satkit.experiments.study_folder import StudyFolder, silent, stored_settings
from satkit.notebooks.lesson import Lesson
from satkit.utils.assets import asset
from satkit.utils.errors import UsageError


@pytest.fixture(autouse=True)
def runs(tmp_path, monkeypatch):
    """An empty folder of runs, and the smallest preset."""
    monkeypatch.setenv("SATKIT_RUNS", str(tmp_path))
    monkeypatch.setitem(PRESETS["scenes"], "tiny", TINY)
    return tmp_path


def test_without_a_study_the_models_of_the_kit_are_shown(capsys, runs):
    lesson = Lesson({"study": "", "preset": "quick", "anything": object()})
    assert lesson.models("sats").run.folder == asset("models/sats")
    lesson.models("fine-tuning")
    said = "Models: those that come with the kit (scenes 15-5, preset quick, seed 0).\n"
    assert capsys.readouterr().out == said  # once
    assert not list(runs.iterdir())


def test_a_study_that_is_named_is_shown_also_where_the_kit_has_models(capsys):
    settings = Settings(preset="tiny", seed=5)
    study = StudyFolder("mine", settings)
    study.trained("sats", report=silent)
    study.remember_settings()
    lesson = Lesson({"study": "mine", "preset": "quick", "seed": 0})
    assert lesson.settings == settings
    assert lesson.models("sats").run.folder == runs_root() / "mine" / "sats"
    assert "Models: those of the study mine (scenes 15-5, preset tiny, seed 5)." in capsys.readouterr().out


def test_a_study_that_is_not_there_is_refused_and_nothing_is_trained(runs):
    with pytest.raises(UsageError, match="There is no study mine in "):
        Lesson({"study": "mine", "preset": "tiny"}).models("sats")
    assert not list(runs.iterdir())


def test_what_the_kit_does_not_have_is_trained_in_a_folder_of_its_own(capsys):
    trained = Lesson({"preset": "tiny"}).models("sats")
    assert trained.run.folder == runs_root() / "scenes-15-5-tiny-seed0" / "sats"
    assert "Models: those of the study scenes-15-5-tiny-seed0 " in capsys.readouterr().out
    other = Lesson({"preset": "tiny", "seed": 1})
    assert other.study.folder.name == "scenes-15-5-tiny-seed1"


def test_training_goes_into_the_study_which_keeps_its_settings():
    lesson = Lesson({"study": "new", "preset": "tiny"})
    assert lesson.trained("sats", steps=1).run.steps_done() == 1
    assert lesson.figures == runs_root() / "new" / "figures"
    assert Lesson({"study": "new", "preset": "quick"}).settings.preset == "tiny"
    with pytest.raises(UsageError, match="seed: 0 in the study, 3 asked for"):
        Lesson({"study": "new", "seed": 3})


def test_a_plan_needs_no_training(runs):
    assert Lesson({"preset": "tiny"}).plan("mib").strategy.name == "MiB"
    assert not list(runs.iterdir())


def test_a_base_step_is_given_as_it_is():
    base = Lesson({"preset": "tiny"}).base("ewc")
    assert not base.run.is_done(0)
    assert base.run.name.startswith("base-")


def test_other_settings_have_a_study_of_their_own_named_after_them():
    lesson = Lesson({"study": "mine", "preset": "tiny"})
    other = lesson.with_settings(seed=1, setting="disjoint")
    assert other.settings == replace(lesson.settings, seed=1, setting="disjoint")
    assert other.study.folder == runs_root() / "scenes-15-5-tiny-seed1-disjoint"


@pytest.mark.parametrize("order", ["cross,striped disc", ["cross", "striped disc"]])
def test_an_order_by_name_is_the_same_as_text_as_list_and_in_other_settings(order):
    by_labels = Lesson({"preset": "tiny", "order": [5, 11, 1, 2, 3, 4, *range(6, 11), *range(12, 21)]})
    for lesson in (Lesson({"preset": "tiny", "order": order}), Lesson({"preset": "tiny"}).with_settings(order=order)):
        assert lesson.settings == by_labels.settings
        assert lesson.plan().scenario.names[:3] == ("background", "cross", "striped disc")


def test_a_setting_can_go_back_to_its_default():
    assert Lesson({"preset": "tiny", "seed": 1}).with_settings(preset="quick", seed=0).settings == Lesson({}).settings


def test_a_base_step_is_trained_once_and_said_to_be_in_its_study(capsys):
    lesson = Lesson({"study": "mine", "preset": "tiny"})
    first = lesson.trained_base()
    assert "study mine (scenes 15-5, preset tiny, seed 0)" in capsys.readouterr().out
    assert stored_settings(lesson.study.folder) == lesson.settings
    finished = first.run.step_folder(0) / "metrics.json"
    written = finished.stat().st_mtime_ns
    assert Lesson({"study": "mine"}).trained_base().run.folder == first.run.folder
    assert finished.stat().st_mtime_ns == written


def test_names_that_figures_cannot_show_are_said_once(capsys, monkeypatch):
    monkeypatch.setattr("satkit.notebooks.lesson.undrawable", lambda names: f"No font has {names[1]}.")
    lesson = Lesson({"preset": "tiny"})
    lesson.plan()
    lesson.plan("sats")
    assert capsys.readouterr().out.startswith("No font has ")
    assert capsys.readouterr().out == ""


def test_a_base_step_that_was_given_is_none_to_train():
    lesson = Lesson({"preset": "tiny", "base_model": "sats"})
    with pytest.raises(UsageError, match="was given its base step, sats, and trains none. Open a lesson about a later"):
        lesson.base()
