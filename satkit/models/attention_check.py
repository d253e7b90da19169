"""Whether the taps of a backbone are the attention that it computes, found in one forward pass.

Families of Transformers compute attention in many ways: as a difference of two softmax maps, over channels, with a bias
added to the scores, mixed across heads. Queries and keys say nothing about such attention. So every tapped block is run
again with its attention replaced by the tapped weights times the values, and must return what it returned before.
"""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from satkit.models.attention_pooling import attention_rows
from satkit.models.attention_taps import TAPPABLE, BackboneError, Capture, attention_blocks, has_hooks, tapped

NOISE = 0.05  # share of the effect of attention on a block that rounding may make up, where layer scale is 1e-5


@dataclass
class _Seen:
    """What a block was given, what it returned, and the values that its attention calls weighted."""

    args: tuple = ()
    kwargs: dict = field(default_factory=dict)
    output: object = None
    values: list[Tensor] = field(default_factory=list)


@torch.no_grad()
def check_attention(backbone: nn.Module, images: Tensor) -> None:
    """Raise unless what each tapped block computes is the tapped weights times its values.

    Args:
        backbone: A timm model.
        images: Normalised images (batch, 3, height, width), not all pixels alike.

    Raises:
        BackboneError: With what the first block that differs does instead.
    """
    blocks = attention_blocks(backbone)
    with _evaluating(backbone), _fused(blocks.values()):
        capture, seen = _watched(backbone, list(blocks.values()), images)
        for index, (name, block) in enumerate(blocks.items()):
            if reason := _difference(block, capture, index, seen[index]):
                kind = type(backbone).__name__
                raise BackboneError(f"The attention of {name} of this {kind} {reason}. {TAPPABLE}")
        capture.taps()


def _watched(backbone: nn.Module, blocks: list[nn.Module], images: Tensor) -> tuple[Capture, list[_Seen]]:
    """A forward pass with taps, and what every tapped block did in it."""
    seen, inside, handles = [_Seen() for _ in blocks], [], []

    def call(function, args, kwargs):
        if inside:
            seen[inside[-1]].values.append(kwargs["value"] if "value" in kwargs else args[2])
        return function(*args, **kwargs)

    for index, block in enumerate(blocks):

        def enter(module, args, kwargs, index=index):
            inside.append(index)
            seen[index] = _Seen(args, kwargs)

        def leave(module, args, output):
            seen[inside.pop()].output = output

        handles += [block.register_forward_pre_hook(enter, with_kwargs=True), block.register_forward_hook(leave)]
    try:
        with tapped(backbone) as capture, _Calls(call):
            backbone.forward_intermediates(images)
    finally:
        for handle in handles:
            handle.remove()
    return capture, seen


def _difference(block: nn.Module, capture: Capture, index: int, seen: _Seen) -> str:
    """What a block does instead of one softmax over keys; "" if it does that."""
    if not seen.values:
        return "is not computed by scaled_dot_product_attention"
    if len(seen.values) > 1:
        return f"is put together from {len(seen.values)} attention maps"
    if index not in capture.queries or index not in capture.keys:
        return "was not recorded"
    weights = attention_rows(capture.queries[index], capture.keys[index], capture.scales[index])
    (values,) = seen.values
    again = _run(block, seen, lambda *_: (weights @ values.float()).to(values.dtype))
    without = _run(block, seen, lambda function, args, kwargs: torch.zeros_like(function(*args, **kwargs)))
    effect = _distance(without, seen.output)
    if effect == 0:
        return "does not reach what the block returns"
    if _distance(again, seen.output) > NOISE * effect:
        return "is not the softmax of its queries and keys alone"
    return ""


def _run(block: nn.Module, seen: _Seen, attention: Callable) -> object:
    with _Calls(attention):
        return block(*seen.args, **seen.kwargs)


def _distance(one: Tensor | tuple, other: Tensor | tuple) -> float:
    """Largest difference of what a block returned twice."""
    first, second = (each[0] if isinstance(each, tuple) else each for each in (one, other))
    return float((first.float() - second.float()).abs().max())


@contextmanager
def _evaluating(backbone: nn.Module) -> Iterator[None]:
    """Without dropout; every part is in its own mode again afterwards."""
    modes = {module: module.training for module in backbone.modules()}
    backbone.eval()
    try:
        yield
    finally:
        for module, mode in modes.items():
            module.training = mode


@contextmanager
def _fused(blocks: Iterable[nn.Module]) -> Iterator[None]:
    """With fused attention in blocks that are tapped by hooks, which may also do without it."""
    before = {block: block.fused_attn for block in blocks if has_hooks(block)}
    for block in before:
        block.fused_attn = True
    try:
        yield
    finally:
        for block, fused in before.items():
            block.fused_attn = fused


class _Calls(TorchFunctionMode):
    """Hands every attention call to `attention(function, args, kwargs)`, which gives its result."""

    def __init__(self, attention: Callable):
        super().__init__()
        self.attention = attention

    def __torch_function__(self, function, types, args=(), kwargs=None):
        if function is F.scaled_dot_product_attention:
            return self.attention(function, args, kwargs or {})
        return function(*args, **(kwargs or {}))
