"""A model is found by what a user calls it, and what is none is answered with what there is."""

import shutil

import numpy as np
import pytest
from PIL import Image
from tiny import SETTINGS

from satkit.experiments.model_export import export_model
from satkit.experiments.model_places import find_model, model_folder, names_of_classes
from satkit.experiments.run_folder import Run
from satkit.experiments.study_folder import StudyFolder
from satkit.utils.assets import asset
from satkit.utils.errors import UsageError
from satkit.utils.sealed_json import write_sealed


@pytest.fixture
def runs(tmp_path, monkeypatch, undisturbed):
    """A folder of runs with one study, "mine": its base and SATS."""
    monkeypatch.setenv("SATKIT_RUNS", str(tmp_path / "runs"))
    monkeypatch.chdir(tmp_path)
    shutil.copytree(undisturbed[0].folder.parent, tmp_path / "runs" / "mine")
    return tmp_path / "runs"


@pytest.mark.parametrize("name", ["mine/sats", "runs/mine/sats", "./runs/mine/sats", "mine/SATS"])
def test_a_run_is_found_by_its_study_and_strategy_or_by_its_folder(runs, name):
    assert model_folder(name) == runs / "mine" / "sats"
    assert model_folder(str(runs / "mine" / "sats")) == runs / "mine" / "sats"


def test_a_short_name_of_a_strategy_will_do(runs):
    (runs / "mine" / "sats").rename(runs / "mine" / "pseudo-labels-distillation")
    assert model_folder("mine/pseudo+distillation").name == "pseudo-labels-distillation"


def test_the_last_finished_step_is_taken_unless_another_is_asked_for(runs):
    assert find_model("mine/sats").about["step"] == 1
    assert find_model("mine/sats", 0).about["step"] == 0
    shutil.rmtree(runs / "mine" / "sats" / "steps" / "1")
    assert find_model("mine/sats").about["step"] == 0


def test_an_exported_model_is_found_by_its_folder_and_has_one_step(runs, tmp_path):
    export_model(find_model("mine/sats"), tmp_path / "given")
    assert find_model("given").about["step"] == find_model(str(tmp_path / "given"), 1).about["step"] == 1
    with pytest.raises(UsageError, match="holds the model of step 1 alone, got step 0"):
        find_model("given", 0)


@pytest.mark.parametrize("name", ["sats", "fine-tuning", "pseudo+distillation", "pseudo-labels-distillation"])
def test_a_model_of_the_kit_is_found_by_its_strategy(runs, name):
    assert model_folder(name).parent == asset("models")
    assert find_model("sats").about["classes"][1] == "disc"


def test_a_folder_of_ones_own_comes_before_the_kit_s(runs, tmp_path):
    export_model(find_model("mine/sats"), tmp_path / "sats")
    assert model_folder("sats") == tmp_path / "sats"


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("mine", "mine is a study, and a model is of one of its runs. Name one of: mine/base, mine/sats."),
        ("mine/sat", "There is no model 'mine/sat'. Did you mean 'mine/sats'?"),
        ("zzz", "There is no model 'zzz'. Name the folder of an exported model or of a run, a run as STUDY/STRATEGY"),
        ("", "There is no model ''."),
        ("../x", "There is no model '../x'."),
        ("empty", "A model is a folder with config.json and weights, but .*empty holds neither a run nor an exported"),
        ("file", "but .*file is a file"),
    ],
)
def test_what_is_no_model_is_answered_with_what_there_is(runs, tmp_path, name, said):
    (tmp_path / "empty").mkdir()
    (tmp_path / "file").write_text("x")
    with pytest.raises(UsageError, match=said):
        model_folder(name)


class TestNamesOfClasses:
    def test_are_those_of_the_data_in_the_order_of_learning(self, undisturbed):
        config = {**undisturbed[1].config, "order": [20, *range(1, 20)]}
        names = names_of_classes(Run(undisturbed[1].folder, config))
        assert names[:3] == ["background", "striped ellipse", "disc"]

    def test_of_ones_own_data_are_those_that_the_study_has_written(self, tmp_path):
        run = Run(tmp_path / "sats", {"data": "folder", "order": [2, 1]})
        with pytest.raises(UsageError, match="are in its data. Name its folder with --root"):
            names_of_classes(run)
        write_sealed(tmp_path / "result.json", {"classes": ["background", "cat", "dog"]})
        assert names_of_classes(run) == ["background", "cat", "dog"]

    def test_or_those_in_the_folder_of_the_data(self, tmp_path):
        root = tmp_path / "cells"
        for name in ("images", "masks"):
            (root / name).mkdir(parents=True)
            for number in range(6):
                Image.fromarray(np.arange(4, dtype=np.uint8).repeat(16).reshape(8, 8)).save(
                    root / name / f"{number}.png"
                )
        (root / "classes.txt").write_text("0 background\n1 cat\n2 dog\n3 cow\n")
        run = Run(tmp_path / "study" / "sats", {"data": "folder", "order": [3, 1, 2]})
        assert names_of_classes(run, str(root)) == ["background", "cow", "cat", "dog"]
        settings = {**SETTINGS.plain(), "data": "folder", "root": str(root), "habitat": 0.75}
        (tmp_path / "study").mkdir()
        write_sealed(tmp_path / "study" / "study.json", {"settings": settings})
        assert names_of_classes(run)[1:] == ["cow", "cat", "dog"]
        with pytest.raises(UsageError, match="has learnt 2 classes, but folder has 3 names"):
            names_of_classes(Run(run.folder, {"data": "folder", "order": [1, 2]}))


def test_a_study_folder_names_the_same_run(runs, tiny_preset):
    study = StudyFolder("mine", SETTINGS)
    assert study.experiment("sats").run.folder == model_folder("mine/sats")
