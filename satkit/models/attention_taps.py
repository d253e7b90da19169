"""Attention taps: queries and keys of some blocks, recorded while the network keeps its fused attention.

Fused attention (`scaled_dot_product_attention`) never stores the attention matrix. So a tap keeps queries, keys and the
scale, and computes weights from them on request. This is the only file that knows the inner structure of backbones:

- MiT and PVTv2 (timm's `PyramidVisionTransformerV2`): the last block of each of the four stages;
- plain ViTs (timm's `VisionTransformer`) and their relatives with a list of `blocks`: four blocks, evenly spread.

Two methods give the same tensors. Hooks on the projections are fast, but each family of backbones needs its own.
Interception reads the arguments of the attention call and works for every backbone that makes this call; it is used
where there are no hooks, and to check the hooks in the tests. Class and register tokens are cut off: a tap is the
attention among image patches, and its rows sum to one.
"""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field

import torch.nn.functional as F
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from satkit.models.attention_pooling import attention_rows, pool_rows
from satkit.utils import _torchvision
from satkit.utils.errors import UsageError
from satkit.utils.precision import full_precision

_torchvision.ensure()

from timm.layers.attention import Attention  # noqa: E402
from timm.models.pvt_v2 import Attention as SpatialReductionAttention  # noqa: E402
from timm.models.pvt_v2 import PyramidVisionTransformerV2  # noqa: E402

METHODS = ("auto", "hooks", "interception")
WITHOUT_ATTENTION = "; the strategy sats-features needs no attention"
TAPPABLE = (
    "Attention transfer and attention figures need a MiT (mit_b0 .. mit_b5), a PVTv2 or a usual ViT, such as "
    f"vit_tiny_patch16_224{WITHOUT_ATTENTION}."
)


class BackboneError(UsageError):
    """A backbone that cannot be used as requested."""


@dataclass(frozen=True)
class AttentionTap:
    """Self-attention of one block: queries, keys and scale of its softmax weights.

    Attributes:
        name: Where it was taken, e.g. "stage 2".
        queries: (batch, head, query, channel).
        keys: (batch, head, key, channel).
        scale: Factor of the scores before the softmax.
        query_grid: Height and width of the queries' grid, in row-major order.
        key_grid: The same for the keys.
    """

    name: str
    queries: Tensor
    keys: Tensor
    scale: float
    query_grid: tuple[int, int]
    key_grid: tuple[int, int]

    def weights(self, queries: slice | list[int] = slice(None)) -> Tensor:
        """Softmax weights (batch, head, query, key) in float32; every row sums to 1. For figures and tests.

        Args:
            queries: Numbers of the queries whose rows are computed.
        """
        with full_precision(self.queries):
            return attention_rows(self.queries[:, :, queries], self.keys, self.scale)

    def pool(self, membership: Tensor) -> Tensor:
        """Weighted sums of attention rows (batch, region, head, key), see `pool_rows`."""
        return pool_rows(self.queries, self.keys, self.scale, membership)


@dataclass
class Capture:
    """What the tapped blocks record in a forward pass; `taps` reads it afterwards."""

    names: list[str]
    grids: dict[int, tuple] = field(default_factory=dict)
    queries: dict[int, Tensor] = field(default_factory=dict)
    keys: dict[int, Tensor] = field(default_factory=dict)
    scales: dict[int, float] = field(default_factory=dict)
    prefix: int = 0

    def taps(self) -> tuple[AttentionTap, ...]:
        """One tap per block, in the order of the network.

        Raises:
            BackboneError: If a block recorded nothing, or its tokens do not fill its grid.
        """
        missing = [name for i, name in enumerate(self.names) if i not in self.queries or i not in self.keys]
        if missing:
            raise BackboneError(
                f"Expected attention from {len(self.names)} blocks, but none arrived from {', '.join(missing)}. "
                f"The blocks must call scaled_dot_product_attention, as fused attention does. {TAPPABLE}"
            )
        return tuple(self._tap(index, name) for index, name in enumerate(self.names))

    def _tap(self, index: int, name: str) -> AttentionTap:
        query_grid, key_grid = self.grids[index]
        queries = self.queries[index][:, :, self.prefix :]
        keys = self.keys[index][:, :, self.prefix :]
        for kind, tokens, grid in (("queries", queries, query_grid), ("keys", keys, key_grid)):
            if tokens.shape[2] != grid[0] * grid[1]:
                raise BackboneError(
                    f"The {kind} of {name} must fill their grid of {grid[0]} x {grid[1]} patches, "
                    f"got {tokens.shape[2]} tokens."
                )
        return AttentionTap(name, queries, keys, self.scales[index], query_grid, key_grid)


@contextmanager
def tapped(backbone: nn.Module, method: str = "auto") -> Iterator[Capture]:
    """Record queries and keys of a backbone's blocks in a forward pass inside the `with` block.

    Args:
        backbone: A model made by timm.
        method: "hooks" for the families that have them, "interception" for any backbone with a list of blocks, "auto"
            for hooks if there are some.

    Raises:
        BackboneError: If the backbone has no self-attention over the whole image.
    """
    if method not in METHODS:
        raise UsageError(f"The method must be one of {', '.join(METHODS)}, got {method!r}.")
    blocks = attention_blocks(backbone)
    capture = Capture(list(blocks))
    attach = _attach_hooks
    if method == "interception" or (method == "auto" and not all(map(has_hooks, blocks.values()))):
        attach = _attach_interception
    with ExitStack() as stack:
        _attach_grids(backbone, list(blocks.values()), capture, stack)
        attach(list(blocks.values()), capture, stack)
        yield capture


def attention_blocks(backbone: nn.Module) -> dict[str, nn.Module]:
    """The attention modules that are tapped, by name.

    Raises:
        BackboneError: If the backbone has no self-attention over the whole image.
    """
    if isinstance(backbone, PyramidVisionTransformerV2):
        return {f"stage {i + 1}": stage.blocks[-1].attn for i, stage in enumerate(backbone.stages)}
    kind = type(backbone).__name__
    if "Swin" in kind:
        raise BackboneError(
            f"{kind} attends within windows: a region cannot attend to the whole image, so there is no relation "
            f"between regions to transfer. {TAPPABLE}"
        )
    blocks, patches = (getattr(backbone, name, None) for name in ("blocks", "patch_embed"))
    if blocks is None or not hasattr(patches, "dynamic_feat_size"):
        raise BackboneError(f"{kind} has no self-attention that satkit can tap. {TAPPABLE}")
    return {f"block {i + 1}": getattr(blocks[i], "attn", blocks[i]) for i in spread(len(blocks))}


def spread(depth: int, count: int = 4) -> tuple[int, ...]:
    """`count` block numbers, evenly spread and ending with the last one."""
    return tuple((i + 1) * depth // count - 1 for i in range(count)) if depth >= count else tuple(range(depth))


def _attach_grids(backbone, blocks, capture: Capture, stack: ExitStack) -> None:
    if isinstance(backbone, PyramidVisionTransformerV2):
        for index, block in enumerate(blocks):

            def note_grid(module, args, index=index):
                height, width = args[1]
                ratio = module.sr.kernel_size[0] if module.sr is not None else 1
                key_grid = (height // ratio, width // ratio) if module.pool is None else (7, 7)
                capture.grids[index] = ((height, width), key_grid)

            stack.callback(block.register_forward_pre_hook(note_grid).remove)
        return
    capture.prefix = getattr(backbone, "num_prefix_tokens", 0)

    def note_patches(module, args):
        grid = tuple(module.dynamic_feat_size(args[0].shape[-2:]))
        capture.grids.update({index: (grid, grid) for index in range(len(blocks))})

    stack.callback(backbone.patch_embed.register_forward_pre_hook(note_patches).remove)


def has_hooks(block: nn.Module) -> bool:
    """Whether a block is of a family that can be tapped by hooks."""
    return type(block) in (Attention, SpatialReductionAttention)


def _attach_hooks(blocks, capture: Capture, stack: ExitStack) -> None:
    for index, block in enumerate(blocks):
        capture.scales[index] = block.scale

        def keep_query(module, args, output, index=index, heads=block.num_heads):
            capture.queries[index] = output.unflatten(-1, (heads, -1)).transpose(1, 2)

        def keep_key(module, args, output, index=index, heads=block.num_heads):
            capture.keys[index] = output.unflatten(-1, (2, heads, -1))[:, :, 0].transpose(1, 2)

        if type(block) is SpatialReductionAttention:  # PVTv2 and MiT have separate projections for queries and keys
            stack.callback(block.q.register_forward_hook(keep_query).remove)
            stack.callback(block.kv.register_forward_hook(keep_key).remove)
        else:  # a ViT normalises queries and keys (or passes them through) just before attention
            for norm, store in ((block.q_norm, capture.queries), (block.k_norm, capture.keys)):

                def keep(module, args, output, store=store, index=index):
                    store[index] = output

                stack.callback(norm.register_forward_hook(keep).remove)


class _Interception(TorchFunctionMode):
    """Reads every fused attention call and keeps those made inside a tapped block."""

    def __init__(self, capture: Capture):
        super().__init__()
        self.capture = capture
        self.inside: int | None = None

    def __torch_function__(self, function, types, args=(), kwargs=None):
        if function is F.scaled_dot_product_attention and self.inside is not None:
            kwargs = kwargs or {}
            if kwargs.get("attn_mask") is not None or kwargs.get("is_causal") or len(args) > 3:
                raise BackboneError(
                    "This backbone adds a bias or a mask to its attention scores, which queries and keys do not "
                    f"contain. {TAPPABLE}"
                )
            queries, keys = args[:2]
            scale = kwargs.get("scale") or queries.shape[-1] ** -0.5
            self.capture.queries[self.inside] = queries
            self.capture.keys[self.inside] = keys
            self.capture.scales[self.inside] = scale
        return function(*args, **(kwargs or {}))


def _attach_interception(blocks, capture: Capture, stack: ExitStack) -> None:
    mode = _Interception(capture)
    for index, block in enumerate(blocks):

        def enter(module, args, index=index):
            mode.inside = index

        def leave(module, args, output):
            mode.inside = None

        stack.callback(block.register_forward_pre_hook(enter).remove)
        stack.callback(block.register_forward_hook(leave).remove)
    stack.enter_context(mode)
