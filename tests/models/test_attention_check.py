"""The check of taps: what is not one softmax over keys is refused, and what passes is the network's own attention."""

import contextlib

import pytest
import torch
from samples import count_hooks
from taps import unfused_attention
from torch import nn
from torch.testing import assert_close

from satkit.models import BackboneError, build_segmenter
from satkit.models.attention_check import check_attention
from satkit.models.attention_taps import attention_blocks, tapped
from satkit.utils import _torchvision

_torchvision.ensure()

import timm  # noqa: E402
from timm.models._registry import _model_to_module  # noqa: E402
from timm.models.vision_transformer import Attention  # noqa: E402

NOT_FUSED = "is not computed by scaled_dot_product_attention"
NO_TAP = "has no self-attention that satkit can tap"
# What each backbone does with attention instead, as its refusal says it.
REFUSED = {
    "vit_dwee_patch16_reg1_gap_256": "is put together from 2 attention maps",
    "vit_dlittle_patch16_reg1_gap_256": "is put together from 2 attention maps",
    "convit_tiny": NOT_FUSED,
    "cait_xxs24_224": NOT_FUSED,
    "test_vit_relpos": "adds a bias or a mask",
    "xcit_nano_12_p16_224": NO_TAP,
    "hiera_tiny_224": NO_TAP,
    "test_byobnet": NO_TAP,
    "swin_tiny_patch4_window7_224": "attends within windows",
}
ACCEPTED = ("mit_quick", "pvt_v2_b0", "test_vit", "vit_tiny_r_s16_p8_224", "vit_tiny_patch16_dinov3_qkvb")
# A small model of every family that has blocks or stages; what is larger takes minutes to make.
LARGEST = 35e6


def model_of(name: str) -> nn.Module:
    torch.manual_seed(0)
    with contextlib.suppress(TypeError):
        return timm.create_model(name, num_classes=0, dynamic_img_size=True).eval()
    return timm.create_model(name, num_classes=0).eval()


def images_for(model: nn.Module) -> torch.Tensor:
    return torch.randn(1, *model.default_cfg["input_size"], generator=torch.Generator().manual_seed(0))


def assert_taps_are_its_own_attention(model: nn.Module, images: torch.Tensor) -> None:
    with torch.no_grad(), tapped(model) as capture:
        model.forward_intermediates(images)
    own = unfused_attention(model, images)
    assert len(own) == len(capture.taps())
    for tap, expected in zip(capture.taps(), own, strict=True):
        patches = expected[:, :, capture.prefix :, capture.prefix :]
        assert_close(tap.weights(), patches / patches.sum(-1, keepdim=True), atol=1e-5, rtol=1e-3)


@pytest.mark.parametrize(("name", "reason"), REFUSED.items())
def test_attention_that_queries_and_keys_do_not_hold_is_refused(name, reason):
    model = model_of(name)
    with pytest.raises(BackboneError, match=f"{reason}.*sats-features needs no attention"):
        check_attention(model, images_for(model))
    assert count_hooks(model) == 0


@pytest.mark.parametrize("name", ACCEPTED)
def test_what_is_accepted_is_the_attention_that_the_network_computes(name):
    model = model_of(name)
    check_attention(model, images_for(model))
    assert_taps_are_its_own_attention(model, images_for(model))
    assert count_hooks(model) == 0


def test_a_model_is_left_as_it_was():
    model = model_of("test_vit").train()
    model.blocks[0].eval()
    attention_blocks(model)["block 1"].fused_attn = False
    check_attention(model, images_for(model))
    assert model.training
    assert not model.blocks[0].training
    assert not attention_blocks(model)["block 1"].fused_attn


class Halved(Attention):
    """Attention whose softmax has another temperature than the tap says."""

    def forward(self, x, *args, **kwargs):
        queries, keys, values = self.qkv(x).unflatten(-1, (3, self.num_heads, -1)).permute(2, 0, 3, 1, 4)
        queries, keys = self.q_norm(queries), self.k_norm(keys)
        found = nn.functional.scaled_dot_product_attention(queries / 2, keys, values)
        return self.proj(found.transpose(1, 2).flatten(2))


class Unused(Halved):
    """Attention that is computed and thrown away."""

    def forward(self, x, *args, **kwargs):
        return 0 * super().forward(x) + x


@pytest.mark.parametrize(
    ("kind", "reason"),
    [(Halved, "is not the softmax of its queries"), (Unused, "does not reach what the block returns")],
)
def test_hooks_that_read_something_else_are_found(kind, reason, monkeypatch):
    model = model_of("test_vit")
    attention_blocks(model)["block 4"].__class__ = kind
    monkeypatch.setattr("satkit.models.attention_check.has_hooks", lambda block: True)
    monkeypatch.setattr("satkit.models.attention_taps.has_hooks", lambda block: True)
    attention_blocks(model)["block 4"].qkv.weight.data.mul_(20)
    with pytest.raises(BackboneError, match=f"attention of block .* {reason}"):
        check_attention(model, images_for(model))


@pytest.mark.parametrize("name", ["xcit_nano_12_p16_224", "hiera_tiny_224", "efficientvit_b0", "densenet121"])
def test_backbones_without_usable_attention_serve_strategies_that_need_none(name):
    segmenter = build_segmenter(name, (3,), decoder_width=8).eval()
    with torch.no_grad():
        assert segmenter(images_for(segmenter.backbone)).logits.shape[1] == 3
    with pytest.raises(BackboneError, match="sats-features needs no attention"):
        build_segmenter(name, (3,), decoder_width=8, needs_attention=True)


def test_a_drop_path_that_a_backbone_does_not_know_is_refused():
    with pytest.raises(
        BackboneError, match="'efficientvit_b0' does not accept the settings satkit needs.*drop_path_rate"
    ):
        build_segmenter("efficientvit_b0", (3,), drop_path=0.1)


def small_models() -> dict[str, str]:
    """By family, a small model that has blocks or stages: the smallest of those with short names and of test models."""
    families: dict[str, list[str]] = {}
    for name in timm.list_models():
        families.setdefault(_model_to_module[name], []).append(name)
    found: dict[str, list[tuple[int, str]]] = {}
    for family, names in families.items():
        for name in [*sorted(names, key=len)[:5], *(name for name in names if "test" in name or "tiny" in name)]:
            with contextlib.suppress(Exception), torch.device("meta"):  # some cannot be made without values
                model = timm.create_model(name)
                size = sum(parameter.numel() for parameter in model.parameters())
                if size < LARGEST and (hasattr(model, "blocks") or hasattr(model, "stages")):
                    found.setdefault(family, []).append((size, name))
    return {family: min(models)[1] for family, models in found.items()}


@pytest.mark.full
def test_every_family_of_timm_is_tapped_truly_or_refused_in_one_sentence():
    models, accepted = small_models(), set()
    for name in models.values():
        model = model_of(name)
        try:
            check_attention(model, images_for(model))
        except BackboneError:
            continue
        assert_taps_are_its_own_attention(model, images_for(model))
        accepted.add(name)
    assert {"mit_b0", "pvt_v2_b0", "test_vit"} <= accepted
    assert len(models) > 40
