"""Relations of a student minus those of its teacher, `membership @ (student's attention - teacher's attention)`.

That difference is all that most distances between relations need. Computed at once, it takes one product with the
membership instead of two. Nothing is kept for the backward pass but queries and keys, which the network keeps anyway:
the attention is computed once more there.

On a CPU only queries that some region contains are computed, and only the regions that an image shows; both differ from
image to image, so they are padded to the largest number in the batch. On other devices counting them would make the
device wait, and all are computed. Large attention goes image by image and in chunks of queries. Where the triton kernel
of `pooling_kernel` is used, it pools student and teacher one after the other.

Backward, with D = M (A - A'), A = softmax(S), S = scale * Q K^T and G = dL/dD:
dA = M^T G,  dS = A * (dA - rowsum(A * dA)),  dQ = scale * dS K,  dK = scale * dS^T Q.
"""

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from satkit.models import attention_pooling
from satkit.models.attention_pooling import attention_rows, pool_rows, uses_kernel
from satkit.models.attention_taps import AttentionTap
from satkit.utils.precision import full_precision


@dataclass(frozen=True)
class Membership:
    """How much each query of a grid counts in each region, without regions and queries that add nothing.

    Attributes:
        present: Whether an image shows a region, (batch, region).
        weights: (batch, some region, some query); each region's weights sum to 1, or are 0 where it is absent.
        slots: Numbers of the regions in `weights`, those present first, (batch, some region); None for all in order.
        rows: Numbers of the queries in `weights`, those of some region first, (batch, some query); None for all.
    """

    present: Tensor
    weights: Tensor
    slots: Tensor | None = None
    rows: Tensor | None = None

    @classmethod
    def of(cls, inside: Tensor, dtype: torch.dtype = torch.float32) -> "Membership":
        """The membership of regions in which all queries count alike; inside: bool (batch, region, query)."""
        present, slots, rows = inside.any(dim=-1), None, None
        if inside.device.type == "cpu":
            slots = _true_first(present)
            inside = _rows_at(inside, slots)
            rows = _true_first(inside.any(dim=1))
        weights = inside.to(dtype) / inside.sum(dim=-1, keepdim=True).clamp(min=1)
        if rows is not None:
            weights = weights.gather(2, rows[:, None].expand(-1, slots.shape[1], -1))
        return cls(present, weights, slots, rows)

    def spread(self, values: Tensor) -> Tensor:
        """Values of the regions in `weights`, (batch, some region, head), for all regions; 0 for those left out."""
        if self.slots is None:
            return values
        everywhere = values.new_zeros((*self.present.shape, values.shape[2]))
        return everywhere.scatter(1, self.slots[:, :, None].expand_as(values), values)


def relation_difference(student: AttentionTap, teacher: AttentionTap, membership: Membership) -> Tensor:
    """The student's relations minus the teacher's, (batch, some region, head, key), of the regions in `weights`.

    It is computed in float32 (float64 stays float64). The teacher gets no gradient.

    Args:
        student: Attention of one block of the student.
        teacher: The same of the teacher.
        membership: Of the regions on the grid of their queries.
    """
    if uses_kernel(student.queries):
        taught = pool_rows(teacher.queries.detach(), teacher.keys.detach(), teacher.scale, membership.weights)
        return pool_rows(student.queries, student.keys, student.scale, membership.weights) - taught
    with full_precision(student.queries):
        taps = (student.queries, student.keys, teacher.queries, teacher.keys)
        return _Difference.apply(*taps, student.scale, teacher.scale, membership)


class _Difference(torch.autograd.Function):
    @staticmethod
    def forward(ctx, queries, keys, taught_queries, taught_keys, scale, taught_scale, membership):
        dtype = torch.promote_types(queries.dtype, torch.float32)
        ctx.scale, ctx.membership, ctx.dtype = scale, membership, dtype
        ctx.save_for_backward(queries, keys)
        ctx.in_chunks = _is_large(queries, keys, membership)
        weights = membership.weights.to(dtype)
        batch, heads, num_keys = queries.shape[0], queries.shape[1], keys.shape[2]
        if ctx.in_chunks:
            found = queries.new_zeros((batch, heads, weights.shape[1], num_keys), dtype=dtype)
            for image, regions, rows, part in _chunks(membership, heads * num_keys):
                ours = attention_rows(queries[image, :, rows], keys[image], scale)
                theirs = attention_rows(taught_queries[image, :, rows], taught_keys[image], taught_scale)
                found[image, :, :regions] += part.to(dtype) @ ours.sub_(theirs)
            return found.transpose(1, 2)
        ours = _rows(_chosen(queries, membership.rows, dtype), _flat(keys, dtype), scale)
        theirs = _rows(_chosen(taught_queries, membership.rows, dtype), _flat(taught_keys, dtype), taught_scale)
        found = torch.bmm(_for_heads(weights, heads), ours.sub_(theirs))  # (batch * head, some region, key)
        return found.view(batch, heads, -1, num_keys).transpose(1, 2)

    @staticmethod
    @once_differentiable
    def backward(ctx, gradient):
        with full_precision(gradient):
            gradients = _Difference.in_chunks if ctx.in_chunks else _Difference.at_once
            found = gradients(ctx, *ctx.saved_tensors, gradient.transpose(1, 2))
        return *(each.to(saved.dtype) for each, saved in zip(found, ctx.saved_tensors)), None, None, None, None, None

    @staticmethod
    def at_once(ctx, queries: Tensor, keys: Tensor, gradient: Tensor) -> tuple[Tensor, Tensor]:
        """Gradients of queries and keys; gradient: (batch, head, some region, key)."""
        weights, heads, places = ctx.membership.weights.to(ctx.dtype), queries.shape[1], ctx.membership.rows
        chosen, flat = _chosen(queries, places, ctx.dtype), _flat(keys, ctx.dtype)
        d_rows = torch.bmm(_for_heads(weights, heads).transpose(1, 2), _flat(gradient, ctx.dtype))
        d_scores = _through_softmax(_rows(chosen, flat, ctx.scale), d_rows, ctx.scale)
        d_keys = torch.bmm(d_scores.transpose(1, 2), chosen).view(keys.shape)
        d_chosen = torch.bmm(d_scores, flat).view(*queries.shape[:2], -1, queries.shape[3])
        if places is None:
            return d_chosen, d_keys
        d_queries = d_chosen.new_zeros(queries.transpose(1, 2).shape)
        numbers = _numbers(places, d_queries.shape[1])
        d_queries.flatten(0, 1).index_copy_(0, numbers, d_chosen.transpose(1, 2).flatten(0, 1))
        return d_queries.transpose(1, 2), d_keys

    @staticmethod
    def in_chunks(ctx, queries: Tensor, keys: Tensor, gradient: Tensor) -> tuple[Tensor, Tensor]:
        """The same for large attention."""
        d_queries, d_keys = (torch.zeros_like(each, dtype=ctx.dtype) for each in (queries, keys))
        for image, regions, rows, part in _chunks(ctx.membership, queries.shape[1] * keys.shape[2]):
            query, key = queries[image, :, rows].to(ctx.dtype), keys[image].to(ctx.dtype)
            d_rows = part.to(ctx.dtype).T @ gradient[image, :, :regions]
            d_scores = _through_softmax(attention_rows(query, key, ctx.scale), d_rows, ctx.scale)
            d_queries[image, :, rows] = d_scores @ key
            d_keys[image] += d_scores.transpose(1, 2) @ query
        return d_queries, d_keys


def _is_large(queries: Tensor, keys: Tensor, membership: Membership) -> bool:
    """Whether chunks are faster than all at once."""
    batch, heads = queries.shape[:2]
    large = batch * heads * membership.weights.shape[2] * keys.shape[2] > attention_pooling.LARGE
    return queries.device.type == "cpu" and large


def _rows(queries: Tensor, keys: Tensor, scale: float) -> Tensor:
    """Rows of attention (batch * head, some query, key), by one product and one softmax."""
    return torch.baddbmm(queries.new_empty(()), queries, keys.transpose(1, 2), beta=0, alpha=scale).softmax(dim=-1)


def _through_softmax(rows: Tensor, d_rows: Tensor, scale: float) -> Tensor:
    """Gradient of the scores before the scale, from that of the rows of the softmax, which it overwrites."""
    weighted = d_rows.mul_(rows)
    return weighted.addcmul_(rows, weighted.sum(-1, keepdim=True), value=-1).mul_(scale)


def _chosen(queries: Tensor, places: Tensor | None, dtype: torch.dtype) -> Tensor:
    """The queries at these places, other ones in each image, (batch * head, some query, channel)."""
    if places is not None:
        queries = _rows_at(queries.transpose(1, 2), places).transpose(1, 2)
    return _flat(queries, dtype)


def _rows_at(tensor: Tensor, places: Tensor) -> Tensor:
    """Of (batch, row, ...) the rows at these places, other ones in each image, (batch, place, ...)."""
    chosen = tensor.flatten(0, 1).index_select(0, _numbers(places, tensor.shape[1]))
    return chosen.unflatten(0, places.shape)


def _numbers(places: Tensor, count: int) -> Tensor:
    """Numbers of places (batch, place) when the `count` rows of all images stand one after the other."""
    first = torch.arange(len(places), device=places.device) * count
    return (places + first[:, None]).flatten()


def _flat(tensor: Tensor, dtype: torch.dtype) -> Tensor:
    return tensor.to(dtype).flatten(0, 1)


def _for_heads(weights: Tensor, heads: int) -> Tensor:
    """The same weights for every head, (batch * head, some region, some query)."""
    return weights[:, None].expand(-1, heads, -1, -1).flatten(0, 1)


def _true_first(mask: Tensor) -> Tensor:
    """Numbers of the places (batch, some place) that are true, as many as any image has, then of others."""
    most = min(max(1, int(mask.sum(dim=1).max())), mask.shape[1])
    return mask.float().topk(most, dim=1).indices


def _chunks(membership: Membership, weights_per_query: int):
    """Of each chunk: the image, how many regions it shows, queries, and their weights (region, query)."""
    size = max(1, attention_pooling.CHUNK // weights_per_query)
    for image, (weights, present) in enumerate(zip(membership.weights, membership.present, strict=True)):
        regions = int(present.sum())
        weights = weights[:regions]
        for columns in weights.ne(0).any(dim=0).nonzero().squeeze(1).split(size):
            if len(columns):
                yield image, regions, membership.rows[image, columns], weights[:, columns]
