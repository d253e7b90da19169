"""Weights of a file: what does not fit is refused by the difference, and nothing that a file brings along is run."""

import os
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from hostile import refusal
from safetensors.torch import save, save_file

from satkit.models import pretrained
from satkit.models.pretrained import build_backbone, load_weights
from satkit.models.weight_files import FORCED, check_weights, common_prefix, nothing_but_weights, read_weights
from satkit.utils import _torchvision
from satkit.utils.errors import UsageError

_torchvision.ensure()

import timm  # noqa: E402

LAYER = "stages.2.blocks.1.attn.kv.weight"
NORM = "stages.0.norm.bias"


class Evil:
    """What a pickle can hold: a call that is made when it is read."""

    def __init__(self, marker):
        self.marker = str(marker)

    def __reduce__(self):
        return os.mkdir, (self.marker,)


@pytest.fixture(scope="module")
def sound():
    """The weights of a mit_quick with a classifier of ten classes, which are left out when they are loaded."""
    return {name: value.clone() for name, value in timm.create_model("mit_quick", num_classes=10).state_dict().items()}


@pytest.fixture
def backbone():
    torch.manual_seed(1)
    return build_backbone("mit_quick", False, 0.0)[0]


def state(backbone):
    return {name: value.clone() for name, value in backbone.state_dict().items()}


def same(one, other):
    return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)


def without(weights, *names):
    return {name: value for name, value in weights.items() if name not in names}


def prefixed(prefix):
    return lambda weights: {f"{prefix}{name}": value for name, value in weights.items()}


def changed(name, change):
    return lambda weights: {**weights, name: change(weights[name])}


def other(variant):
    return lambda weights: timm.create_model(variant).state_dict()


def with_nan(value):
    value = value.clone()
    value.view(-1)[3] = float("nan")
    return value


# How the weights differ, and what is said of it.
DIFFERENT = {
    "a prefix": (prefixed("model."), "all names begin with 'model.'"),
    "two prefixes": (prefixed("net.encoder."), "all names begin with 'net.encoder.'"),
    "a prefix that fits nothing": (prefixed("x"), "belong to another network, the first is 'xhead.bias'"),
    "a layer missing": (lambda weights: without(weights, LAYER), f"1 are missing, the first is '{LAYER}'"),
    "half of the layers": (lambda weights: dict(list(weights.items())[:20]), "are missing, the first is '"),
    "one more layer": (lambda weights: {**weights, "more.weight": torch.ones(2)}, "1 belong to another network, the"),
    "a decoder": (lambda weights: {**weights, "decoder.fuse.bias": torch.ones(2)}, "the first is 'decoder.fuse.bias'"),
    "a hostile name": (lambda weights: {**weights, "\x1b[2J" * 90: torch.ones(2)}, r"the first is '\x1b[2J"),
    "a wider backbone": (other("mit_scenes"), "belong to another network, the first is '"),
    "a larger MiT": (other("mit_b0"), "belong to another network, the first is '"),
    "a ViT": (other("vit_tiny_patch16_224"), "are missing, the first is '"),
    "a ResNet": (other("resnet18"), "belong to another network, the first is '"),
    "a longer vector": (changed(NORM, lambda value: torch.ones(48)), f"'{NORM}' must have the shape (32,), got (48,)"),
    "a turned matrix": (changed(LAYER, lambda value: value.T.contiguous()), f"'{LAYER}' must have the shape (192, 96)"),
    "a scalar": (changed(NORM, lambda value: torch.tensor(1.0)), "must have the shape (32,), got ()"),
    "no values": (changed(NORM, lambda value: torch.ones(0)), "must have the shape (32,), got (0,)"),
    "other input channels": (
        changed("patch_embed.proj.weight", lambda value: value[:, :1].contiguous()),
        "'patch_embed.proj.weight' must have the shape",
    ),
    "whole numbers": (changed(NORM, lambda value: value.long()), "must hold numbers of the kind float32, got int64"),
    "truth values": (changed(NORM, lambda value: value > 0), "must hold numbers of the kind float32, got bool"),
    "complex numbers": (
        changed(NORM, lambda value: torch.complex(value, value)),
        "must hold numbers of the kind float32, got complex64",
    ),
    "NaN": (changed(LAYER, with_nan), f"'{LAYER}' holds numbers that are not finite"),
    "infinity": (changed(LAYER, lambda value: value / 0), f"'{LAYER}' holds numbers that are not finite"),
    "everything at once": (
        lambda weights: {**without(weights, LAYER), "x": torch.ones(1), NORM: torch.tensor([float("nan")])},
        "1 are missing, the first is 'stages.2.blocks.1.attn.kv.weight'; 1 belong to another network, the first is 'x'",
    ),
}


@pytest.mark.parametrize("kind", DIFFERENT)
@pytest.mark.parametrize("suffix", [".safetensors", ".pth"])
def test_weights_that_do_not_fit_are_refused_by_the_difference(tmp_path, sound, backbone, kind, suffix):
    change, words = DIFFERENT[kind]
    file, before = tmp_path / f"weights{suffix}", state(backbone)
    weights = {name: value.contiguous() for name, value in change(sound).items()}
    save_file(weights, file) if suffix == ".safetensors" else torch.save(weights, file)
    said = refusal(load_weights, backbone, file)
    assert words in said
    assert said.startswith(f"{file} must hold every layer of the network in its shape and nothing else, but ")
    assert said.endswith("Use the weights of the same variant.")
    assert same(state(backbone), before)


# Contents that are no weights, by the name of the file.
def no_weights(sound, marker):
    whole = save(sound)
    bad = bytearray(whole)
    bad[:8] = (2**60).to_bytes(8, "little")
    return {
        "empty.safetensors": b"",
        "empty.pth": b"",
        "cut.safetensors": whole[:-1000],
        "header.safetensors": whole[:100],
        "length.safetensors": bytes(bad),
        "garbage.safetensors": bytes(range(256)) * 40,
        "garbage.pth": bytes(range(256)) * 40,
        "text.pth": b"weights",
        "page.pth": b"<!DOCTYPE html><html>404</html>",
        "zip.pth": b"PK\x03\x04" + b"\0" * 400,
        "nothing.safetensors": save({}),
        "nothing.pth": {},
        "list.pth": [torch.ones(2)],
        "tensor.pth": torch.ones(2),
        "number.pth": {"epoch": 3},
        "numbered.pth": {3: torch.ones(2)},
        "wrapped.pth": {"state_dict": {"a": "text"}},
        "module.pth": torch.nn.Linear(2, 2),
        "evil.pth": Evil(marker),
        "evil.bin": {"state_dict": sound, "hook": Evil(marker)},
        "evil.safetensors": Evil(marker),
    }


def write(file, content):
    if isinstance(content, bytes):
        file.write_bytes(content)
    else:
        torch.save(content, file)
    return file


def test_what_is_no_file_of_weights_is_refused_and_nothing_in_it_is_run(tmp_path, sound, backbone):
    marker, before = tmp_path / "marker", state(backbone)
    contents = no_weights(sound, marker)
    assert len(contents) + len(DIFFERENT) >= 30
    for name, content in contents.items():
        file = write(tmp_path / name, content)
        said = refusal(load_weights, backbone, file)
        assert said.startswith(f"{file} must hold "), name
    for missing in (tmp_path / "missing.pth", tmp_path):
        assert refusal(read_weights, missing).startswith(f"There is no file {missing}. Give the path")
    assert not marker.exists()
    assert same(state(backbone), before)
    torch.load(tmp_path / "evil.pth", weights_only=False)
    assert marker.exists()  # so the file is one that runs something where it is not read with care


def as_segformer(weights):
    """The file of a whole SegFormer as its authors release it: wrapped, with the names of its parts."""
    spelt = {f"backbone.{name}": value for name, value in without(weights, "head.weight", "head.bias").items()}
    return {"meta": {"epoch": 160}, "state_dict": {**spelt, "decode_head.linear_fuse.weight": torch.ones(2, 2)}}


@pytest.mark.parametrize("form", [dict, as_segformer, lambda weights: {"model": weights}])
def test_released_weights_are_loaded_without_their_classifier(tmp_path, sound, backbone, form):
    torch.save(form(sound), tmp_path / "weights.pth")
    load_weights(backbone, tmp_path / "weights.pth")
    assert same(state(backbone), without(sound, "head.weight", "head.bias"))


@pytest.mark.parametrize("suffix", [".safetensors", ".pth"])
def test_weights_of_another_backbone_of_timm_are_loaded_too(tmp_path, suffix):
    released, file = timm.create_model("resnet18", num_classes=7).state_dict(), tmp_path / f"weights{suffix}"
    save_file(released, file) if suffix == ".safetensors" else torch.save(released, file)
    backbone = build_backbone("resnet18", False, 0.0)[0]
    load_weights(backbone, file)
    assert same(state(backbone), without(released, "fc.weight", "fc.bias"))


def test_half_precision_fits(tmp_path, sound, backbone):
    save_file({name: value.half() for name, value in sound.items()}, tmp_path / "weights.safetensors")
    load_weights(backbone, tmp_path / "weights.safetensors")
    assert torch.equal(state(backbone)[LAYER], sound[LAYER].half().float())


@pytest.fixture
def as_older_timm(monkeypatch):
    """timm as it was: it asks torch for whatever a file holds."""
    found = lambda path, **options: torch.load(path, map_location="cpu", weights_only=False)  # noqa: E731
    monkeypatch.setattr(timm.models._builder, "load_state_dict", found)


@pytest.mark.parametrize("kind", ["as installed", "as it was"])
def test_pretrained_weights_that_timm_fetches_run_nothing_whatever_timm_asks_for(
    tmp_path, monkeypatch, request, sound, kind
):
    if kind == "as it was":
        request.getfixturevalue("as_older_timm")
    marker, known = tmp_path / "marker", timm.models._registry._model_pretrained_cfgs
    torch.save({"state_dict": sound, "hook": Evil(marker)}, tmp_path / "weights.pth")
    for key in ("mit_b0", "mit_b0.in1k"):
        monkeypatch.setitem(known, key, replace(known[key], file=str(tmp_path / "weights.pth"), hf_hub_id=None))
    said = refusal(build_backbone, "mit_b0", True, 0.0)
    assert said.startswith(
        "The pretrained weights of 'mit_b0' must be a whole file of weights alone, but it is damaged"
    )
    assert not marker.exists()


def test_the_rule_for_torch_is_lifted_afterwards(monkeypatch):
    monkeypatch.delenv(FORCED, raising=False)
    with nothing_but_weights():
        assert os.environ[FORCED] == "1"
    assert FORCED not in os.environ
    monkeypatch.setenv(FORCED, "0")
    with nothing_but_weights():
        pass
    assert os.environ[FORCED] == "0"


def test_weights_are_compared_by_name_shape_and_kind():
    wanted = {"a": torch.ones(2), "b": torch.ones(3, dtype=torch.int64)}
    check_weights(wanted, wanted, "They")
    check_weights({**wanted, "a": torch.ones(5)}, wanted, "They", adapted=("a",))
    with pytest.raises(
        UsageError, match=r"^They must hold .*'b' must hold numbers of the kind int64, got float32. Use"
    ):
        check_weights({**wanted, "b": torch.ones(3)}, wanted, "They")


def test_a_prefix_is_said_only_if_all_names_have_it():
    assert common_prefix(["m.a", "m.b"], ["a", "b"]) == "m."
    assert common_prefix(["m.a", "b"], ["a", "b"]) == ""
    assert common_prefix([], ["a"]) == ""


def test_the_weights_of_the_kit_fit():
    backbone = build_backbone("mit_quick", False, 0.0)[0]
    load_weights(backbone, Path(pretrained.mit.kit_weights("mit_quick")))
