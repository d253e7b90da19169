"""Pooled attention rows on a GPU, in triton: `membership @ softmax(scale * queries @ keys^T)` and its gradients.

It computes what `attention_pooling` computes, and keeps nothing of the size of the attention: a tile of attention is
made in the registers of a program, used and dropped. Only queries and keys are kept for the backward pass.

Programs walk over tiles of queries; a tile in which no query belongs to a region is skipped. Where all keys fit one
tile, as in every stage of a SegFormer at 512 pixels, softmax and product are one pass. Otherwise a first pass finds the
logarithm of the sum of each row of exp(scores), and a second one pools. Sums over queries are split among several
programs, each with a result of its own, which are added at the end: so equal inputs give equal bits.

Backward, with P = M A, A = softmax(S), S = scale * Q K^T and G = dL/dP:
dA = M^T G,  dS = A * (dA - rowsum(A * dA)),  dQ = scale * dS K,  dK = scale * dS^T Q.

Products are in full float32, without TF32. This file needs triton, which comes with torch for CUDA.
"""

import torch
import triton
import triton.language as tl
from torch import Tensor
from torch.autograd.function import once_differentiable

QUERIES = 32  # in a tile
KEYS = 256  # in a tile at most
SMALL_KEYS = 128  # the same where a GPU has less than SHARED bytes of shared memory
SHARED = 160_000
USUAL_WIDTH = 64  # channels of a head that these tiles are for; wider heads have fewer keys in a tile
REGIONS = 32  # in a tile at most
WARPS = 8
PROGRAMS = 512  # as many are wanted at least, to fill a GPU


def pool_rows(queries: Tensor, keys: Tensor, scale: float, membership: Tensor) -> Tensor:
    """Weighted sums of attention rows (batch, region, head, key), float32; see `attention_pooling.pool_rows`.

    Args:
        queries: (batch, head, query, channel), float32 or shorter.
        keys: (batch, head, key, channel).
        scale: Factor of the scores before the softmax.
        membership: (batch, region, query), the weight of each query's row; it gets no gradient.
    """
    return _Pooling.apply(queries, keys, scale, membership).transpose(1, 2)


class _Pooling(torch.autograd.Function):
    @staticmethod
    def forward(ctx, queries, keys, scale, membership):
        ctx.save_for_backward(queries, keys)
        ctx.scale, ctx.membership = scale, membership
        call = _Call(queries, keys, scale, membership)
        return call.pooled()

    @staticmethod
    @once_differentiable
    def backward(ctx, gradient):
        queries, keys = ctx.saved_tensors
        call = _Call(queries, keys, ctx.scale, ctx.membership)
        d_queries, d_keys = call.gradients(gradient.float().contiguous())
        return d_queries.to(queries.dtype), d_keys.to(keys.dtype), None, None


class _Call:
    """One call of the kernels: tensors as they read them, sizes and tiles."""

    def __init__(self, queries: Tensor, keys: Tensor, scale: float, membership: Tensor):
        self.queries, self.keys = (x if x.stride(-1) == 1 else x.contiguous() for x in (queries, keys))
        self.membership, self.scale = membership.float().contiguous(), scale
        self.batch, self.heads, self.num_queries, self.channels = queries.shape
        self.num_keys, self.regions = keys.shape[2], membership.shape[1]
        most = _most_keys(queries.device, _power(self.channels))
        keys_in_tile, regions_in_tile = min(most, _power(self.num_keys)), min(REGIONS, _power(self.regions))
        self.tiles = {"QUERIES": QUERIES, "KEYS": keys_in_tile, "REGIONS": regions_in_tile}
        self.key_tiles = triton.cdiv(self.num_keys, keys_in_tile)
        self.region_tiles = triton.cdiv(self.regions, regions_in_tile)
        self.query_tiles = triton.cdiv(self.num_queries, QUERIES)

    @property
    def given(self) -> tuple:
        """What every kernel gets first."""
        sizes = (self.heads, self.num_queries, self.num_keys, self.regions)
        strides = (*self.queries.stride()[:3], *self.keys.stride()[:3])
        return (self.queries, self.keys, self.membership, self.scale, *sizes, *strides)

    @property
    def constants(self) -> dict:
        """What kernels are compiled for."""
        fits = {"CHANNELS": self.channels, "WIDTH": _power(self.channels), "WHOLE": self.key_tiles == 1}
        return {**self.tiles, **fits, "num_warps": WARPS}

    def splits(self, programs: int) -> int:
        """Among how many programs the queries are split, where there are so many programs besides."""
        return max(1, min(self.query_tiles, triton.cdiv(PROGRAMS, self.batch * self.heads * programs)))

    def empty(self, *sizes: int) -> Tensor:
        """A float32 result, to be filled by a kernel."""
        return self.queries.new_empty(sizes, dtype=torch.float32)

    def row_logs(self) -> Tensor:
        """Logarithm of each row's sum of exp(scores), (batch * head, query); nothing where a row is one tile."""
        if self.key_tiles == 1:
            return self.empty(1)
        logs = self.empty(self.batch * self.heads, self.num_queries)
        _row_logs[(self.batch * self.heads, self.query_tiles)](*self.given, logs, **self.constants)
        return logs

    def pooled(self) -> Tensor:
        """(batch, head, region, key)."""
        outer = self.batch * self.heads
        splits = self.splits(self.key_tiles * self.region_tiles)
        parts = self.empty(splits, outer, self.regions, self.num_keys)
        grid = (outer, self.key_tiles * self.region_tiles, splits)
        _pool[grid](*self.given, self.row_logs(), parts, splits, outer, self.key_tiles, **self.constants)
        return parts.sum(dim=0).view(self.batch, self.heads, self.regions, self.num_keys)

    def gradients(self, gradient: Tensor) -> tuple[Tensor, Tensor]:
        """Of queries and keys, in their shapes; gradient: (batch, head, region, key)."""
        outer, logs = self.batch * self.heads, self.row_logs()
        d_queries = self.empty(outer, self.num_queries, self.channels)
        inner = self.empty(outer, self.num_queries)
        grid = (outer, self.query_tiles)
        _query_gradient[grid](*self.given, logs, gradient, d_queries, inner, **self.constants)
        splits = self.splits(self.key_tiles)
        parts = self.empty(splits, outer, self.num_keys, self.channels)
        grid = (outer, self.key_tiles, splits)
        _key_gradient[grid](*self.given, logs, gradient, inner, parts, splits, outer, **self.constants)
        return d_queries.view(self.queries.shape), parts.sum(dim=0).view(self.keys.shape)


def _most_keys(device: torch.device, width: int) -> int:
    """Keys in a tile at most: a tile and what it is made from must fit the shared memory of the GPU."""
    most = KEYS
    if device.type == "cuda":
        shared = torch.cuda.get_device_properties(device).shared_memory_per_block_optin
        most = KEYS if shared >= SHARED else SMALL_KEYS
    return max(16, most * USUAL_WIDTH // max(USUAL_WIDTH, width))


def _power(number: int) -> int:
    """The next power of two, 16 at least: the smallest side of a product."""
    return max(16, triton.next_power_of_2(number))


@triton.jit
def _rows(pointer, start, count, stride, CHANNELS: tl.constexpr, WIDTH: tl.constexpr, TILE: tl.constexpr):
    """A tile of rows of channels, zero beyond the last row and the last channel."""
    rows, channels = start + tl.arange(0, TILE), tl.arange(0, WIDTH)
    inside = (rows < count)[:, None] & (channels < CHANNELS)[None, :]
    return tl.load(pointer + rows[:, None] * stride + channels[None, :], mask=inside, other=0.0)


@triton.jit
def _scores(queries, keys, scale, start, num_keys, KEYS: tl.constexpr):
    """A tile of scores (query, key), minus infinity beyond the last key."""
    scores = scale * tl.dot(queries, tl.trans(keys), input_precision="ieee")
    there = start + tl.arange(0, KEYS) < num_keys
    return tl.where(there[None, :], scores, float("-inf"))


@triton.jit
def _softmax(scores):
    """Softmax of whole rows."""
    raised = tl.exp(scores - tl.max(scores, axis=1)[:, None])
    return raised / tl.sum(raised, axis=1)[:, None]


@triton.jit
def _attention(scores, logs, start, num_queries, QUERIES: tl.constexpr, WHOLE: tl.constexpr):
    """A tile of attention: the softmax of whole rows, or a part of it by the logarithms of the rows' sums."""
    if WHOLE:
        return _softmax(scores)
    rows = start + tl.arange(0, QUERIES)
    return tl.exp(scores - tl.load(logs + rows, mask=rows < num_queries, other=0.0)[:, None])


@triton.jit
def _weights(pointer, first, start, regions, num_queries, REGIONS: tl.constexpr, QUERIES: tl.constexpr):
    """A tile of the membership (region, query), zero beyond the last of both."""
    each, rows = first + tl.arange(0, REGIONS), start + tl.arange(0, QUERIES)
    inside = (each < regions)[:, None] & (rows < num_queries)[None, :]
    return tl.load(pointer + each[:, None] * num_queries + rows[None, :], mask=inside, other=0.0)


@triton.jit
def _with_gradient(
    query, key, scale, logs, membership, gradient, start, key_start, num_queries, num_keys, regions,
    QUERIES: tl.constexpr, KEYS: tl.constexpr, REGIONS: tl.constexpr, WHOLE: tl.constexpr,
):  # fmt: skip
    """A tile of attention A, and of dA = M^T G, both (query, key)."""
    scores = _scores(query, key, scale, key_start, num_keys, KEYS)
    attention = _attention(scores, logs, start, num_queries, QUERIES, WHOLE)
    d_attention = tl.zeros((QUERIES, KEYS), dtype=tl.float32)
    columns = key_start + tl.arange(0, KEYS)
    for first in range(0, regions, REGIONS):
        weights = _weights(membership, first, start, regions, num_queries, REGIONS, QUERIES)
        each = first + tl.arange(0, REGIONS)
        inside = (each < regions)[:, None] & (columns < num_keys)[None, :]
        part = tl.load(gradient + each[:, None] * num_keys + columns[None, :], mask=inside, other=0.0)
        d_attention += tl.dot(tl.trans(weights), part, input_precision="ieee")
    return attention, d_attention


@triton.jit
def _of_head(
    outer, queries, keys, membership, heads, num_queries, regions, query_batch, query_head, key_batch, key_head
):  # fmt: skip
    """Where the queries and keys of one head of one image begin, and the membership of that image."""
    image, head = (outer // heads).to(tl.int64), outer % heads
    queries += image * query_batch + head * query_head
    keys += image * key_batch + head * key_head
    return queries, keys, membership + image * regions * num_queries


@triton.jit
def _row_logs(
    queries, keys, membership, scale, heads, num_queries, num_keys, regions,
    query_batch, query_head, query_row, key_batch, key_head, key_row, logs,
    QUERIES: tl.constexpr, KEYS: tl.constexpr, REGIONS: tl.constexpr,
    CHANNELS: tl.constexpr, WIDTH: tl.constexpr, WHOLE: tl.constexpr,
):  # fmt: skip
    outer, start = tl.program_id(0), tl.program_id(1) * QUERIES
    queries, keys, membership = _of_head(
        outer, queries, keys, membership, heads, num_queries, regions, query_batch, query_head, key_batch, key_head
    )
    query = _rows(queries, start, num_queries, query_row, CHANNELS, WIDTH, QUERIES)
    highest = tl.full((QUERIES,), float("-inf"), dtype=tl.float32)
    total = tl.zeros((QUERIES,), dtype=tl.float32)
    for key_start in range(0, num_keys, KEYS):
        key = _rows(keys, key_start, num_keys, key_row, CHANNELS, WIDTH, KEYS)
        scores = _scores(query, key, scale, key_start, num_keys, KEYS)
        larger = tl.maximum(highest, tl.max(scores, axis=1))
        total = total * tl.exp(highest - larger) + tl.sum(tl.exp(scores - larger[:, None]), axis=1)
        highest = larger
    rows = start + tl.arange(0, QUERIES)
    place = logs + outer.to(tl.int64) * num_queries + rows
    tl.store(place, highest + tl.log(total), mask=rows < num_queries)


@triton.jit
def _pool(
    queries, keys, membership, scale, heads, num_queries, num_keys, regions,
    query_batch, query_head, query_row, key_batch, key_head, key_row, logs, parts, splits, outers, key_tiles,
    QUERIES: tl.constexpr, KEYS: tl.constexpr, REGIONS: tl.constexpr,
    CHANNELS: tl.constexpr, WIDTH: tl.constexpr, WHOLE: tl.constexpr,
):  # fmt: skip
    outer, tile, split = tl.program_id(0), tl.program_id(1), tl.program_id(2)
    key_start, first = (tile % key_tiles) * KEYS, (tile // key_tiles) * REGIONS
    queries, keys, membership = _of_head(
        outer, queries, keys, membership, heads, num_queries, regions, query_batch, query_head, key_batch, key_head
    )
    logs += outer.to(tl.int64) * num_queries
    key = _rows(keys, key_start, num_keys, key_row, CHANNELS, WIDTH, KEYS)
    found = tl.zeros((REGIONS, KEYS), dtype=tl.float32)
    for start in range(split * QUERIES, num_queries, splits * QUERIES):
        weights = _weights(membership, first, start, regions, num_queries, REGIONS, QUERIES)
        if tl.max(tl.abs(weights)) > 0:
            query = _rows(queries, start, num_queries, query_row, CHANNELS, WIDTH, QUERIES)
            scores = _scores(query, key, scale, key_start, num_keys, KEYS)
            attention = _attention(scores, logs, start, num_queries, QUERIES, WHOLE)
            found += tl.dot(weights, attention, input_precision="ieee")
    each, columns = first + tl.arange(0, REGIONS), key_start + tl.arange(0, KEYS)
    inside = (each < regions)[:, None] & (columns < num_keys)[None, :]
    place = parts + (split.to(tl.int64) * outers + outer) * regions * num_keys
    tl.store(place + each[:, None] * num_keys + columns[None, :], found, mask=inside)


@triton.jit
def _query_gradient(
    queries, keys, membership, scale, heads, num_queries, num_keys, regions,
    query_batch, query_head, query_row, key_batch, key_head, key_row, logs, gradient, d_queries, inner,
    QUERIES: tl.constexpr, KEYS: tl.constexpr, REGIONS: tl.constexpr,
    CHANNELS: tl.constexpr, WIDTH: tl.constexpr, WHOLE: tl.constexpr,
):  # fmt: skip
    outer, start = tl.program_id(0), tl.program_id(1) * QUERIES
    queries, keys, membership = _of_head(
        outer, queries, keys, membership, heads, num_queries, regions, query_batch, query_head, key_batch, key_head
    )
    logs += outer.to(tl.int64) * num_queries
    gradient += outer.to(tl.int64) * regions * num_keys
    query = _rows(queries, start, num_queries, query_row, CHANNELS, WIDTH, QUERIES)
    total = tl.zeros((QUERIES,), dtype=tl.float32)  # of A * dA in each row
    found = tl.zeros((QUERIES, WIDTH), dtype=tl.float32)
    for key_start in range(0, num_keys, KEYS):
        key = _rows(keys, key_start, num_keys, key_row, CHANNELS, WIDTH, KEYS)
        attention, d_attention = _with_gradient(
            query, key, scale, logs, membership, gradient, start, key_start, num_queries, num_keys, regions,
            QUERIES, KEYS, REGIONS, WHOLE,
        )  # fmt: skip
        total += tl.sum(attention * d_attention, axis=1)
        if WHOLE:
            d_scores = scale * attention * (d_attention - total[:, None])
            found += tl.dot(d_scores, key.to(tl.float32), input_precision="ieee")
    if not WHOLE:
        for key_start in range(0, num_keys, KEYS):
            key = _rows(keys, key_start, num_keys, key_row, CHANNELS, WIDTH, KEYS)
            attention, d_attention = _with_gradient(
                query, key, scale, logs, membership, gradient, start, key_start, num_queries, num_keys, regions,
                QUERIES, KEYS, REGIONS, WHOLE,
            )  # fmt: skip
            d_scores = scale * attention * (d_attention - total[:, None])
            found += tl.dot(d_scores, key.to(tl.float32), input_precision="ieee")
    rows, channels = start + tl.arange(0, QUERIES), tl.arange(0, WIDTH)
    tl.store(inner + outer.to(tl.int64) * num_queries + rows, total, mask=rows < num_queries)
    place = d_queries + (outer.to(tl.int64) * num_queries + rows[:, None]) * CHANNELS + channels[None, :]
    tl.store(place, found, mask=(rows < num_queries)[:, None] & (channels < CHANNELS)[None, :])


@triton.jit
def _key_gradient(
    queries, keys, membership, scale, heads, num_queries, num_keys, regions,
    query_batch, query_head, query_row, key_batch, key_head, key_row, logs, gradient, inner, parts, splits, outers,
    QUERIES: tl.constexpr, KEYS: tl.constexpr, REGIONS: tl.constexpr,
    CHANNELS: tl.constexpr, WIDTH: tl.constexpr, WHOLE: tl.constexpr,
):  # fmt: skip
    outer, key_start, split = tl.program_id(0), tl.program_id(1) * KEYS, tl.program_id(2)
    queries, keys, membership = _of_head(
        outer, queries, keys, membership, heads, num_queries, regions, query_batch, query_head, key_batch, key_head
    )
    logs += outer.to(tl.int64) * num_queries
    inner += outer.to(tl.int64) * num_queries
    gradient += outer.to(tl.int64) * regions * num_keys
    key = _rows(keys, key_start, num_keys, key_row, CHANNELS, WIDTH, KEYS)
    found = tl.zeros((KEYS, WIDTH), dtype=tl.float32)
    for start in range(split * QUERIES, num_queries, splits * QUERIES):
        query = _rows(queries, start, num_queries, query_row, CHANNELS, WIDTH, QUERIES)
        attention, d_attention = _with_gradient(
            query, key, scale, logs, membership, gradient, start, key_start, num_queries, num_keys, regions,
            QUERIES, KEYS, REGIONS, WHOLE,
        )  # fmt: skip
        rows = start + tl.arange(0, QUERIES)
        total = tl.load(inner + rows, mask=rows < num_queries, other=0.0)
        d_scores = scale * attention * (d_attention - total[:, None])
        found += tl.dot(tl.trans(d_scores), query.to(tl.float32), input_precision="ieee")
    columns, channels = key_start + tl.arange(0, KEYS), tl.arange(0, WIDTH)
    place = parts + ((split.to(tl.int64) * outers + outer) * num_keys + columns[:, None]) * CHANNELS + channels[None, :]
    tl.store(place, found, mask=(columns < num_keys)[:, None] & (channels < CHANNELS)[None, :])
