"""The cross-entropies and unbiased distillation with their gradients in closed form, for speed.

A class score is an array of (batch, class, height, width), the largest of a step, and every pass over it costs time.
The plain forms beside the terms (`unbiased_distillation`, `unbiased_cross_entropy`, torch's `cross_entropy`) make many:
each its own softmax, and backward one pass for every operation. Here all terms share one softmax of an output
(`softmax_of`), and each gradient is written down. With z the student's logits, q their softmax, p the teacher's
softmax and t the target of a pixel, the gradients of a pixel's loss with respect to z are

    cross-entropy                   q - onehot(t)
    MiB's, for a background pixel   q - r,    r(c) = q(c) / sum of q over background and old classes; 0 for new ones
    unbiased distillation           q - p',   p'(c) = p(c) for old classes c, and p(background) for background and new
                                              classes together, divided among them in proportion to q

The last is before the division by the number of old classes; it holds because p sums to 1. Every function equals its
plain form in value and gradient, which the tests hold to 1e-5 in float32 and 1e-10 in float64.
"""

from typing import Protocol

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.autograd.function import once_differentiable

from satkit.data.labels import BACKGROUND, IGNORE
from satkit.utils.precision import full_precision


class Scores(Protocol):
    """What has logits, such as `SegmenterOutput`."""

    logits: Tensor


def softmax_of(output: Scores) -> tuple[Tensor, Tensor]:
    """Logarithm of the softmax of an output's logits, and the softmax, in float32 (float64 stays), without gradient.

    They are computed when they are first asked for and kept with the output.
    """
    if "_softmax" not in vars(output):
        logits = output.logits.detach()
        log_q = logits.to(torch.promote_types(logits.dtype, torch.float32)).log_softmax(dim=1)
        vars(output)["_softmax"] = log_q, log_q.exp()
    return vars(output)["_softmax"]


def cross_entropy_sum(output: Scores, targets: Tensor) -> Tensor:
    """Cross-entropy of the softmax against the targets, summed over the pixels that are not IGNORE.

    Args:
        targets: int64 (batch, height, width).
    """
    return _CrossEntropy.apply(output.logits, *softmax_of(output), targets)


def unbiased_cross_entropy_sum(output: Scores, targets: Tensor, num_old: int) -> Tensor:
    """MiB's cross-entropy, see `unbiased_cross_entropy`, summed over the pixels that are not IGNORE.

    Args:
        targets: int64 (batch, height, width).
        num_old: Channels of background and old classes, at least 1.
    """
    return _UnbiasedCrossEntropy.apply(output.logits, *softmax_of(output), targets, num_old)


def unbiased_distillation_sum(student: Scores, teacher: Scores) -> Tensor:
    """MiB's distillation, see `unbiased_distillation`, summed over pixels and old classes."""
    return _UnbiasedDistillation.apply(student.logits, *softmax_of(student), softmax_of(teacher)[1])


class _CrossEntropy(torch.autograd.Function):
    @staticmethod
    def forward(ctx, logits, log_q, q, targets):
        ctx.save_for_backward(q, targets)
        ctx.dtype = logits.dtype
        return F.nll_loss(log_q, targets, ignore_index=IGNORE, reduction="sum")

    @staticmethod
    @once_differentiable
    def backward(ctx, gradient):
        q, targets = ctx.saved_tensors
        return _q_minus_target(q, targets, gradient).to(ctx.dtype), None, None, None


class _UnbiasedCrossEntropy(torch.autograd.Function):
    @staticmethod
    def forward(ctx, logits, log_q, q, targets, num_old):
        background = log_q[:, :num_old].logsumexp(dim=1, keepdim=True)
        ctx.save_for_backward(log_q, q, targets, background)
        ctx.dtype, ctx.num_old = logits.dtype, num_old
        is_background = targets == BACKGROUND
        others = F.nll_loss(log_q, targets.where(~is_background, IGNORE), ignore_index=IGNORE, reduction="sum")
        return others - (background.squeeze(1) * is_background).sum()

    @staticmethod
    @once_differentiable
    def backward(ctx, gradient):
        log_q, q, targets, background = ctx.saved_tensors
        is_background = targets == BACKGROUND
        found = _q_minus_target(q, targets, gradient, onehot=~is_background)
        share = (log_q[:, : ctx.num_old] - background).exp_()
        found[:, : ctx.num_old] -= share.mul_((gradient * is_background)[:, None])
        return found.to(ctx.dtype), None, None, None, None


class _UnbiasedDistillation(torch.autograd.Function):
    @staticmethod
    def forward(ctx, logits, log_q, q, p):
        num_old = p.shape[1]
        log_not_old = torch.cat([log_q[:, :1], log_q[:, num_old:]], dim=1)  # background and new classes
        background = log_not_old.logsumexp(dim=1, keepdim=True)
        ctx.save_for_backward(q, p, log_not_old, background)
        ctx.dtype = logits.dtype
        return -(_inner(p[:, :1], background) + _inner(p[:, 1:], log_q[:, 1:num_old]))

    @staticmethod
    @once_differentiable
    def backward(ctx, gradient):
        q, p, log_not_old, background = ctx.saved_tensors
        num_old = p.shape[1]
        share = (log_not_old - background).exp_().mul_(p[:, :1]).mul_(gradient)  # of p(background)
        found = q * gradient
        found[:, 1:num_old] -= p[:, 1:] * gradient
        found[:, :1] -= share[:, :1]
        found[:, num_old:] -= share[:, 1:]
        return found.to(ctx.dtype), None, None, None


def _q_minus_target(q: Tensor, targets: Tensor, gradient: Tensor, onehot: Tensor | None = None) -> Tensor:
    """gradient * (q - onehot(target)) where the target is not IGNORE, else 0.

    Args:
        onehot: Pixels (batch, height, width) of which the one-hot part is taken; all of them if None.
    """
    factor = gradient * (targets != IGNORE)
    found = q * factor[:, None]
    index = targets.where(targets != IGNORE, 0)
    return found.scatter_add_(1, index[:, None], -(factor if onehot is None else factor * onehot)[:, None])


def _inner(first: Tensor, second: Tensor) -> Tensor:
    """Sum of the products of all elements of two (batch, class, height, width), without keeping the products."""
    rows = [each.flatten(1) for each in (first, second)]
    with full_precision(first):
        return torch.bmm(rows[0][:, None], rows[1][:, :, None]).sum()
