"""A classifier that grows by one 1x1 convolution per step."""

import torch
from torch import Tensor, nn


class IncrementalClassifier(nn.Module):
    """Class scores of an embedding; the first convolution also scores background.

    Args:
        width: Channels of the embedding.
        counts: Output channels of each step so far; `counts[0]` includes background.
    """

    def __init__(self, width: int, counts: tuple[int, ...] = ()):
        super().__init__()
        self.width = width
        self.steps = nn.ModuleList()
        for count in counts:
            self.grow(count)

    @property
    def counts(self) -> tuple[int, ...]:
        """Output channels of each step so far."""
        return tuple(step.out_channels for step in self.steps)

    def grow(self, count: int) -> nn.Conv2d:
        """Add `count` output channels with PyTorch's default initialisation; old channels keep their values."""
        if count < 1:
            raise ValueError(f"A step must add at least one output channel, got {count}.")
        reference = next(self.parameters(), torch.empty(0))
        layer = nn.Conv2d(self.width, count, kernel_size=1, device=reference.device, dtype=reference.dtype)
        self.steps.append(layer)
        return layer

    def forward(self, embedding: Tensor) -> Tensor:
        """Logits, (batch, sum of counts, height, width)."""
        return torch.cat([step(embedding) for step in self.steps], dim=1)
