"""The loss of a batch whose images are divided among several processes: what each of them computes of it.

Most terms are means, over images or pixels. Each process computes such a term on its own images, and it counts by its
share of what the mean is over, see `Term.averaged_over`. A term that is no such mean, a distance of class prototypes
for example, is computed by all processes, on the outputs of the whole batch. What the processes compute adds up to the
loss of the whole batch, and so do their gradients.
"""

from collections.abc import Callable
from dataclasses import replace

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from satkit.strategies.contracts import LossInputs, Term, averaged_over
from satkit.utils import processes


def own_share(inputs: LossInputs) -> Callable[[Term], Tensor]:
    """How a process computes a term from its part of a batch; alone, it just calls the term."""
    if processes.count() == 1:
        return lambda term: term(inputs)
    sizes = processes.sizes(len(inputs.labels))
    gathered: list[LossInputs] = []

    def share(term: Term) -> Tensor:
        over = averaged_over(term, inputs)
        if over is None:
            gathered[:] = gathered or [whole(inputs, sizes)]
            return term(gathered[0]) / len(sizes)
        if isinstance(over, Tensor):
            return term(inputs) * over / processes.reduced(over.clone()).clamp(min=1)
        return term(inputs) * (len(inputs.labels) / sum(sizes))

    return share


def whole(inputs: LossInputs, sizes: list[int]) -> LossInputs:
    """The inputs of the whole batch, with a gradient to the outputs of this process only.

    Args:
        sizes: Images of each process.
    """

    def gathered(tensor: Tensor) -> Tensor:
        return _Gather.apply(tensor, sizes)

    models = {name: getattr(inputs, name) for name in ("student", "teacher")}
    models = {name: output and output.over_images(gathered) for name, output in models.items()}
    labels, targets = (processes.gathered(maps, sizes) for maps in (inputs.labels, inputs.targets))
    return replace(inputs, labels=labels, targets=targets, **models)


class _Gather(torch.autograd.Function):
    """The images of all processes; each of them computes the same loss and divides it by their number."""

    @staticmethod
    def forward(ctx, tensor, sizes):
        first = sum(sizes[: processes.number()])
        ctx.own, ctx.count = slice(first, first + len(tensor)), len(sizes)
        return processes.gathered(tensor, sizes)

    @staticmethod
    @once_differentiable
    def backward(ctx, gradient):
        return gradient[ctx.own] * ctx.count, None


def added_up(
    student: nn.Module, losses: dict[str, Tensor], finite: dict[str, Tensor]
) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """Losses of all processes added up, and whether what is finite is so in all; so are the student's gradients."""
    if processes.count() == 1:
        return losses, finite
    gradients = [parameter.grad for parameter in student.parameters() if parameter.grad is not None]
    numbers = [loss.detach() for loss in losses.values()] + [~sound for sound in finite.values()]
    together = torch.cat([each.flatten() for each in gradients] + [each.float().view(1) for each in numbers])
    parts = processes.reduced(together).split([*(each.numel() for each in gradients), len(losses), len(finite)])
    for gradient, total in zip(gradients, parts, strict=False):
        gradient.copy_(total.view_as(gradient))
    return dict(zip(losses, parts[-2], strict=True)), dict(zip(finite, parts[-1] == 0, strict=True))
