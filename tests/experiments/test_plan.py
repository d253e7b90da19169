"""What is decided before anything is trained: names, data, images of every step, conventions."""

import signal
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from tiny import SETTINGS, TINY

from satkit.experiments.plan import Plan, data_options
from satkit.experiments.presets import PRESETS
from satkit.experiments.settings import Settings
from satkit.models import BackboneError, Segmenter
from satkit.models.mit import kit_weights
from satkit.models.pretrained import timm
from satkit.strategies import MIB, AttentionTransfer
from satkit.utils.errors import UsageError
from satkit.utils.files import read_json

pytestmark = pytest.mark.usefixtures("tiny_preset")


def test_settings_become_objects():
    plan = Plan(replace(SETTINGS, task="10-5", order=tuple(range(20, 0, -1))), "mib")
    assert [len(step.new) for step in plan.steps] == [10, 5, 5]
    assert plan.scenario.names[1] == plan.data.class_names[20]
    assert (plan.strategy.name, plan.backbone, plan.preset.name) == ("MiB", "mit_quick", "tiny")
    assert [plan.schedule(step).iterations for step in plan.steps] == [4, 4, 4]


def test_joint_training_has_one_step_of_the_same_scenario():
    plan = Plan(SETTINGS, "joint")
    assert len(plan.scenario.steps) == 2
    assert [len(step.new) for step in plan.steps] == [20]


def test_what_would_fail_is_found_before_training():
    Plan(SETTINGS, "sats").check()
    with pytest.raises(UsageError, match="Unknown backbone 'mit_quik'. Did you mean 'mit_quick'"):
        Plan(replace(SETTINGS, backbone="mit_quik"), "sats").check()
    with pytest.raises(BackboneError):
        Plan(replace(SETTINGS, backbone="resnet18"), "sats").check()
    with pytest.raises(UsageError, match="Unknown strategy 'stas'. Did you mean 'sats'"):
        Plan(SETTINGS, "stas")
    with pytest.raises(UsageError, match="Task '15-4' must divide"):
        Plan(replace(SETTINGS, task="15-4"), "sats").check()


def test_ctrl_c_in_the_trial_of_a_network_is_not_taken_for_a_network_that_does_not_fit(monkeypatch):
    def interrupted(*_, **__):
        try:
            signal.raise_signal(signal.SIGINT)
        except KeyboardInterrupt:
            raise RuntimeError("as a library in C does") from None

    plan = Plan(SETTINGS, MIB)
    monkeypatch.setattr(Segmenter, "forward", interrupted)
    with pytest.raises(KeyboardInterrupt):
        plan.try_backbone(attention=False)


def test_attention_over_old_regions_is_refused_where_neither_annotator_nor_targets_show_them():
    strategy = MIB + AttentionTransfer(5, over="old")
    with pytest.raises(UsageError, match="cannot learn in the setting 'overlapped': 'attention', as it is set here"):
        Plan(SETTINGS, strategy).check()
    Plan(replace(SETTINGS, setting="sequential"), strategy).check()
    Plan(SETTINGS, "mib+attention-old=5").check()


def test_a_place_on_disk_is_no_part_of_the_configuration_and_conventions_are():
    plain, mib = (Plan(replace(SETTINGS, protocol=name)).config for name in ("", "mib"))
    assert not {"root", "protocol"} & set(plain)
    assert {key for key in plain if plain[key] != mib[key]} == {"conventions"}


def test_autocast_is_in_the_configuration_only_where_it_was_chosen():
    usual, short = Plan(SETTINGS).config, Plan(replace(SETTINGS, autocast="bfloat16")).config
    assert "autocast" not in usual
    assert short == {**usual, "autocast": "bfloat16"}
    with pytest.raises(UsageError, match="Unknown autocast 'bfloat15'. Choose one of: bfloat16"):
        Plan(replace(SETTINGS, autocast="bfloat15"))


def test_gradient_checkpointing_is_in_the_configuration_only_where_it_was_chosen_and_tried_before():
    usual, saving = Plan(SETTINGS), Plan(replace(SETTINGS, gradient_checkpointing=True))
    assert "gradient_checkpointing" not in usual.config
    assert saving.config == {**usual.config, "gradient_checkpointing": True}
    saving.check()
    with pytest.raises(BackboneError, match="needs a backbone with a list of blocks, which RegNet has not"):
        Plan(replace(saving.settings, backbone="regnety_002")).check()


@pytest.fixture
def pretraining_preset(tiny_preset, monkeypatch):
    """The smallest preset, starting from the weights of the kit."""
    chosen = replace(TINY, model={**TINY.model, "pretrained": True})
    monkeypatch.setitem(PRESETS["scenes"], "tiny", chosen)


@pytest.mark.usefixtures("pretraining_preset")
class TestAStart:
    def test_from_pretrained_weights_gives_them_to_the_network_and_their_hash_to_the_configuration(self):
        plan = Plan(SETTINGS)
        about = read_json(Path(kit_weights("mit_quick")).with_suffix(".json"))
        assert plan.pretrained
        assert plan.config["model"]["pretrained"] is True
        assert plan.config["pretrained_weights"] == f"pretext, sha256 {about['sha256']}"
        weights = timm.create_model("mit_quick", pretrained=True).state_dict()
        assert all(torch.equal(plan.blank().backbone.state_dict()[name], value) for name, value in weights.items())

    def test_from_scratch_leaves_them_out_and_says_so_in_the_configuration(self):
        plan = Plan(replace(SETTINGS, from_scratch=True))
        assert not plan.pretrained
        said = [plan.config[key] for key in ("from_scratch", "pretrained_weights")]
        assert (*said, plan.config["model"]["pretrained"]) == (True, "", False)
        started = Plan(SETTINGS).blank().backbone.state_dict()
        assert not all(torch.equal(started[name], value) for name, value in plan.blank().backbone.state_dict().items())

    def test_of_another_backbone_than_the_kit_s_is_from_random_weights(self):
        plan = Plan(replace(SETTINGS, backbone="pvt_v2_b0"))
        assert (plan.pretrained, plan.config["pretrained_weights"]) == (False, "")
        plan.check()  # which nothing is downloaded for
        assert Plan(replace(SETTINGS, backbone="mit_scenes")).pretrained


def test_from_scratch_needs_a_preset_that_starts_from_pretrained_weights():
    said = "The preset 'quick' of pretext starts 'mit_quick' from random weights anyway. Leave from_scratch out."
    with pytest.raises(UsageError, match=said):
        Plan(Settings("pretext", from_scratch=True))
    Plan(Settings(from_scratch=True))
    Plan(Settings("voc", "somewhere", preset="published", from_scratch=True))
    assert Plan(Settings("voc", "somewhere", preset="published", backbone="pvt_v2_b0")).pretrained


def test_the_habitat_decides_about_the_scenes_and_is_part_of_their_configuration():
    uniform, one_class = (Plan(replace(SETTINGS, habitat=habitat)) for habitat in (0.0, 1.0))
    assert uniform.data.train.present.sum() > one_class.data.train.present.sum() == 2 * len(one_class.data.train)
    differences = {key for key in uniform.config if uniform.config[key] != one_class.config[key]}
    assert differences == {"habitat", "data_fingerprint"}


def test_a_habitat_of_other_data_is_refused():
    assert data_options(Settings(data="camvid")) == {}
    with pytest.raises(UsageError, match="habitat is a setting of the scenes, got 0.5 for camvid. Leave it out."):
        Plan(Settings(data="camvid", habitat=0.5))


def test_test_images_labels_and_crops_follow_the_protocol():
    plain = Plan(SETTINGS)
    other = Plan(replace(SETTINGS, protocol="future=ignored,test_images=all,evaluation=centre,void=background"))
    step = plain.steps[0]
    assert len(other.tests(step)) == len(other.data.test) >= len(plain.tests(step))
    later = plain.scenario.order[step.future[0] - 1]
    assert (plain.tests(step).table[later], other.tests(step).table[later]) == (0, 255)
    assert (plain.images(step).table[255], other.images(step).table[255]) == (255, 0)
    assert (plain.crop, other.crop.size) == (None, 32)


def test_weights_that_are_fused_at_the_end_have_no_best():
    with pytest.raises(UsageError, match="EWF fuses teacher and student"):
        Plan(replace(SETTINGS, protocol="sats"), "ewf").check()
