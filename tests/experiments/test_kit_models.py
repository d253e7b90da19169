"""The models that come with the kit are small, whole, used where they fit, and made again by their command."""

import shutil
from dataclasses import replace

import numpy as np
import pytest
import torch

from satkit.cli.parser import main
from satkit.experiments import kit_models
from satkit.experiments.plan import Plan
from satkit.experiments.run_folder import Run
from satkit.experiments.settings import Settings
from satkit.strategies.lookup import find_strategy
from satkit.utils.assets import asset
from satkit.utils.errors import UsageError
from satkit.utils.files import load_tensors
from satkit.utils.names import slug

LARGEST = 4_000_000  # bytes of one model
NOISE = 0.1  # of a mean IoU: more than threads, versions and machines change, far less than a strategy does
BACKWARDS = tuple(range(20, 0, -1))
SMOKE = replace(kit_models.SETTINGS, preset="smoke")


@pytest.fixture
def studies(tmp_path, monkeypatch):
    """A folder of runs that is empty at first."""
    monkeypatch.setenv("SATKIT_RUNS", str(tmp_path))
    return tmp_path


def folder_of(strategy):
    return asset(f"models/{slug(find_strategy(strategy).name)}")


@pytest.mark.parametrize("name", kit_models.STRATEGIES)
def test_every_model_opens_by_the_name_of_its_strategy(name):
    assert kit_models.open_kit_model(name).run.folder == folder_of(name)


def test_a_strategy_without_a_model_is_refused_with_those_that_have_one():
    with pytest.raises(UsageError, match="models of fine-tuning, pseudo.distillation, sats, got 'mib'"):
        kit_models.open_kit_model("mib")


@pytest.mark.parametrize("name", kit_models.STRATEGIES)
def test_every_model_is_there_small_in_half_precision_and_undamaged(name):
    run = Run.open(folder_of(name))
    assert run.steps_done() == 2
    for step in range(2):
        path = run.step_folder(step) / "model.safetensors"
        assert path.stat().st_size <= LARGEST
        tensors, _ = load_tensors(path)  # whose hash is checked
        weights = [each for name, each in tensors.items() if name.startswith("model.") and each.is_floating_point()]
        assert {each.dtype for each in weights} == {torch.float16}
        assert not run.manifest(step).damaged(run.step_folder(step))
        assert next(run.load_model(step).parameters()).dtype == torch.float32


@pytest.mark.parametrize("name", kit_models.STRATEGIES)
def test_their_scores_are_those_of_the_rounded_weights(name):
    kit = kit_models.kit_model(Plan(kit_models.SETTINGS, name))
    found = kit.evaluate(kit.model(1), kit.plan.steps[1])
    assert np.abs(found - kit.run.load_confusion(1)).sum() <= 1e-3 * found.sum()  # other machines round otherwise


@pytest.mark.parametrize("changed", [{"seed": 1}, {"shift": 0.5}, {"task": "10-10"}, {"order": BACKWARDS}])
def test_other_settings_have_none(changed):
    assert kit_models.kit_model(Plan(replace(Settings(), **changed), "sats")) is None


def test_other_strategies_have_none():
    assert kit_models.kit_model(Plan(Settings(), "mib")) is None


@pytest.mark.slow
def test_the_command_writes_runs_that_can_be_looked_at_and_replaces_those_that_are_there(studies, monkeypatch, capsys):
    monkeypatch.setattr(kit_models, "SETTINGS", SMOKE)
    monkeypatch.setattr(kit_models, "STRATEGIES", ("fine-tuning",))
    left = studies / "made" / "fine-tuning" / "left.txt"
    left.parent.mkdir(parents=True)
    left.write_text("from before")
    assert main(["reference", "--models", "--out", str(studies / "made")]) == 0
    assert str(left.parent) in capsys.readouterr().out
    assert not left.exists()
    monkeypatch.setattr(kit_models, "asset", lambda name: studies / "made" / name.split("/")[1])
    run = kit_models.kit_model(Plan(SMOKE, "fine-tuning")).run
    assert run.result()["task"] == "15-5"
    assert [row["step"] for row in run.history()][-1] == 1
    shutil.rmtree(studies / "made")


@pytest.mark.slow
@pytest.mark.full
def test_the_command_still_makes_the_same_models_within_noise(tmp_path):
    """Trains with the quick preset: about three minutes on two cores."""
    for folder in kit_models.make_models(tmp_path):
        made, stored = Run.open(folder).result(), Run.open(asset(f"models/{folder.name}")).result()
        for score in ("base", "old", "new", "all"):
            assert made[score] == pytest.approx(stored[score], abs=NOISE), (folder.name, score)
        assert {**made, "machine": None}.keys() == {**stored, "machine": None}.keys()
