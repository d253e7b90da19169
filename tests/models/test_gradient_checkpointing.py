"""Gradient checkpointing computes the same, keeps less, and is refused where it would not."""

import copy
from contextlib import nullcontext

import pytest
import torch
from in_threads import as_process
from torch.testing import assert_close

from satkit.models import build_segmenter
from satkit.models.attention_taps import BackboneError
from satkit.models.gradient_checkpointing import gradient_checkpointing
from satkit.models.one_batch import OneBatch
from satkit.strategies.terms.attention_transfer import region_pool

LABELS = torch.tensor([1, 2], dtype=torch.uint8).repeat_interleave(32).expand(2, 64, 64)


def segmenter(backbone="mit_quick", **options):
    torch.manual_seed(0)
    return build_segmenter(backbone, (3,), decoder_width=16, **options).train()


def learnt(model, images, saving, attention=True, autocast=False):
    """Logits, and gradients by parameter; the same random numbers each time."""
    torch.manual_seed(1)
    with gradient_checkpointing(model.backbone, saving), torch.autocast("cpu", torch.bfloat16, enabled=autocast):
        output = model(images, attention=attention)
    relations = [region_pool(tap, LABELS, (1, 2))[0] for tap in output.attention]
    (output.logits.float().square().mean() + sum(each.square().sum() for each in relations)).backward()
    return output.logits.detach(), {name: each.grad for name, each in model.named_parameters() if each.grad is not None}


@pytest.mark.parametrize("autocast", [False, True])
@pytest.mark.parametrize("backbone", ["mit_quick", "vit_tiny_patch16_224", "pvt_v2_b0"])
def test_outputs_and_gradients_are_the_same_with_taps_and_drop_path(backbone, autocast):
    plain = segmenter(backbone, drop_path=0.3)
    saving, images = copy.deepcopy(plain), torch.randn(2, 3, 64, 64)
    expected, found = learnt(plain, images, False, autocast=autocast), learnt(saving, images, True, autocast=autocast)
    assert_close(found, expected)
    assert any("attn.q" in name for name in expected[1])


def test_less_is_kept():
    def kept(saving):
        sizes = []

        def note(tensor):
            sizes.append(tensor.nbytes)
            return tensor

        model = segmenter()
        noted = torch.autograd.graph.saved_tensors_hooks(note, lambda tensor: tensor)
        with noted, gradient_checkpointing(model.backbone, saving):
            model(torch.randn(2, 3, 64, 64))
        return sum(sizes)

    assert kept(True) < 0.5 * kept(False)


def test_afterwards_the_blocks_are_as_before():
    model = segmenter()
    with gradient_checkpointing(model.backbone):
        assert all("forward" in vars(block) for stage in model.backbone.stages for block in stage.blocks)
    assert not any("forward" in vars(block) for block in model.backbone.modules())


def test_of_several_processes_each_computes_its_part_again_with_the_random_numbers_of_the_whole_batch():
    whole, images = segmenter(drop_path=0.8).backbone, torch.randn(8, 3, 64, 64)

    def gradients(backbone, part, batch):
        torch.manual_seed(1)
        with gradient_checkpointing(backbone), batch:
            features = backbone.forward_features(images[part])
        features.square().sum().backward()  # when the whole batch is no longer in sight
        return {name: each.grad for name, each in backbone.named_parameters() if each.grad is not None}

    parts = []
    for number, part in enumerate((slice(0, 5), slice(5, 8))):
        with as_process(number, 2):
            parts.append(gradients(copy.deepcopy(whole), part, OneBatch([5, 3])))
    expected = gradients(whole, slice(None), nullcontext())
    assert expected
    for name, gradient in expected.items():
        assert_close(sum(part[name] for part in parts), gradient, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize(
    ("backbone", "why"),
    [
        ("efficientvit_m0", "so their batch normalisation would count every batch twice, and EfficientVitMsra has"),
        ("regnety_002", "needs a backbone with a list of blocks, which RegNet has not"),
    ],
)
def test_a_backbone_that_would_not_be_the_same_is_refused(backbone, why):
    model = segmenter(backbone)
    with pytest.raises(BackboneError, match=why), gradient_checkpointing(model.backbone):
        pass
