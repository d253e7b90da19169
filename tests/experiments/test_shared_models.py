"""A model that was exported is the run's, with everything that one must know; damaged or foreign files are told."""

import json

import numpy as np
import pytest
import torch
from run_files import CONFIG, finish_step
from samples import picture
from tiny_studies import same

from satkit.experiments.manifest import WEIGHTS
from satkit.experiments.model_export import export_model
from satkit.experiments.run_folder import Run
from satkit.experiments.shared_models import is_exported, of_run, open_exported, steps_of_classes
from satkit.utils.errors import UsageError
from satkit.utils.files import DamagedFile, save_plain_tensors
from satkit.utils.sealed_json import read_sealed, write_sealed

NAMES = ["background", *(f"thing {label}" for label in range(1, 21))]


@pytest.fixture
def exported(undisturbed, tmp_path):
    """The last step of SATS in a folder of its own."""
    return export_model(of_run(undisturbed[1], names=NAMES), tmp_path / "model")


def test_an_exported_model_is_that_of_the_run(undisturbed, exported):
    run = undisturbed[1]
    there, here = of_run(run, names=NAMES), open_exported(exported)
    assert same(here.network.state_dict(), run.load_model(1).state_dict())
    assert here.network.spec == run.load_model(1).spec
    assert not here.network.training
    assert json.loads(json.dumps(here.about)) == read_sealed(exported / "config.json", "")
    assert here.about["weights"] == there.about["weights"]
    np.testing.assert_array_equal(here.predict(picture()), there.predict(picture()))
    assert here.predict(picture(size=(40, 52))).shape == (40, 52)


def test_it_says_what_must_be_known(undisturbed, exported):
    about = open_exported(exported).about
    assert about["classes"] == NAMES
    assert about["colours"][:3] == ["#000000", "#800000", "#008000"]
    assert about["learnt_in"] == [0] * 16 + [1] * 5
    assert (about["step"], about["steps"]) == (1, 2)
    assert about["preprocessing"]["evaluation"] == "full"
    assert about["preprocessing"]["size"] == 32
    assert about["training"]["conventions"] == undisturbed[1].config["conventions"]
    assert about["training"]["strategy"]["name"] == "SATS"
    assert "machine" not in about["training"]
    assert set(about["scores"]["iou"]) == set(NAMES)


def test_an_earlier_step_has_its_own_classes(undisturbed):
    first = of_run(undisturbed[1], 0, NAMES)
    assert first.about["classes"] == NAMES[:16]
    assert first.about["scores"]["new"] is None or np.isnan(first.about["scores"]["new"])
    assert same(first.network.state_dict(), undisturbed[0].load_model(0).state_dict())
    assert first.about["weights"] == of_run(undisturbed[0], names=NAMES).about["weights"]  # one base, one hash
    with pytest.raises(UsageError, match="Step 2 of .* is not finished"):
        of_run(undisturbed[1], 2, NAMES)


def test_a_run_without_what_describes_its_models_is_refused(tmp_path):
    run = Run.create(tmp_path / "run", CONFIG)
    with pytest.raises(UsageError, match="has no finished step yet"):
        of_run(run)
    finish_step(run, 0)
    with pytest.raises(UsageError, match="config.json must have 'task', which is missing"):
        of_run(run, names=NAMES)


def test_too_few_names_are_refused(undisturbed):
    with pytest.raises(UsageError, match="has 21 classes, but there are 3 names for them"):
        of_run(undisturbed[1], names=NAMES[:3])


@pytest.mark.parametrize(
    ("task", "setting", "joint", "steps"),
    [
        ("2-1", "overlapped", False, [0, 0, 0, 1, 2]),
        ("1-2-1", "disjoint", False, [0, 0, 1, 1, 2]),
        ("2-1", "overlapped", True, [0] * 5),
        ("11-5", "domain", False, [0] * 5),
    ],
)
def test_every_class_has_the_step_that_it_is_learnt_in(task, setting, joint, steps):
    trained = {"order": [1, 2, 3, 4], "task": task, "setting": setting, "strategy": {"joint": joint}}
    assert steps_of_classes(trained) == steps


def test_a_run_is_no_exported_model(undisturbed, exported, tmp_path):
    assert is_exported(exported)
    assert not is_exported(undisturbed[1].folder)
    assert not is_exported(tmp_path)
    (exported / WEIGHTS).unlink()
    assert is_exported(exported)


def test_weights_that_are_damaged_missing_or_others_are_refused(exported):
    weights = open_exported(exported).network.state_dict()
    path, whole = exported / WEIGHTS, (exported / WEIGHTS).read_bytes()
    path.write_bytes(whole[:1000])
    with pytest.raises(
        UsageError, match=r"model.safetensors must hold weights alone.* damaged .*Nothing in it was run"
    ):
        open_exported(exported)
    name = next(iter(weights))
    save_plain_tensors(path, {**weights, name: weights[name] + 1})
    with pytest.raises(DamagedFile, match="holds other weights than those that config.json belongs to"):
        open_exported(exported)
    save_plain_tensors(path, {**weights, name: torch.full_like(weights[name], torch.nan)})
    with pytest.raises(UsageError, match="numbers that are not finite"):
        open_exported(exported)
    save_plain_tensors(path, {name: weights[name]})
    with pytest.raises(UsageError, match="are missing, the first is"):
        open_exported(exported)
    path.unlink()
    with pytest.raises(DamagedFile, match="model.safetensors is missing. Fetch the model again"):
        open_exported(exported)


def changed(about, place, value):
    *above, last = place.split(".")
    inner = about
    for name in above:
        inner = inner[name]
    inner[last] = value


@pytest.mark.parametrize(
    ("place", "value", "said"),
    [
        ("format", 2, "must have the format 1, got 2"),
        ("classes", ["a"], "must name every output of the network, 21, got 1 classes"),
        ("model.counts", [], "must name every output of the network, 0"),
        ("model.counts", [10**9], "must name every output of the network, 1000000000"),
        ("model.decoder_width", 10**9, "a decoder or classifier of another size"),
        ("model.backbone", "nothing", "Unknown backbone 'nothing'"),
        ("model.other", 1, "describes no network of satkit"),
        ("training", {}, "must have 'data', which is missing"),
        ("preprocessing.size", "large", "must be a whole number, got 'large'"),
    ],
)
def test_a_config_that_describes_something_else_is_refused_in_a_sentence(exported, place, value, said):
    about = read_sealed(exported / "config.json", "")
    changed(about, place, value)
    write_sealed(exported / "config.json", about)
    with pytest.raises(UsageError, match=said):
        open_exported(exported)


def test_a_config_that_was_changed_by_hand_is_refused(exported):
    text = (exported / "config.json").read_text(encoding="utf-8")
    (exported / "config.json").write_text(text.replace("thing 3", "thing 4"), encoding="utf-8")
    with pytest.raises(
        DamagedFile, match="its values do not match its hash. Fetch the model again, or export it again"
    ):
        open_exported(exported)
