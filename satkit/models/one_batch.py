"""A batch whose images are divided among several processes, seen by the network as one process sees all of it.

Two kinds of functions look at more than one image, or draw random numbers for all of them: batch normalisation, and
dropout with drop-path. Normalisation takes its statistics over the whole batch. Dropout draws for the whole batch in
every process, which takes its own part; so the random generators of all processes stay those of one.
"""

from contextlib import AbstractContextManager, nullcontext
from contextvars import ContextVar

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.overrides import TorchFunctionMode

from satkit.utils import processes


def as_one_batch(images: Tensor) -> AbstractContextManager:
    """Inside the block a model in training sees these images of this process as its part of a whole batch."""
    if processes.count() == 1:
        return nullcontext()
    return OneBatch(processes.sizes(len(images)))


def entered_again() -> AbstractContextManager:
    """The block of `as_one_batch` that this is called in, for computing the same once more after it has ended."""
    return _entered.get() or nullcontext()


class OneBatch(TorchFunctionMode):
    """Gives functions that look at more than one image, or draw for them, the whole batch.

    Args:
        sizes: Images of each process.
    """

    def __init__(self, sizes: list[int]):
        super().__init__()
        self.sizes = sizes

    def __enter__(self) -> "OneBatch":
        _entered.set(self)
        return super().__enter__()

    def __exit__(self, *error) -> None:
        _entered.set(None)
        super().__exit__(*error)

    @property
    def own(self) -> slice:
        """This process's images in the whole batch."""
        return slice(sum(self.sizes[: processes.number()]), sum(self.sizes[: processes.number() + 1]))

    def __torch_function__(self, function, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        if function is F.batch_norm:
            return batch_norm(self, *args, **kwargs)
        if function in (F.dropout, F.dropout2d):
            return dropout(self, function, *args, **kwargs)
        if function is Tensor.bernoulli_:  # drop-path
            return args[0].copy_(self.drawn(*args, **kwargs))
        return function(*args, **kwargs)

    def drawn(self, like: Tensor, *chance, **options) -> Tensor:
        """This process's part of what one process draws for the whole batch; an image may have several rows.

        What has no rows for each image is the same for all of them, and drawn alike by all processes.
        """
        own, (rows, left) = self.own, divmod(len(like), self.sizes[processes.number()])
        if left:
            return like.bernoulli_(*chance, **options)
        whole = like.new_empty((rows * sum(self.sizes), *like.shape[1:])).bernoulli_(*chance, **options)
        return whole[rows * own.start : rows * own.stop]


_entered: ContextVar[OneBatch | None] = ContextVar("entered", default=None)  # of each thread


def dropout(batch: OneBatch, function, images, p=0.5, training=True, inplace=False) -> Tensor:
    """`F.dropout` and `F.dropout2d`, which drops whole channels."""
    if p == 0 or not training:
        return function(images, p, training, inplace)
    mask = images if function is F.dropout else images[:, :, *[slice(1)] * (images.ndim - 2)]
    return images * batch.drawn(torch.empty_like(mask), 1 - p).div_(1 - p)


def batch_norm(
    batch: OneBatch, images, mean, variance, weight=None, bias=None, training=False, momentum=0.1, eps=1e-5
) -> Tensor:
    """`F.batch_norm` with statistics over the whole batch."""
    if not training:
        return F.batch_norm(images, mean, variance, weight, bias, training, momentum, eps)
    values = images.to(torch.promote_types(images.dtype, torch.float32))
    normed, *found = _Normalise.apply(values, weight, bias, batch.sizes, eps)
    if mean is not None:
        size = images[0, 0].numel() * sum(batch.sizes)
        with torch.no_grad():
            mean.lerp_(found[0].to(mean.dtype), momentum)
            variance.lerp_((found[1] * (size / (size - 1))).to(variance.dtype), momentum)
    return normed.to(images.dtype)


class _Normalise(torch.autograd.Function):
    """Batch normalisation with statistics over the whole batch; and these, mean and variance by channel."""

    @staticmethod
    def forward(ctx, values, weight, bias, sizes, eps):
        dims = (0, *range(2, values.ndim))  # all but the channels
        centre = values.mean(dims, keepdim=True)
        own = torch.stack([centre.flatten(), (values - centre).square_().mean(dims)])
        means, variances = processes.gathered(own[None], [1] * len(sizes)).unbind(dim=1)  # (process, channel)
        share = values.new_tensor(sizes)[:, None] / sum(sizes)
        mean = (share * means).sum(dim=0)
        variance = (share * (variances + (means - mean).square())).sum(dim=0)
        ctx.save_for_backward(values, weight, mean, variance)
        ctx.eps, ctx.dims, ctx.size = eps, dims, values[0, 0].numel() * sum(sizes)
        ctx.mark_non_differentiable(mean, variance)
        return F.batch_norm(values, mean, variance, weight, bias, eps=eps), mean, variance

    @staticmethod
    @once_differentiable
    def backward(ctx, gradient, *_):
        values, weight, mean, variance = ctx.saved_tensors
        normed = F.batch_norm(values, mean, variance, eps=ctx.eps)
        d_bias, d_weight = own = torch.stack([gradient.sum(ctx.dims), (gradient * normed).sum(ctx.dims)])
        inverse, (first, second) = (variance + ctx.eps).rsqrt(), processes.reduced(own.clone()) / ctx.size
        inverse, first, second = (each.view(-1, *[1] * (values.ndim - 2)) for each in (inverse, first, second))
        d_values = normed.mul_(second).add_(first).sub_(gradient).mul_(-inverse)
        if weight is not None:
            d_values.mul_(weight.view_as(inverse))
        _, for_weight, for_bias, *_ = ctx.needs_input_grad
        return d_values, d_weight if for_weight else None, d_bias if for_bias else None, None, None
