"""The classifier that grows with every step, and how it is built and read.

Most methods have one 1x1 convolution per step and predict the class with the highest logit. `Head` describes the
others: reserved channels for later or unknown classes, deeper heads, or another readout of the scores.
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from satkit.utils.errors import unknown

RESERVES = ("nothing", "unknown", "future")
READOUTS = ("argmax", "unknown", "foreground")


@dataclass(frozen=True)
class Head:
    """How a strategy's classifier is built and read, from the base step on.

    Attributes:
        reserves: Channels besides those of the classes seen: "nothing"; "unknown", one for objects of no class so far
            (SSUL); "future", one for every class of a later step, in the softmax from the start (DFT*).
        readout: "argmax" of the logits; "unknown" adds the sigmoid of the unknown channel to background's before the
            argmax (SSUL); "foreground" takes the most likely class if its sigmoid is above one half and background
            otherwise (DKD).
        deep: A 3x3 convolution, batch norm and ReLU before each 1x1 convolution, as SSUL's heads have.
        background_apart: Background has a convolution of its own instead of a row in that of the base step.
    """

    reserves: str = "nothing"
    readout: str = "argmax"
    deep: bool = False
    background_apart: bool = False

    def __post_init__(self):
        if self.reserves not in RESERVES:
            raise unknown("reserve of the classifier", self.reserves, RESERVES)
        if self.readout not in READOUTS:
            raise unknown("readout", self.readout, READOUTS)


class IncrementalClassifier(nn.Module):
    """Class scores of an embedding; the first head also scores background.

    Args:
        width: Channels of the embedding.
        counts: Output channels of each head so far; `counts[0]` includes background.
        reserved: Output channels without a class so far; not part of the logits.
        deep: A 3x3 convolution, batch norm and ReLU in every head.
    """

    def __init__(self, width: int, counts: tuple[int, ...] = (), reserved: int = 0, deep: bool = False):
        super().__init__()
        self.width = width
        self.deep = deep
        self.steps = nn.ModuleList()
        self.reserved: nn.Module | None = None
        for count in counts:
            self.grow(count)
        self.reserve(reserved)

    @property
    def counts(self) -> tuple[int, ...]:
        """Output channels of each head so far."""
        return tuple(last(step).out_channels for step in self.steps)

    @property
    def num_reserved(self) -> int:
        """Output channels without a class so far."""
        return last(self.reserved).out_channels if self.reserved is not None else 0

    def grow(self, count: int) -> nn.Module:
        """Add a head of `count` channels with PyTorch's default initialisation; old channels keep their values."""
        if count < 1:
            raise ValueError(f"A step must add at least one output channel, got {count}.")
        self.steps.append(self._head(count))
        return self.steps[-1]

    def reserve(self, count: int) -> None:
        """Replace the reserved channels by `count` new ones."""
        self.reserved = self._head(count) if count else None

    def forward(self, embedding: Tensor) -> Tensor:
        """Logits, (batch, sum of counts, height, width), without the reserved channels."""
        return torch.cat([step(embedding) for step in self.steps], dim=1)

    def matrix(self) -> tuple[Tensor, Tensor] | tuple[None, None]:
        """Weights (class, channel) and biases (class) of a classifier without deep heads; None for one with them."""
        if self.deep:
            return None, None
        weights = torch.cat([step.weight.flatten(1) for step in self.steps])
        return weights, torch.cat([step.bias for step in self.steps])

    def _head(self, count: int) -> nn.Module:
        reference = next(self.parameters(), torch.empty(0))
        options = dict(device=reference.device, dtype=reference.dtype)
        scores = nn.Conv2d(self.width, count, kernel_size=1, **options)
        if not self.deep:
            return scores
        before = nn.Conv2d(self.width, self.width, kernel_size=3, padding=1, bias=False, **options)
        return nn.Sequential(before, nn.BatchNorm2d(self.width, **options), nn.ReLU(), scores)


def last(head: nn.Module) -> nn.Conv2d:
    """The 1x1 convolution of a head."""
    return head[-1] if isinstance(head, nn.Sequential) else head


def read(logits: Tensor, reserved: Tensor | None, readout: str = "argmax") -> Tensor:
    """Class index of every pixel, int64 (batch, height, width).

    Args:
        logits: (batch, class, height, width), background first.
        reserved: Logits of reserved channels; the last one is "unknown" where the readout asks for it.
        readout: See `Head`.
    """
    if readout == "unknown":
        scores = logits.float().sigmoid()
        background = scores[:, :1] + reserved[:, -1:].float().sigmoid()
        logits = torch.cat([background, scores[:, 1:]], dim=1)
    if readout == "foreground":  # a sigmoid is above one half where its logit is above zero
        logits = torch.cat([torch.zeros_like(logits[:, :1]), logits[:, 1:]], dim=1)
    return most_likely(logits)


def most_likely(scores: Tensor) -> Tensor:
    """The class with the highest score, int64 (batch, height, width); of equal ones the first.

    On a CPU, going through the classes one by one is two to three times faster than torch's maximum over a dimension
    that is not the last.
    """
    if scores.device.type != "cpu" or not scores.is_contiguous():
        return scores.max(dim=1)[1]
    best, found = scores[:, 0].detach().clone(), torch.zeros_like(scores[:, 0], dtype=torch.int16)
    for number in range(1, scores.shape[1]):
        each = scores[:, number].detach()
        found.masked_fill_(each > best, number)
        torch.maximum(best, each, out=best)
    return found.long()
