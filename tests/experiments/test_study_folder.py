"""A study knows its settings: whoever names it gets them, and what contradicts them is refused in the user's words."""

import shutil
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image
from tiny import SETTINGS

from satkit.experiments.run_places import runs_root
from satkit.experiments.settings import Settings
from satkit.experiments.study_folder import (
    StudyFolder,
    existing_study,
    open_study,
    silent,
    stored_settings,
    with_labels,
)
from satkit.utils.assets import asset
from satkit.utils.errors import UsageError
from satkit.utils.files import read_json
from satkit.utils.sealed_json import write_sealed

pytestmark = pytest.mark.usefixtures("tiny_preset")


@pytest.fixture(autouse=True)
def runs(tmp_path, monkeypatch):
    """An empty folder of runs."""
    monkeypatch.setenv("SATKIT_RUNS", str(tmp_path))
    return tmp_path


def test_without_a_name_the_study_is_named_by_its_settings():
    assert open_study("", {}).folder == runs_root() / "scenes-15-5-quick-seed0"
    assert open_study("", {"preset": "smoke"}).folder == runs_root() / "scenes-15-5-smoke-seed0"


def own_data(root, colour):
    """Eight images in shades of one colour, with three classes beside the background."""
    mask = np.arange(4, dtype=np.uint8).repeat(256).reshape(32, 32)
    for name in ("images", "masks"):
        (root / name).mkdir(parents=True)
        for number in range(8):
            pixels = mask if name == "masks" else np.full((32, 32, 3), (colour, 0, 30 * number), dtype=np.uint8)
            Image.fromarray(pixels).save(root / name / f"{number}.png")
    return root


def test_data_in_two_folders_of_one_name_never_share_a_run(tmp_path):
    studies = []
    for number, above in enumerate(("first", "second")):
        root = own_data(tmp_path / above / "cells", colour=number)
        studies.append(open_study("", {"data": "folder", "root": str(root), "task": "2-1", "preset": "smoke"}))
    assert studies[0].folder == studies[1].folder
    studies[0].base()
    with pytest.raises(UsageError, match="holds a run of another configuration .data_fingerprint: .* Choose another"):
        studies[1].base()


def test_a_study_that_does_not_exist_yet_gets_what_is_given():
    study = open_study("mine", {"seed": 3})
    assert (study.folder.name, study.settings) == ("mine", Settings(seed=3))


def test_a_study_supplies_its_settings():
    settings = Settings(preset="smoke", seed=4, shift=0.5, protocol="mib", order=tuple(range(20, 0, -1)))
    StudyFolder("mine", settings).remember_settings()
    assert open_study("mine", {}).settings == settings
    assert open_study("mine", {"seed": 4, "task": "15-5", "backbone": "mit_quick"}).settings == settings


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"preset": "quick"}, "preset: smoke in the study, quick asked for"),
        ({"seed": 1}, "seed: 0 in the study, 1 asked for"),
        ({"task": "15-1"}, "task: 15-5 in the study, 15-1 asked for"),
        ({"backbone": "mit_b0"}, "backbone: mit_quick in the study, mit_b0 asked for"),
    ],
)
def test_what_contradicts_a_study_is_refused(given, said):
    StudyFolder("mine", Settings(preset="smoke")).remember_settings()
    with pytest.raises(UsageError, match=f"The study mine has its own settings: {said}. Leave "):
        open_study("mine", given)


def test_the_settings_of_a_study_are_written_once_with_an_absolute_folder_of_data(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    StudyFolder("mine", Settings("camvid", "there")).remember_settings()
    StudyFolder("mine", Settings(seed=9)).remember_settings()
    assert stored_settings(tmp_path / "mine") == Settings("camvid", str(tmp_path / "there"))
    assert open_study("mine", {"root": "elsewhere"}).settings.root == "elsewhere"


def test_a_folder_of_data_that_has_moved_is_remembered(tmp_path):
    StudyFolder("mine", Settings("camvid", str(tmp_path / "there"), seed=3)).remember_settings()
    StudyFolder("mine", Settings("camvid", str(tmp_path / "elsewhere"), seed=3)).remember_settings()
    assert stored_settings(tmp_path / "mine") == Settings("camvid", str(tmp_path / "elsewhere"), seed=3)


def test_a_study_without_its_own_file_is_known_by_its_result_or_its_runs(tmp_path):
    shutil.copytree(asset("models/sats"), tmp_path / "old" / "sats")
    found = stored_settings(tmp_path / "old")
    assert (found.task, found.preset, found.backbone, found.order) == ("15-5", "quick", "mit_quick", ())
    assert open_study("old", {"task": "15-5"}).plan("sats").config["backbone"] == "mit_quick"
    result = {"settings": {**Settings(preset="smoke").plain(), "task": "15-5", "order": list(range(1, 21))}}
    write_sealed(tmp_path / "old" / "result.json", {**result, "strategies": {}})
    assert stored_settings(tmp_path / "old") == Settings(preset="smoke", task="15-5")


def test_the_stored_quick_study_is_read(tmp_path):
    (tmp_path / "quick").mkdir()
    write_sealed(tmp_path / "quick" / "result.json", read_json(asset("quick_study.json")))
    assert stored_settings(tmp_path / "quick") == Settings(task="15-5")


def test_a_study_that_is_not_there_is_refused_with_the_nearest():
    StudyFolder("mine", SETTINGS).remember_settings()
    with pytest.raises(UsageError, match=r"There is no study mime in .*Did you mean 'mine'\? There are: mine\."):
        existing_study("mime")
    assert existing_study("mine").name == "mine"


def test_runs_of_a_study_share_their_data_and_are_trained_once(tmp_path):
    study, asked = StudyFolder("mine", SETTINGS), []

    def report(total, label):
        asked.append(label)
        return lambda iteration: None

    sats = study.trained("sats", report=report)
    assert asked == ["base step", "SATS, step 1"]
    assert sats.run.result() is not None
    tuned = study.trained("fine-tuning", steps=1, report=report)
    assert asked == ["base step", "SATS, step 1"]
    assert (tuned.run.steps_done(), tuned.run.result()) == (1, None)
    assert sats.plan.data is tuned.plan.data is study.data
    assert study.trained("sats", report=lambda *_: pytest.fail("it is finished")).run.steps_done() == 2


def test_the_base_step_is_never_shifted():
    study = StudyFolder("mine", replace(SETTINGS, shift=0.5))
    assert study.base("sats").plan.settings.shift == 0.0
    assert study.experiment("sats").plan.settings.shift == 0.5


@pytest.mark.parametrize("name", ["base", "Base 2", "figures", "!"])
def test_a_strategy_needs_a_name_that_no_folder_of_a_study_has(name):
    from satkit.strategies import SATS

    with pytest.raises(UsageError, match="A strategy needs a name that no folder of a study has"):
        StudyFolder("mine", SETTINGS).experiment(replace(SATS, name=name))


def test_nothing_is_shown_by_a_silent_report(capsys):
    silent(3, "step")(None)
    assert capsys.readouterr() == ("", "")


def test_the_file_of_settings_is_plain():
    StudyFolder("mine", Settings(order=(3, 1, 2))).remember_settings()
    assert read_json(runs_root() / "mine" / "study.json")["settings"]["order"] == [3, 1, 2]


def test_an_order_by_name_is_kept_as_labels_in_the_settings_and_in_config_json():
    given = {"preset": "tiny", "order": ("striped disc", "cross")}
    study, order = open_study("mine", given), (11, 5, 1, 2, 3, 4, *range(6, 11), *range(12, 21))
    assert study.settings == Settings(preset="tiny", order=order)
    assert study.plan().config["order"] == list(order)
    assert open_study("", given).folder == open_study("", {**given, "order": order}).folder
    study.remember_settings()
    assert open_study("mine", given).settings == study.settings
    with pytest.raises(UsageError, match="The study mine has its own settings: order: "):
        open_study("mine", {"order": ("cross",)})


def test_without_an_order_nothing_changes():
    assert with_labels({"seed": 3}) == {"seed": 3}
    assert with_labels({"order": (3, 1, 2)}) == {"order": (3, 1, 2)}


def test_names_in_an_order_are_those_of_the_data_or_of_the_study_that_is_named(tmp_path):
    assert with_labels({"data": "voc", "order": ("dog",)})["order"][:3] == (12, 1, 2)
    assert with_labels({"data": "voc", "order": ("b",)})["order"][:3] == (12, 9, 20)
    assert with_labels({"order": ("dog",)}, Settings("voc"))["order"][0] == 12
    for folder in ("images", "masks"):
        (tmp_path / folder).mkdir()
    (tmp_path / "classes.txt").write_text("0 background\n1 cat\n2 dog, large\n3 cow\n", encoding="utf-8")
    assert with_labels({"order": ("dog, large",)}, Settings("folder", str(tmp_path)))["order"] == (2, 1, 3)
    with pytest.raises(UsageError, match="Unknown class or class order 'dog'. "):
        with_labels({"order": ("dog",)})
