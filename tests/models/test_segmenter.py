"""The segmenter connects backbone, decoder and classifier, and refuses taps without a gradient."""

import copy
import json

import pytest
import torch
import torch.nn.functional as F
from torch.testing import assert_close

from satkit.models import BackboneError, SegmenterOutput, build_segmenter, segmenter
from satkit.strategies import region_pool
from satkit.utils import _torchvision

_torchvision.ensure()

from timm.layers import set_reentrant_ckpt  # noqa: E402

SMALL = dict(decoder_width=16)


def small_segmenter(backbone: str = "mit_quick", counts=(3,), **settings):
    torch.manual_seed(0)
    return build_segmenter(backbone, counts, **SMALL, **settings)


@pytest.fixture
def reentrant_checkpointing():
    set_reentrant_ckpt(True)
    yield
    set_reentrant_ckpt(False)


@pytest.mark.parametrize("backbone", ["mit_quick", "pvt_v2_b0", "vit_tiny_patch16_224"])
@pytest.mark.parametrize("size", [(64, 64), (64, 90)])
def test_logits_have_the_size_of_the_images(backbone, size):
    segmenter = small_segmenter(backbone, (3, 2))
    images = torch.randn(2, 3, *size)
    output = segmenter(images)
    assert output.logits.shape == (2, 5, *size)
    assert output.embedding.shape[:2] == (2, 16)
    assert output.embedding.shape[-2:] == output.features[0].shape[-2:]
    assert len(output.features) == 4
    assert output.attention == ()


def test_a_backbone_without_attention_still_segments():
    segmenter = small_segmenter("resnet18")
    assert segmenter(torch.randn(2, 3, 64, 64)).logits.shape == (2, 3, 64, 64)


def test_asking_for_attention_changes_no_logit():
    segmenter = small_segmenter().eval()
    images = torch.randn(2, 3, 64, 48)
    plain, tapped = segmenter(images), segmenter(images, attention=True)
    assert torch.equal(plain.logits, tapped.logits)
    assert [tap.name for tap in tapped.attention] == ["stage 1", "stage 2", "stage 3", "stage 4"]
    assert [tap.query_grid for tap in tapped.attention] == [tuple(f.shape[-2:]) for f in tapped.features]


def test_every_part_learns_from_the_logits():
    segmenter = small_segmenter().train()
    segmenter(torch.randn(2, 3, 32, 32)).logits.square().mean().backward()
    for part in (segmenter.backbone.patch_embed, segmenter.decoder, segmenter.classifier):
        assert all(parameter.grad.abs().max() > 0 for parameter in part.parameters() if parameter.dim() > 1)


def test_a_segmenter_is_built_again_from_its_spec_and_weights():
    segmenter = small_segmenter(plain_decoder=True, drop_path=0.1).eval()
    segmenter.classifier.grow(2)
    again = build_segmenter(**json.loads(json.dumps(segmenter.spec))).eval()
    again.load_state_dict(segmenter.state_dict())
    images = torch.randn(1, 3, 32, 32)
    assert torch.equal(again(images).logits, segmenter(images).logits)
    assert again.spec == segmenter.spec
    assert segmenter.spec["counts"] == [3, 2]


def test_drop_path_reaches_the_backbone():
    rates = [
        module.drop_prob
        for module in small_segmenter(drop_path=0.4).backbone.modules()
        if type(module).__name__ == "DropPath"
    ]
    assert max(rates) == pytest.approx(0.4)
    assert not [m for m in small_segmenter().backbone.modules() if type(m).__name__ == "DropPath"]


@pytest.mark.filterwarnings("ignore:None of the inputs have requires_grad")
@pytest.mark.parametrize("backbone", ["mit_quick", "vit_tiny_patch16_224"])
def test_reentrant_checkpointing_is_refused_in_training(reentrant_checkpointing, backbone):
    segmenter = small_segmenter(backbone).train()
    segmenter.backbone.set_grad_checkpointing()
    images = torch.randn(2, 3, 32, 32)
    with pytest.raises(RuntimeError, match="carry no gradient.*use_reentrant=False"):
        segmenter(images, attention=True)
    with torch.no_grad():  # a teacher needs no gradient
        assert len(segmenter(images, attention=True).attention) == 4
    assert len(segmenter.eval()(images, attention=True).attention) == 4
    segmenter.train().backbone.requires_grad_(False)  # a frozen backbone has none to give
    assert len(segmenter(images, attention=True).attention) == 4


@pytest.mark.parametrize("backbone", ["mit_quick", "vit_tiny_patch16_224"])
def test_non_reentrant_checkpointing_is_exact(backbone):
    plain = small_segmenter(backbone).train()
    saving = copy.deepcopy(plain)
    saving.backbone.set_grad_checkpointing()
    images = torch.randn(2, 3, 64, 64)
    labels = torch.ones(2, 64, 64, dtype=torch.uint8)
    labels[:, 32:] = 2
    results = []
    for model in (plain, saving):
        output = model(images, attention=True)
        relations = [region_pool(tap, labels, (1, 2))[0] for tap in output.attention]
        (output.logits.square().mean() + sum(each.square().sum() for each in relations)).backward()
        gradients = {name: p.grad for name, p in model.named_parameters() if p.grad is not None}
        results.append((output.logits.detach(), [each.detach() for each in relations], gradients))
    assert_close(results[0], results[1])
    assert any("attn" in name for name in results[0][2])


def test_a_backbone_without_attention_is_refused_where_attention_is_needed():
    with pytest.raises(BackboneError, match="ResNet has no self-attention that satkit can tap"):
        small_segmenter("resnet18", needs_attention=True)
    with pytest.raises(BackboneError, match="ResNet has no self-attention"):
        small_segmenter("resnet18")(torch.randn(1, 3, 64, 64), attention=True)
    assert small_segmenter("mit_quick", needs_attention=True).taken == (0, 1, 2, 3)


def enlarged(coarse):
    return F.interpolate(coarse, (64, 48), mode="bilinear", align_corners=False)


def test_logits_are_the_enlarged_coarse_ones_with_their_gradient():
    model = small_segmenter()
    model.classifier.reserve(2)
    output = model(torch.randn(2, 3, 64, 48))
    for found, coarse in ((output.logits, output.coarse), (output.reserved, output.coarse_reserved)):
        assert coarse.shape[-2:] == (16, 12)
        assert_close(found, enlarged(coarse))
        weights = torch.randn_like(found)
        gradients = [
            torch.autograd.grad((values * weights).sum(), coarse, retain_graph=True)[0]
            for values in (found, enlarged(coarse))
        ]
        assert_close(*gradients)
    assert small_segmenter()(torch.randn(1, 3, 64, 48)).reserved is None


def test_logits_are_enlarged_once_and_only_if_they_are_read(monkeypatch):
    enlargements, upsample = [], segmenter.upsample

    def counted(logits, size):
        enlargements.append(logits)
        return upsample(logits, size)

    coarse = torch.randn(1, 3, 4, 4)
    output = SegmenterOutput(coarse, torch.randn(1, 5, 4, 4), (), (16, 16))
    monkeypatch.setattr(segmenter, "upsample", counted)
    assert output.logits is output.logits
    assert output.classes().shape == (1, 16, 16)
    assert [each is coarse for each in enlargements] == [True]


def test_logits_that_are_first_read_without_gradient_still_carry_it():
    coarse = torch.randn(1, 3, 4, 4, requires_grad=True)
    output = SegmenterOutput(coarse, torch.randn(1, 5, 4, 4), (), (16, 16))
    with torch.no_grad():
        assert output.classes().shape == (1, 16, 16)
    output.logits.sum().backward()
    assert_close(coarse.grad, torch.full_like(coarse, 16.0))
    assert not SegmenterOutput(coarse.detach(), coarse, (), (16, 16)).logits.requires_grad
