"""Relations of a student minus those of its teacher, `membership @ (student's attention - teacher's attention)`.

That difference is all that most distances between relations need. Computed at once, it takes one product with the
membership instead of two, and only one attention matrix is kept for the backward pass. On a CPU only queries that some
region contains are computed, and only the regions that an image shows; both differ from image to image, so they are
padded to the largest number in the batch. On other devices counting them would make the device wait, and all are
computed. Large attention goes image by image and in chunks of queries, see `attention_pooling`.

Backward, with D = M (A - A'), A = softmax(S), S = scale * Q K^T and G = dL/dD:
dA = M^T G,  dS = A * (dA - rowsum(A * dA)),  dQ = scale * dS K,  dK = scale * dS^T Q.
"""

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from satkit.models import attention_pooling
from satkit.models.attention_pooling import attention_rows
from satkit.models.attention_taps import AttentionTap


@dataclass(frozen=True)
class Membership:
    """How much each query of a grid counts in each region, and what of it is not zero.

    Attributes:
        weights: (batch, region, query); each region's weights sum to 1, or are 0 where it is absent.
        present: (batch, region).
        rows: (batch, some query), numbers of queries: those of some region, then others; None for all.
        slots: (batch, some region), numbers of regions: those present, then others; None for all.
        packed: The weights of `slots` and `rows`, (batch, some region, some query).
    """

    weights: Tensor
    present: Tensor
    rows: Tensor | None
    slots: Tensor | None
    packed: Tensor

    @classmethod
    def of(cls, inside: Tensor, dtype: torch.dtype = torch.float32) -> "Membership":
        """The membership of regions in which all queries count alike; inside: bool (batch, region, query)."""
        size = inside.sum(dim=-1, keepdim=True)
        weights, present = inside.to(dtype) / size.clamp(min=1), size.squeeze(-1) > 0
        if inside.device.type != "cpu":
            return cls(weights, present, None, None, weights)
        rows, slots = (_true_first(mask) for mask in (inside.any(dim=1), present))
        packed = weights.gather(1, slots[:, :, None].expand(-1, -1, weights.shape[2]))
        packed = packed.gather(2, rows[:, None].expand(-1, packed.shape[1], -1))
        return cls(weights, present, rows, slots, packed)


def relation_difference(student: AttentionTap, teacher: AttentionTap, membership: Membership) -> Tensor:
    """The student's relations minus the teacher's, (batch, region, head, key), in float32 (float64 stays float64).

    The teacher gets no gradient.

    Args:
        student: Attention of one block of the student.
        teacher: The same of the teacher.
        membership: Of the regions on the grid of their queries.
    """
    with torch.autocast(student.queries.device.type, enabled=False):
        taps = (student.queries, student.keys, teacher.queries, teacher.keys)
        return _Difference.apply(*taps, student.scale, teacher.scale, membership)


class _Difference(torch.autograd.Function):
    @staticmethod
    def forward(ctx, queries, keys, taught_queries, taught_keys, scale, taught_scale, membership):
        batch, heads = queries.shape[:2]
        dtype = torch.promote_types(queries.dtype, torch.float32)
        ctx.scale, ctx.membership, ctx.dtype = scale, membership, dtype
        large = batch * heads * membership.packed.shape[2] * keys.shape[2] > attention_pooling.LARGE
        ctx.in_chunks = queries.device.type == "cpu" and large
        found = queries.new_zeros((batch, heads, membership.weights.shape[1], keys.shape[2]), dtype=dtype)
        if ctx.in_chunks:
            ctx.save_for_backward(queries, keys)
            for image, regions, rows, weights in _chunks(membership, heads * keys.shape[2]):
                ours = attention_rows(queries[image, :, rows], keys[image], scale)
                theirs = attention_rows(taught_queries[image, :, rows], taught_keys[image], taught_scale)
                found[image, :, regions] += weights.to(dtype) @ ours.sub_(theirs)
            return found.transpose(1, 2)
        chosen = _take(queries, membership.rows).to(dtype)
        ours = attention_rows(chosen, keys, scale)
        theirs = attention_rows(_take(taught_queries, membership.rows), taught_keys, taught_scale)
        ctx.save_for_backward(chosen, keys, ours)
        pooled = membership.packed[:, None].to(dtype) @ (ours - theirs)  # (batch, head, some region, key)
        return _put(found, pooled, membership.slots).transpose(1, 2)

    @staticmethod
    @once_differentiable
    def backward(ctx, gradient):
        with torch.autocast(gradient.device.type, enabled=False):
            return *_Difference.gradients(ctx, gradient.transpose(1, 2)), None, None, None, None, None

    @staticmethod
    def gradients(ctx, gradient: Tensor) -> tuple[Tensor, Tensor]:
        """Of the student's queries and keys; gradient: (batch, head, region, key)."""
        membership = ctx.membership
        if ctx.in_chunks:
            queries, keys = ctx.saved_tensors
            d_queries, d_keys = (torch.zeros_like(each, dtype=ctx.dtype) for each in (queries, keys))
            for image, regions, rows, weights in _chunks(membership, queries.shape[1] * keys.shape[2]):
                query, key = queries[image, :, rows].to(ctx.dtype), keys[image].to(ctx.dtype)
                d_rows = weights.to(ctx.dtype).T @ gradient[image, :, regions]
                d_scores = _through_softmax(attention_rows(query, key, ctx.scale), d_rows, ctx.scale)
                d_queries[image, :, rows] = d_scores @ key
                d_keys[image] += d_scores.transpose(1, 2) @ query
        else:
            chosen, keys, rows = ctx.saved_tensors
            d_rows = membership.packed[:, None].to(ctx.dtype).transpose(2, 3) @ _take(gradient, membership.slots)
            d_scores = _through_softmax(rows, d_rows, ctx.scale)
            num_queries = membership.weights.shape[2]
            d_queries = chosen.new_zeros((*chosen.shape[:2], num_queries, chosen.shape[3]))
            d_queries = _put(d_queries, d_scores @ keys.to(ctx.dtype), membership.rows)
            d_keys = d_scores.transpose(2, 3) @ chosen
        return d_queries.to(keys.dtype), d_keys.to(keys.dtype)


def _through_softmax(rows: Tensor, d_rows: Tensor, scale: float) -> Tensor:
    """Gradient of the scores before the scale, from that of the rows of the softmax."""
    weighted = rows * d_rows
    return weighted.addcmul_(rows, weighted.sum(-1, keepdim=True), value=-1).mul_(scale)


def _true_first(mask: Tensor) -> Tensor:
    """Numbers of the places (batch, some place) that are true, as many as any image has, then of others."""
    most = min(max(1, int(mask.sum(dim=1).max())), mask.shape[1])
    return mask.float().topk(most, dim=1, sorted=False).indices


def _take(tensor: Tensor, places: Tensor | None) -> Tensor:
    """Places of the third dimension of (batch, head, place, channel), other ones in each image."""
    if places is None:
        return tensor
    batch, heads, _, channels = tensor.shape
    return tensor.gather(2, places[:, None, :, None].expand(batch, heads, places.shape[1], channels))


def _put(into: Tensor, values: Tensor, places: Tensor | None) -> Tensor:
    """The reverse of `_take`: the values at their places, zero elsewhere; `into` is zero before."""
    if places is None:
        return values
    batch, heads, count, channels = values.shape
    return into.scatter_(2, places[:, None, :, None].expand(batch, heads, count, channels), values)


def _chunks(membership: Membership, weights_per_query: int):
    """Image, regions, queries and their weights (region, query) of each chunk, without what is zero."""
    size = max(1, attention_pooling.CHUNK // weights_per_query)
    for image, (weights, present) in enumerate(zip(membership.weights, membership.present, strict=True)):
        regions = present.nonzero().squeeze(1)
        weights = weights[regions]
        for rows in weights.ne(0).any(dim=0).nonzero().squeeze(1).split(size):
            if len(rows):
                yield image, regions, rows, weights[:, rows]
