"""Distillation of the teacher's class probabilities."""

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from satkit.strategies.strategy import LossInputs, positive


@dataclass(frozen=True)
class UnbiasedDistillation:
    """MiB's distillation: the teacher's background is compared with the student's background *or* new classes.

    The teacher calls everything background that is not an old class, the new classes too. So with C_old the teacher's
    channels, p the teacher's softmax and q the student's,

        q'(background) = q(background) + sum of q(c) over new classes c,   q'(c) = q(c) for old classes c,
        loss = - mean over pixels of 1 / |C_old| * sum over C_old of p(c) log q'(c).

    Source: Cermelli et al., CVPR 2020, equation 9; the division by |C_old| is that of their released code.
    """

    weight: float = 20.0

    name: ClassVar[str] = "distillation"
    needs_teacher: ClassVar[bool] = True
    needs_attention: ClassVar[bool] = False

    def __post_init__(self):
        positive(self, "weight", self.weight)

    def __call__(self, inputs: LossInputs) -> Tensor:
        return self.weight * unbiased_distillation(inputs.student.logits, inputs.teacher.logits).mean()


def unbiased_distillation(student_logits: Tensor, teacher_logits: Tensor) -> Tensor:
    """The loss of every pixel, (batch, height, width).

    Args:
        student_logits: (batch, class, height, width), old channels first.
        teacher_logits: (batch, old class, height, width), background first.
    """
    student_logits, teacher_logits = student_logits.float(), teacher_logits.float()
    num_old = teacher_logits.shape[1]
    normaliser = student_logits.logsumexp(dim=1, keepdim=True)
    not_old = torch.cat([student_logits[:, :1], student_logits[:, num_old:]], dim=1)  # background and new classes
    background = not_old.logsumexp(dim=1, keepdim=True) - normaliser
    old = student_logits[:, 1:num_old] - normaliser
    log_student = torch.cat([background, old], dim=1)
    return -(teacher_logits.softmax(dim=1) * log_student).mean(dim=1)
