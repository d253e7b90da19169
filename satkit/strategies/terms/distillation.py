"""Terms that distil the teacher's class scores."""

import math
from dataclasses import dataclass
from typing import ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor

from satkit.strategies.contracts import LossInputs, Term, one_of, positive
from satkit.strategies.terms.closed_form import unbiased_distillation_sum
from satkit.utils.errors import UsageError

OVER_CLASSES = ("mean", "sum")
CHANNELS = ("all", "foreground")


@dataclass(frozen=True)
class Distillation(Term):
    """Cross-entropy of the student's old channels against the teacher's softmax.

    The student's logits are cut to the teacher's channels before the softmax, so new classes do not change it.
    Source: LwF (Li and Hoiem, ECCV 2016), which uses the temperature 2 and the sum over classes; temperature 1, the
    mean over classes and the weight 100 are those of MiB's code. No factor of the squared temperature is applied.

    Attributes:
        weight: Factor of the term.
        temperature: Both sides' logits are divided by it; above 0.
        over_classes: "mean" or "sum".
    """

    weight: float = 100.0
    temperature: float = 1.0
    over_classes: str = "mean"

    name: ClassVar[str] = "distillation"
    needs_teacher: ClassVar[bool] = True

    def __post_init__(self):
        positive(self, "weight", self.weight)
        if not self.temperature > 0:
            raise UsageError(f"The temperature of the distillation must be above 0, got {self.temperature}.")
        one_of("reduction over classes", self.over_classes, OVER_CLASSES)

    def __call__(self, inputs: LossInputs) -> Tensor:
        teacher = inputs.teacher.logits.detach().float() / self.temperature
        student = inputs.student.logits[:, : teacher.shape[1]].float() / self.temperature
        per_class = -teacher.softmax(dim=1) * student.log_softmax(dim=1)
        return self.weight * _over_classes(per_class, self.over_classes).mean()

    def averaged_over(self, inputs: LossInputs) -> int:
        return len(inputs.labels)


@dataclass(frozen=True)
class UnbiasedDistillation(Term):
    """MiB's distillation: the teacher's background is compared with the student's background *or* new classes.

    The teacher predicts background for all that is not an old class, the new classes too. So with C_old the teacher's
    channels, p the teacher's softmax and q the student's,

        q'(background) = q(background) + sum of q(c) over new classes c,   q'(c) = q(c) for old classes c,
        loss = - mean over pixels of 1 / |C_old| * sum over C_old of p(c) log q'(c).

    Source: Cermelli et al., CVPR 2020, equation 9; the division by |C_old| is that of their released code.

    Attributes:
        weight: Factor of the term.
        over_classes: "mean" divides by |C_old|, as released and as the published weights assume; "sum" does not.
        sharpness: Factor of the teacher's logits.
    """

    weight: float = 20.0
    over_classes: str = "mean"
    sharpness: float = 1.0

    name: ClassVar[str] = "distillation"
    needs_teacher: ClassVar[bool] = True

    def __post_init__(self):
        positive(self, "weight", self.weight)
        positive(self, "sharpness", self.sharpness)
        one_of("reduction over classes", self.over_classes, OVER_CLASSES)

    def __call__(self, inputs: LossInputs) -> Tensor:
        if self.sharpness != 1:
            teacher = self.sharpness * inputs.teacher.logits.detach().float()
            return self.weight * unbiased_distillation(inputs.student.logits, teacher, self.over_classes).mean()
        images, num_old, *size = inputs.teacher.logits.shape
        terms = images * math.prod(size) * (num_old if self.over_classes == "mean" else 1)
        return self.weight * unbiased_distillation_sum(inputs.student, inputs.teacher) / terms

    def averaged_over(self, inputs: LossInputs) -> int:
        return len(inputs.labels)


@dataclass(frozen=True)
class SigmoidDistillation(Term):
    """Binary cross-entropy of the student's old channels against the teacher's sigmoids.

    Summed over channels, mean over all pixels, void ones included. Source: iCaRL's loss as MiB's code has it for
    LwF-MC (weight 10, all channels); the distillation of DKD (weight 5, without channel 0).

    Attributes:
        weight: Factor of the term.
        channels: "all" old channels, or "foreground", all but channel 0.
    """

    weight: float = 10.0
    channels: str = "all"

    name: ClassVar[str] = "distillation"
    needs_teacher: ClassVar[bool] = True

    def __post_init__(self):
        positive(self, "weight", self.weight)
        one_of("selection of channels", self.channels, CHANNELS)

    def __call__(self, inputs: LossInputs) -> Tensor:
        first, end = int(self.channels == "foreground"), inputs.teacher.logits.shape[1]
        teacher = inputs.teacher.logits[:, first:end].detach().float().sigmoid()
        student = inputs.student.logits[:, first:end].float()
        loss = F.binary_cross_entropy_with_logits(student, teacher, reduction="none")
        return self.weight * loss.sum(dim=1).mean()

    def averaged_over(self, inputs: LossInputs) -> int:
        return len(inputs.labels)


def unbiased_distillation(student_logits: Tensor, teacher_logits: Tensor, over_classes: str = "mean") -> Tensor:
    """The loss of every pixel, (batch, height, width).

    Args:
        student_logits: (batch, class, height, width), old channels first.
        teacher_logits: (batch, old class, height, width), background first.
        over_classes: "mean" or "sum".
    """
    student_logits, teacher_logits = student_logits.float(), teacher_logits.float()
    num_old = teacher_logits.shape[1]
    normaliser = student_logits.logsumexp(dim=1, keepdim=True)
    not_old = torch.cat([student_logits[:, :1], student_logits[:, num_old:]], dim=1)  # background and new classes
    background = not_old.logsumexp(dim=1, keepdim=True) - normaliser
    old = student_logits[:, 1:num_old] - normaliser
    log_student = torch.cat([background, old], dim=1)
    return -_over_classes(teacher_logits.softmax(dim=1) * log_student, over_classes)


def _over_classes(per_class: Tensor, how: str) -> Tensor:
    return per_class.mean(dim=1) if how == "mean" else per_class.sum(dim=1)
