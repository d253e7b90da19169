"""Values that are infinite or undefined: named where they show up in a training, before anything is changed by them."""

import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import torch
from torch import Tensor, nn

LOWER = "Try a lower learning rate or a gradient clip."


class NonFiniteLoss(RuntimeError):
    """A class score, loss or gradient became infinite or undefined in a batch, by its number.

    Weights, optimiser and importance are those from before the batch.
    """

    exit_code = 1

    def __init__(self, message: str, batch: int):
        super().__init__(message)
        self.batch = batch


def check_losses(losses: Mapping[str, float], step: int, number: int) -> None:
    """Raise for the first loss that is not finite.

    Args:
        losses: Every term by name.
        step: Index of the step.
        number: Iterations done before.

    Raises:
        NonFiniteLoss: Naming the term.
    """
    terms_first = sorted(losses, key=lambda name: name == "total")
    bad = next((name for name in terms_first if not math.isfinite(losses[name])), None)
    if bad:
        raise NonFiniteLoss(
            f"The loss must be finite, but {bad!r} is {losses[bad]} at step {step}, iteration {number + 1} "
            f"({_shown(losses)}). No parameter was updated. {LOWER}",
            number,
        )


def check_scores(finite: Mapping[str, object], losses: Mapping[str, float], step: int, number: int) -> None:
    """Raise for a model whose class scores are not all finite, although every loss may be.

    Args:
        finite: Whether all scores of a model are finite, by its name.
        losses, step, number: As in `check_losses`.

    Raises:
        NonFiniteLoss: Naming the model.
    """
    bad = next((name for name, sound in finite.items() if not sound), None)
    if bad:
        raise NonFiniteLoss(
            f"The class scores of the {bad} must be finite, but some are not at step {step}, iteration {number + 1} "
            f"({_shown(losses)}). No parameter was updated. {LOWER}",
            number,
        )


def check_gradient(norm: float, step: int, number: int) -> None:
    """Raise for a gradient whose norm is not finite, although every loss is; step, number: as in `check_losses`.

    Raises:
        NonFiniteLoss: With the norm.
    """
    if not math.isfinite(norm):
        raise NonFiniteLoss(
            f"The gradient must be finite, but its norm is {norm} at step {step}, iteration {number + 1}, "
            "although every loss term was finite. No parameter was updated. Try a lower learning rate.",
            number,
        )


def gradient_norm(module: nn.Module) -> Tensor:
    """The norm of the gradient of all parameters."""
    gradients = [parameter.grad for parameter in module.parameters() if parameter.grad is not None]
    return torch.nn.utils.get_total_norm(gradients, foreach=True)


def as_numbers(*groups: Mapping[str, Tensor]) -> list[dict[str, float]]:
    """Scalars of several groups by name as plain numbers; a GPU is waited for once, and not for each of them."""
    found = iter(torch.stack([value.detach().float() for group in groups for value in group.values()]).tolist())
    return [{name: next(found) for name in group} for group in groups]


@contextmanager
def unchanged_unless_finite(student: nn.Module, images: Tensor) -> Iterator[None]:
    """Where the block raises `NonFiniteLoss`, put the student's buffers back, which its forward pass has changed.

    Batch normalisation takes the mean of what it sees, so one undefined pixel would stay in it for good.

    Args:
        images: What the student sees in the block; if they are not finite, the error says so.
    """
    before = [buffer.clone() for buffer in student.buffers()]
    try:
        yield
    except NonFiniteLoss as error:
        with torch.no_grad():
            for buffer, value in zip(student.buffers(), before, strict=True):
                buffer.copy_(value)
        if not images.isfinite().all():
            said = f"The images must hold finite numbers, but those of this batch do not. {error}"
            raise NonFiniteLoss(said, error.batch) from error
        raise


def _shown(losses: Mapping[str, float]) -> str:
    return ", ".join(f"{name} = {value:.4g}" for name, value in losses.items())
