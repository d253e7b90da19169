"""Sums and products that are wanted in full precision, whatever the precision around them."""

from contextlib import AbstractContextManager, nullcontext

import torch
from torch import Tensor


def full_precision(tensor: Tensor) -> AbstractContextManager:
    """A block without autocast on a tensor's device; the meta device, which has no values, has no autocast either."""
    device = tensor.device.type
    return torch.autocast(device, enabled=False) if torch.amp.is_autocast_available(device) else nullcontext()
