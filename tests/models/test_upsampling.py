"""Every way of upsampling is torch's `interpolate`, in value and gradient."""

import pytest
import torch
import torch.nn.functional as F
from torch.testing import assert_close

from satkit.models.upsampling import SMALL, upsample

SIZES = [((4, 6), (16, 24)), ((1, 1), (5, 3)), ((7, 5), (7, 5)), ((6, 5), (13, 11)), ((6, 8), (3, 4))]
LARGE = [((SMALL + 1, 4), (2 * SMALL, 9)), ((3, SMALL + 5), (12, 4 * SMALL))]


@pytest.mark.parametrize(("before", "after"), SIZES + LARGE)
@pytest.mark.parametrize(("dtype", "close"), [(torch.float32, 1e-5), (torch.float64, 1e-10)])
def test_value_and_gradient_are_those_of_interpolate(before, after, dtype, close):
    maps = torch.randn(2, 3, *before, dtype=dtype, generator=torch.Generator().manual_seed(0)).requires_grad_()
    found, expected = upsample(maps, after), F.interpolate(maps, after, mode="bilinear", align_corners=False)
    assert found.dtype == dtype
    assert found.is_contiguous()
    assert_close(found, expected, rtol=close, atol=close)
    weights = torch.randn(found.shape, dtype=dtype, generator=torch.Generator().manual_seed(1))
    ours, theirs = (torch.autograd.grad(each, maps, weights)[0] for each in (found, expected))
    assert_close(ours, theirs, rtol=close, atol=close)


def test_autocast_and_inference_mode_change_nothing():
    maps = torch.randn(1, 2, 3, 3, generator=torch.Generator().manual_seed(0))
    expected = F.interpolate(maps, (12, 12), mode="bilinear", align_corners=False)
    with torch.autocast("cpu", dtype=torch.bfloat16), torch.inference_mode():
        assert_close(upsample(maps, (12, 12)), expected)
    found = upsample(maps.requires_grad_(), (12, 12))  # the weights above must not be of inference mode
    found.sum().backward()
    assert_close(found, expected)
    assert upsample(maps.detach().bfloat16(), (12, 12)).dtype == torch.bfloat16
