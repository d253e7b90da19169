"""Bilinear upsampling, by whichever way is fastest on the device; all of them are torch's `interpolate`.

Bilinear interpolation is linear in rows and in columns, so it is two matrix products, rows @ map @ columns. On a CPU
these are several times faster than `interpolate` for the small maps of the embedded scenes, above all backward. For
large maps the channels-last kernel of `interpolate` is the fastest, with the change of layout included.
"""

from functools import lru_cache

import torch
import torch.nn.functional as F
from torch import Tensor

from satkit.utils.precision import full_precision

SMALL = 32  # largest height or width of a map for which matrix products are the fastest


def upsample(maps: Tensor, size: tuple[int, int]) -> Tensor:
    """Maps (batch, channel, height, width) at another height and width, bilinear, corners not aligned."""
    if maps.device.type != "cpu" or maps.dtype not in (torch.float32, torch.float64):
        return F.interpolate(maps, size, mode="bilinear", align_corners=False)
    if max(maps.shape[-2:]) > SMALL:
        last = maps.contiguous(memory_format=torch.channels_last)
        return F.interpolate(last, size, mode="bilinear", align_corners=False).contiguous()
    rows, columns = (weights(before, after, maps.dtype) for before, after in zip(maps.shape[-2:], size, strict=True))
    with full_precision(maps):
        return rows.T @ (maps @ columns)


@lru_cache(maxsize=64)
def weights(before: int, after: int, dtype: torch.dtype) -> Tensor:
    """How much each of `before` places counts in each of `after`, (before, after)."""
    with torch.inference_mode(False):
        each = torch.eye(before, dtype=dtype)[None]
        return F.interpolate(each, after, mode="linear", align_corners=False)[0]
