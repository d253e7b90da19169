"""Backbones by name: unknown ones get the nearest, and pretrained weights that cannot be had are one sentence."""

import hashlib
import signal
import socket
import time
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from satkit.models import build_segmenter
from satkit.models.mit import SMALL, kit_weights
from satkit.models.pretrained import SUGGESTED_BACKBONES, comes_with_kit, other_backbones, pretrained_weights
from satkit.utils import _torchvision
from satkit.utils.errors import UsageError
from satkit.utils.files import read_json, save_tensors, write_json

_torchvision.ensure()

import timm  # noqa: E402
from huggingface_hub import constants as hub  # noqa: E402

LARGEST = {"mit_quick": 2_000_000, "mit_scenes": 5_000_000}  # bytes


def small_segmenter(backbone: str = "mit_quick", counts=(3,), **settings):
    torch.manual_seed(0)
    return build_segmenter(backbone, counts, decoder_width=16, **settings)


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("mit_b9", "Unknown backbone 'mit_b9'. Did you mean 'mit_b"),
        ("mit_qick", "Did you mean 'mit_quick'?"),
        ("hf_hub:someone/something", "Unknown backbone 'hf_hub:someone/something'"),
    ],
)
def test_an_unknown_backbone_is_answered_with_the_nearest_and_a_short_list(name, sentence):
    with pytest.raises(UsageError) as caught:
        small_segmenter(name)
    assert sentence in str(caught.value)
    assert "Choose one of: mit_b0, mit_b1" in str(caught.value)
    assert str(caught.value).endswith("or another timm model.")
    assert len(str(caught.value)) < 400


def test_a_backbone_that_does_not_do_is_not_among_those_to_take_instead():
    sentence = other_backbones("vit_tiny_patch16_224.augreg_in21k")
    assert "vit_small_patch16_224" in sentence
    assert "vit_tiny_patch16_224" not in sentence


def test_every_suggested_backbone_is_known_to_timm():
    assert all(timm.is_model(name) for name in SUGGESTED_BACKBONES)


@pytest.mark.parametrize("backbone", ["mit_b0", "resnet18"])
def test_pretrained_weights_without_a_network_end_in_one_sentence_at_once(monkeypatch, tmp_path, backbone):
    attempts, naps = [], []

    def refuse(address, *args, **kwargs):
        attempts.append(address)
        raise OSError("no network")

    monkeypatch.setattr(socket, "create_connection", refuse)
    monkeypatch.setattr(time, "sleep", naps.append)
    monkeypatch.setattr(hub, "HF_HUB_CACHE", str(tmp_path))
    before = hub.HF_HUB_OFFLINE
    with pytest.raises(UsageError, match=f"pretrained weights of '{backbone}' could not be loaded") as caught:
        small_segmenter(backbone, pretrained=True)
    assert str(caught.value).endswith("start from random weights: --from-scratch, or pretrained=False in Python.")
    assert "\n" not in str(caught.value)
    assert naps == []
    assert len(attempts) == 1
    assert before == hub.HF_HUB_OFFLINE


@pytest.fixture
def registered(monkeypatch):
    """Make timm take a backbone's weights from another file, as if that were the one of the kit."""
    known = timm.models._registry._model_pretrained_cfgs

    def register(name: str, file: Path | str) -> None:
        for key in (name, f"{name}.pretext"):
            monkeypatch.setitem(known, key, replace(known[key], file=str(file)))

    return register


def write_weights(folder: Path, name: str, of: str = "") -> Path:
    """Random weights in half precision with their JSON file, as `satkit pretrain` writes them."""
    file = folder / f"{name}.safetensors"
    weights = timm.create_model(of or name).state_dict()
    save_tensors(file, {key: value.half() for key, value in weights.items()}, {})
    write_json(file.with_suffix(".json"), {"sha256": hashlib.sha256(file.read_bytes()).hexdigest()})
    return file


def refusal(name: str, **settings) -> str:
    """The one sentence, and what to do, with which a backbone is refused."""
    with pytest.raises(UsageError) as caught:
        small_segmenter(name, pretrained=True, **settings)
    with pytest.raises(UsageError) as again:
        pretrained_weights(name)
    assert str(again.value) == str(caught.value)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def holds(backbone: torch.nn.Module, stored: dict[str, torch.Tensor]) -> bool:
    """Whether a backbone has the stored values, in single precision."""
    there = backbone.state_dict()
    same = all(torch.equal(there[name], value.float()) for name, value in stored.items())
    return there.keys() == stored.keys() and same and {value.dtype for value in there.values()} == {torch.float32}


@pytest.mark.parametrize("name", SMALL)
def test_weights_of_the_kit_are_loaded_by_timm_s_own_registration(tmp_path, registered, name):
    file = write_weights(tmp_path, name)
    registered(name, file)
    stored = load_file(file)
    assert {value.dtype for value in stored.values()} == {torch.float16}
    for called in (name, f"{name}.pretext"):
        assert holds(timm.create_model(called, pretrained=True), stored)
        assert holds(small_segmenter(called, pretrained=True).backbone, stored)
    assert not holds(small_segmenter(name).backbone, stored)


@pytest.mark.parametrize("name", SMALL)
def test_the_kit_s_own_weights_are_small_in_half_precision_and_loaded(name):
    file = Path(kit_weights(name))
    assert file.stat().st_size <= LARGEST[name]
    assert {value.dtype for value in load_file(file).values()} == {torch.float16}
    assert holds(timm.create_model(name, pretrained=True), load_file(file))
    assert holds(small_segmenter(name, pretrained=True).backbone, load_file(file))
    assert pretrained_weights(name) == f"pretext, sha256 {read_json(file.with_suffix('.json'))['sha256']}"


def test_weights_are_named_by_what_identifies_them(tmp_path, registered):
    file = write_weights(tmp_path, "mit_quick")
    registered("mit_quick", file)
    assert pretrained_weights("mit_quick") == f"pretext, sha256 {hashlib.sha256(file.read_bytes()).hexdigest()}"
    assert pretrained_weights("mit_b2") == "nvidia/mit-b2"
    assert [name for name in SUGGESTED_BACKBONES if comes_with_kit(name)] == list(SMALL)


def test_no_connection_is_opened_for_weights_of_the_kit(tmp_path, registered, monkeypatch):
    registered("mit_quick", write_weights(tmp_path, "mit_quick"))

    def refuse(*arguments, **options):
        pytest.fail("A connection was opened.")

    for name in ("socket", "create_connection"):
        monkeypatch.setattr(socket, name, refuse)
    small_segmenter("mit_quick", pretrained=True)


def change_a_byte(file: Path) -> Path:
    content = bytearray(file.read_bytes())
    content[-1000] ^= 1
    file.write_bytes(content)
    return file


def cut_off(file: Path) -> Path:
    file.write_bytes(file.read_bytes()[:-1000])
    return file


def lose_the_hash(file: Path) -> Path:
    write_json(file.with_suffix(".json"), {})
    return file.with_suffix(".json")


def garble_the_hash(file: Path) -> Path:
    file.with_suffix(".json").write_text("{", encoding="utf-8")
    return file.with_suffix(".json")


@pytest.mark.parametrize("damage", [change_a_byte, cut_off, lose_the_hash, garble_the_hash])
def test_damaged_weights_of_the_kit_are_refused_by_the_name_of_their_file(tmp_path, registered, damage):
    file = write_weights(tmp_path, "mit_quick")
    registered("mit_quick", file)
    damaged = damage(file)
    assert refusal("mit_quick") == (
        f"The pretrained weights of 'mit_quick' cannot be used, because {damaged} is damaged. Install satkit again, or "
        "start from random weights: --from-scratch, or pretrained=False in Python."
    )


@pytest.mark.parametrize("suffix", [".safetensors", ".json"])
def test_a_missing_file_beside_the_weights_is_named(tmp_path, registered, suffix):
    file = write_weights(tmp_path, "mit_scenes")
    registered("mit_scenes", file)
    file.with_suffix(suffix).unlink()
    assert f"'mit_scenes' cannot be used, because {file.with_suffix(suffix)} is missing. Install" in refusal(
        "mit_scenes"
    )


def test_a_kit_without_weights_says_which_file_is_missing(registered):
    registered("mit_scenes", "")
    assert "because mit_scenes.safetensors is missing. Install satkit again" in refusal("mit_scenes")
    small_segmenter("mit_scenes")


def test_weights_of_another_width_are_refused(tmp_path, registered):
    registered("mit_quick", write_weights(tmp_path, "mit_quick", of="mit_scenes"))
    with pytest.raises(UsageError, match="must hold every layer"):
        small_segmenter("mit_quick", pretrained=True)


def test_a_backbone_that_has_no_pretrained_weights_is_refused():
    assert refusal("resnet200") == (
        "There are no pretrained weights of 'resnet200'. Instead, start from random weights: --from-scratch, or "
        "pretrained=False in Python."
    )


@pytest.mark.parametrize("replaced_by", [ValueError, TypeError])
def test_ctrl_c_while_weights_are_read_is_not_taken_for_weights_that_cannot_be_loaded(monkeypatch, replaced_by):
    def interrupted(*_, **__):
        try:
            signal.raise_signal(signal.SIGINT)
        except KeyboardInterrupt:
            raise replaced_by("as a library in C does") from None

    monkeypatch.setattr(timm, "create_model", interrupted)
    with pytest.raises(KeyboardInterrupt):
        build_segmenter("mit_quick", pretrained=True)
