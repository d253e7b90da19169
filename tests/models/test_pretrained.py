"""Backbones by name: unknown ones get the nearest, and pretrained weights that cannot be had are one sentence."""

import socket
import time

import pytest
import torch

from satkit.models import build_segmenter
from satkit.models.pretrained import SUGGESTED_BACKBONES
from satkit.utils import _torchvision
from satkit.utils.errors import UsageError

_torchvision.ensure()

import timm  # noqa: E402
from huggingface_hub import constants as hub  # noqa: E402

SMALL = dict(decoder_width=16)


def small_segmenter(backbone: str = "mit_quick", counts=(3,), **settings):
    torch.manual_seed(0)
    return build_segmenter(backbone, counts, **SMALL, **settings)


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
    assert "pretrained=False" in str(caught.value)
    assert "\n" not in str(caught.value)
    assert naps == []
    assert len(attempts) == 1
    assert before == hub.HF_HUB_OFFLINE
