"""Every strategy trains on scenes, step after step, is loaded again, and goes on after an interruption."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch

from satkit.experiments.in_progress import save_checkpoint
from satkit.experiments.plan import Plan
from satkit.experiments.presets import PRESETS, Preset
from satkit.experiments.settings import Settings
from satkit.experiments.shared_base import base_folder
from satkit.experiments.study_folder import StudyFolder, silent
from satkit.models import BackboneError
from satkit.strategies import STRATEGIES
from satkit.training import Schedule
from satkit.utils.errors import UsageError
from satkit.utils.files import read_json

TINY = Preset(
    "tiny",
    task="15-1",
    backbone="mit_quick",
    base=Schedule(3, 1e-3, batch_size=4),
    later=Schedule(3, 1e-3, classifier_lr_factor=10.0, batch_size=4),
    model={"decoder_width": 16},
    data={"size": 32, "train_images": 60, "test_images": 12},
    augment={"size": 32, "scale": (0.8, 1.2)},
    pseudo_threshold="none",
)
SETTINGS = Settings(preset="tiny", shift=0.5)
STEPWISE = [name for name, recipe in STRATEGIES.items() if not recipe.joint]
COMBINED = ["fine-tuning+memory=10", "mib+attention+memory=10", "sats+memory=10+fusion", "plop+ewc", "ssul+memory=10"]
pytestmark = pytest.mark.slow
STATEFUL = ["ewc", "pi", "rw", "sats+memory=10", "ewf", "ssul", "dft"]


@pytest.fixture(autouse=True)
def _tiny_preset(monkeypatch):
    monkeypatch.setitem(PRESETS["scenes"], "tiny", TINY)


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    return tmp_path_factory.mktemp("every") / "study"


def trained(folder, name, steps):
    return StudyFolder(folder, SETTINGS).trained(name, steps, report=silent)


@pytest.mark.parametrize("name", STEPWISE + COMBINED)
def test_a_strategy_trains_two_steps_after_its_base_step_and_is_loaded_again(study, name):
    experiment = trained(study, name, 3)
    run = experiment.run
    assert run.steps_done() == 3
    before = run.load_model(0).state_dict()
    after = run.load_model(2)
    frozen = experiment.plan.strategy.freezing is not None
    moved = any(not torch.equal(value, before[key]) for key, value in after.state_dict().items() if "backbone" in key)
    assert moved != frozen
    assert all(value.isfinite().all() for value in after.state_dict().values() if value.is_floating_point())
    history = run.history(2)
    terms = {term.name for term in experiment.plan.strategy.terms}
    assert terms <= set(history[-1])
    assert ("importance" in history[-1]) == (experiment.plan.strategy.importance is not None)
    assert run.load_confusion(2).shape == (18, 18)
    described = read_json(run.folder / "config.json")["strategy"]
    assert described == json.loads(json.dumps(experiment.plan.strategy.describe()))


@pytest.mark.parametrize("name", STATEFUL)
def test_a_step_that_is_interrupted_goes_on_bit_for_bit(study, tmp_path, name):
    whole = trained(study, name, 3).run
    experiment = trained(tmp_path / "study", name, 2)
    run = experiment.run

    def stop(iteration):
        if iteration.number == 2:
            save_checkpoint(run, 2, iteration.snapshot(), [], experiment.plan.device)
            raise InterruptedError

    with pytest.raises(InterruptedError):
        experiment.learn(2, stop)
    experiment.learn(2)
    one, other = (each.load_model(2).state_dict() for each in (whole, run))
    assert all(torch.equal(value, other[key]) for key, value in one.items())
    one, other = whole.load_state(2).tensors(), run.load_state(2).tensors()
    assert one.keys() == other.keys()
    assert all(torch.equal(value, other[key]) for key, value in one.items())


def test_strategies_that_agree_in_their_base_step_share_it_and_the_others_have_their_own(study):
    for name in ("sats", "fine-tuning", "ewc", "pi", "rw", "ssul", "dft", "lwf-mc", "dkd", "ssul+memory=10"):
        trained(study, name, 1)
    bases = {name: base_folder(Plan(SETTINGS, name).strategy) for name in STEPWISE}
    assert bases["sats"] == bases["mib"] == "base"
    assert bases["ewc"] == bases["pi"] == bases["rw"]
    assert len({bases[name] for name in ("sats", "ewc", "ssul", "dft", "lwf-mc", "dkd")}) == 6
    assert {path.parent.name for path in study.glob("base*/config.json")} == set(bases.values())


def test_measuring_importances_does_not_change_what_a_base_step_learns(study):
    for name in ("sats", "ewc"):
        trained(study, name, 1)
    one, other = (trained(study, name, 1).run.load_model(0).state_dict() for name in ("sats", "ewc"))
    assert all(torch.equal(value, other[key]) for key, value in one.items())


def test_the_base_step_of_importances_measures_every_one_and_a_run_keeps_its_own(study):
    base = StudyFolder(study, SETTINGS).base("ewc").run
    trained(study, "ewc", 2)
    trained(study, "sats", 1)
    measured = {key.split(".")[0] for key in base.load_state(0).tensors()}
    assert measured == {"ewc", "pi", "rw"}
    assert {key.split(".")[0] for key in trained(study, "ewc", 2).run.load_state(1).tensors()} == {"ewc"}
    assert trained(study, "sats", 1).run.load_state(0).tensors() == {}


def test_a_memory_grows_out_of_every_step_that_has_ended(study):
    experiment = trained(study, "sats+memory=10", 3)
    run = experiment.run
    memories = [run.load_state(step).memory.numpy() for step in (1, 2)]
    assert [len(memory) for memory in memories] == [10, 10]
    assert set(memories[0][:, 1]) == {0}
    assert set(memories[1][:, 1]) <= {0, 1}
    found = experiment.plan.images(experiment.plan.steps[0]).indices
    assert set(memories[0][:, 0]) <= set(found)
    assert not np.array_equal(*memories)


def test_the_configuration_says_whose_labels_a_memory_has():
    memory = Plan(SETTINGS, "sats+memory=10").config["strategy"]["memory"]
    reading = {"labels": "step", "share": 0.5, "background": "ignored"}
    assert memory == {"kind": "ExemplarMemory", "size": 10, "sampling": "balanced", **reading}


def test_the_two_worlds_share_a_base_step_and_differ_afterwards(study, tmp_path):
    plain = StudyFolder(tmp_path / "study", replace(SETTINGS, shift=0.0)).trained("sats", 2, report=silent).run
    shifted = trained(study, "sats", 2).run
    one, other = (run.load_model(0).state_dict() for run in (plain, shifted))
    assert all(torch.equal(value, other[key]) for key, value in one.items())
    one, other = (run.load_model(1).state_dict() for run in (plain, shifted))
    assert not all(torch.equal(value, other[key]) for key, value in one.items())
    assert (plain.config["shift"], shifted.config["shift"]) == (0.0, 0.5)
    assert StudyFolder(study, SETTINGS).base("sats").run.config["shift"] == 0.0


def test_a_loaded_model_has_the_readout_and_depth_of_its_strategy_s_head(study):
    for name in ("sats", "ssul", "dkd"):
        experiment = trained(study, name, 2)
        run = experiment.run
        assert run.load_model(1).build.readout == experiment.plan.strategy.head.readout
        assert run.load_model(1).build.deep_heads == experiment.plan.strategy.head.deep


def test_a_step_is_trained_on_its_exemplars(study):
    experiment = trained(study, "sats+memory=10", 2)
    run = experiment.run
    without = trained(study, "sats", 2).run
    one, other = (each.load_model(1).state_dict() for each in (run, without))
    assert not all(torch.equal(value, other[key]) for key, value in one.items())
    kept = experiment.plan.batches(experiment.plan.steps[1], run.load_state(1)).exemplars
    assert np.array_equal(kept.entries, run.load_state(1).memory.numpy())
    assert experiment.plan.batches(experiment.plan.steps[1]).exemplars is None


def test_a_memory_larger_than_the_data_is_refused_before_training():
    with pytest.raises(UsageError, match="must fit into the data: 1000 images are asked for, but the base step"):
        Plan(SETTINGS, "sats+memory=1000").check()


def test_a_shift_outside_its_range_is_refused():
    with pytest.raises(UsageError, match="shift must be between 0 and 1, got 2"):
        Settings(shift=2)


def test_the_background_of_ssul_learns_slowly_and_its_old_classes_not_at_all(study):
    run = trained(study, "ssul", 2).run
    one, other = (run.load_model(step).state_dict() for step in (0, 1))
    moved = {key for key, value in one.items() if key in other and not torch.equal(value, other[key])}
    assert {".".join(key.split(".")[:3]) for key in moved} == {
        *("classifier.steps.0", "classifier.reserved.0", "classifier.reserved.1", "classifier.reserved.3")
    }
    change = {key: float((other[key] - one[key]).abs().max()) for key in moved if key.endswith("3.weight")}
    assert change["classifier.steps.0.3.weight"] < 1e-3 * change["classifier.reserved.3.weight"]


def test_region_features_train_a_backbone_without_attention(tmp_path):
    settings = replace(SETTINGS, backbone="resnet10t")
    with pytest.raises(BackboneError, match="no self-attention .* the strategy sats-features needs no attention"):
        Plan(settings, "sats").check()
    run = StudyFolder(tmp_path / "study", settings).trained("sats-features", 2, report=silent).run
    assert run.history(1)[-1]["region features"] > 0
    before, after = (run.load_model(step).state_dict() for step in (0, 1))
    assert any(not torch.equal(value, after[key]) for key, value in before.items() if key.startswith("backbone"))
