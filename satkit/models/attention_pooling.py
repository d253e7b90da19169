"""Weighted mean rows of softmax attention, computed without storing the attention.

`pool_rows` computes `membership @ softmax(scale * queries @ keys^T)` exactly. Small attention is computed in one go.
Large attention is computed image by image and in chunks of queries, in the forward pass and once more in the
backward pass, and only for queries that some region contains: a query outside every region has weight zero, and each
row of a softmax can be computed alone. On a CUDA device with triton, `pooling_kernel` does the same in tiles.

Backward, with P = M A, A = softmax(S), S = scale * Q K^T and G = dL/dP:
dA = M^T G,  dS = A * (dA - rowsum(A * dA)),  dQ = scale * dS K,  dK = scale * dS^T Q.
"""

from functools import cache
from importlib.util import find_spec

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from satkit.utils.precision import full_precision

LARGE = 2**20  # attention weights in a batch from which chunks are faster on a CPU
CHUNK = 2**17  # attention weights held at a time


def pool_rows(queries: Tensor, keys: Tensor, scale: float, membership: Tensor) -> Tensor:
    """Weighted sums of attention rows, in float32 whatever the autocast state.

    Args:
        queries: (batch, head, query, channel).
        keys: (batch, head, key, channel).
        scale: Factor of the scores before the softmax.
        membership: (batch, region, query), the weight of each query's row; it gets no gradient.

    Returns:
        (batch, region, head, key).
    """
    batch, heads, num_queries, _ = queries.shape
    with full_precision(queries):
        if uses_kernel(queries):
            from satkit.models import pooling_kernel  # it needs triton

            return pooling_kernel.pool_rows(queries, keys, scale, membership)
        if queries.device.type == "cpu" and batch * heads * num_queries * keys.shape[2] > LARGE:
            return _ChunkedPooling.apply(queries, keys, scale, membership)
        rows = attention_rows(queries, keys, scale)
        pooled = membership[:, None].to(rows.dtype) @ rows  # (batch, head, region, key)
        return pooled.transpose(1, 2)


def uses_kernel(tensor: Tensor) -> bool:
    """Whether rows are pooled by the triton kernel: on CUDA, if triton is installed, and not for float64."""
    return tensor.device.type == "cuda" and tensor.dtype != torch.float64 and has_triton()


@cache
def has_triton() -> bool:
    """Whether triton is installed."""
    return find_spec("triton") is not None


def attention_rows(queries: Tensor, keys: Tensor, scale: float) -> Tensor:
    """softmax(scale * queries @ keys^T) over keys, in float32 (float64 stays float64)."""
    queries, keys = _at_least_float32(queries), _at_least_float32(keys)
    return (scale * queries @ keys.transpose(-2, -1)).softmax(dim=-1)


def _at_least_float32(tensor: Tensor) -> Tensor:
    return tensor if tensor.dtype == torch.float64 else tensor.float()


class _ChunkedPooling(torch.autograd.Function):
    @staticmethod
    def forward(ctx, queries, keys, scale, membership):
        ctx.save_for_backward(queries, keys, membership)
        ctx.scale = scale
        dtype = torch.promote_types(queries.dtype, torch.float32)
        batch, heads, _, _ = queries.shape
        pooled = queries.new_zeros((batch, heads, membership.shape[1], keys.shape[2]), dtype=dtype)
        for image, rows in _chunks(membership, heads * keys.shape[2]):
            attention = attention_rows(queries[image, :, rows], keys[image], scale)
            pooled[image] += membership[image][:, rows].to(dtype) @ attention
        return pooled.transpose(1, 2)

    @staticmethod
    @once_differentiable
    def backward(ctx, gradient):
        queries, keys, membership = ctx.saved_tensors
        gradient = gradient.transpose(1, 2)  # (batch, head, region, key)
        query_gradient = torch.zeros_like(queries, dtype=gradient.dtype)
        key_gradient = torch.zeros_like(keys, dtype=gradient.dtype)
        for image, rows in _chunks(membership, queries.shape[1] * keys.shape[2]):
            query, key = (x.to(gradient.dtype) for x in (queries[image, :, rows], keys[image]))
            attention = attention_rows(query, key, ctx.scale)
            weights = membership[image][:, rows].to(gradient.dtype)
            d_attention = weights.T @ gradient[image]  # (head, query, key)
            inner = (attention * d_attention).sum(-1, keepdim=True)
            d_scores = ctx.scale * attention * (d_attention - inner)
            query_gradient[image, :, rows] = d_scores @ key
            key_gradient[image] += d_scores.transpose(1, 2) @ query
        return query_gradient.to(queries.dtype), key_gradient.to(keys.dtype), None, None


def _chunks(membership: Tensor, weights_per_query: int):
    """Image number and query numbers of each chunk; queries outside every region are left out."""
    size = max(1, CHUNK // weights_per_query)
    for image, used in enumerate(membership.ne(0).any(dim=1)):
        for rows in used.nonzero().squeeze(1).split(size):
            if len(rows):
                yield image, rows
