"""Gradient checkpointing: activations inside a backbone's blocks are computed again in the backward pass, not kept.

It saves memory and costs a second forward pass of the backbone; the result is the same (Chen et al., Training Deep Nets
with Sublinear Memory Cost, arXiv 1604.06174). Taps keep their gradient, because torch's non-reentrant kind is used.
"""

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from functools import partial

from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.utils.checkpoint import checkpoint

from satkit.models.attention_taps import BackboneError
from satkit.models.one_batch import entered_again


@contextmanager
def gradient_checkpointing(backbone: nn.Module, wanted: bool = True) -> Iterator[None]:
    """Inside the block a backbone keeps what enters its blocks, and computes the rest again where it is needed.

    Args:
        wanted: False for a block in which nothing is changed.

    Raises:
        BackboneError: As `transformer_blocks`.
    """
    blocks = transformer_blocks(backbone) if wanted else []
    for block in blocks:
        block.forward = partial(checkpoint, block.forward, use_reentrant=False, context_fn=_contexts)
    try:
        yield
    finally:
        for block in blocks:
            del block.forward  # the class has its own


def transformer_blocks(backbone: nn.Module) -> list[nn.Module]:
    """The blocks whose activations need not be kept.

    Raises:
        BackboneError: If there are none, or they hold batch normalisation, which would count every batch twice.
    """
    blocks = [module for name, module in backbone.named_modules() if name.split(".")[-2:-1] == ["blocks"]]
    kind = type(backbone).__name__
    if not blocks:
        raise BackboneError(
            f"Gradient checkpointing needs a backbone with a list of blocks, which {kind} has not. Leave it out."
        )
    if any(isinstance(module, _BatchNorm) for block in blocks for module in block.modules()):
        raise BackboneError(
            f"Gradient checkpointing computes blocks twice, so their batch normalisation would count every batch "
            f"twice, and {kind} has such blocks. Leave it out."
        )
    return blocks


def _contexts():
    """Around the first forward pass, and around the second."""
    return nullcontext(), entered_again()
