"""The all-MLP decoder: project, upsample, concatenate, fuse."""

import pytest
import torch
from torch.testing import assert_close

from satkit.models import AllMLPDecoder

CHANNELS = (3, 5)


def features(height: int = 4, width: int = 6) -> tuple[torch.Tensor, ...]:
    generator = torch.Generator().manual_seed(0)
    return (
        torch.randn(2, 3, height, width, generator=generator),
        torch.randn(2, 5, height // 2, width // 2, generator=generator),
    )


def test_the_plain_decoder_is_one_linear_map_of_every_place():
    decoder = AllMLPDecoder(CHANNELS, 4, plain=True).double()
    fine, coarse = (each.double() for each in features())
    embedding = decoder((fine, coarse))
    assert embedding.shape == (2, 4, 4, 6)
    for row in range(4):
        for column in range(6):
            parts = [
                convolution.weight[:, :, 0, 0] @ each + convolution.bias
                for convolution, each in zip(
                    decoder.project,
                    (fine[1, :, row, column], coarse[1, :, row // 2, column // 2]),
                    strict=True,
                )
            ]
            expected = decoder.fuse.weight[:, :, 0, 0] @ torch.cat(parts) + decoder.fuse.bias
            assert_close(embedding[1, :, row, column], expected)


def test_segformer_s_decoder_normalises_and_cuts_off_at_zero():
    decoder = AllMLPDecoder(CHANNELS, 4).train()
    fused = []
    decoder.norm.register_forward_hook(lambda module, args, output: fused.append(output))
    embedding = decoder(features())
    assert torch.equal(embedding, fused[0].clamp(min=0))
    assert_close(fused[0].mean((0, 2, 3)), torch.zeros(4), atol=1e-5, rtol=0)
    assert decoder.fuse.bias is None  # batch norm has one


def test_a_constant_coarse_map_upsamples_to_itself():
    decoder = AllMLPDecoder(CHANNELS, 4).eval()
    fine, coarse = features()
    constant = coarse[:, :, :1, :1]
    small = decoder((fine, constant.expand_as(coarse)))
    assert_close(small, decoder((fine, constant.expand(2, 5, 4, 6))))


def test_dropout_acts_in_training_only():
    decoder = AllMLPDecoder(CHANNELS, 64, plain=True, dropout=0.5)
    torch.manual_seed(0)
    dropped = (decoder.train()(features()).abs().amax((2, 3)) == 0).float().mean()
    assert 0.3 < dropped < 0.7
    assert (decoder.eval()(features()).abs().amax((2, 3)) > 0).all()


def test_a_missing_stage_is_refused():
    with pytest.raises(ValueError, match="zip"):
        AllMLPDecoder(CHANNELS, 4)(features()[:1])


@pytest.mark.parametrize("plain", [False, True])
def test_the_order_of_the_linear_maps_does_not_matter(plain):
    decoder = AllMLPDecoder((3, 5, 4), 6, plain=plain).double().eval()
    fine, coarse = (each.double() for each in features())
    stages = tuple(each.requires_grad_() for each in (fine, coarse, coarse[:, :4] * 2))  # two stages of one grid
    mode = dict(mode="nearest") if plain else dict(mode="bilinear", align_corners=False)
    projected = [project(each) for project, each in zip(decoder.project, stages, strict=True)]
    aligned = torch.cat([torch.nn.functional.interpolate(each, (4, 6), **mode) for each in projected], dim=1)
    expected = decoder.activation(decoder.norm(decoder.fuse(aligned)))
    assert_close(decoder(stages), expected, rtol=1e-10, atol=1e-10)
    wanted = (*stages, *decoder.parameters())
    ours, theirs = (torch.autograd.grad(each.square().sum(), wanted) for each in (decoder(stages), expected))
    assert_close(ours, theirs, rtol=1e-10, atol=1e-10)
