"""Weight fusion: after a step, student and teacher are averaged into one model."""

import math
from dataclasses import dataclass
from typing import ClassVar

import torch

from satkit.models import Segmenter
from satkit.scenario import Step
from satkit.strategies.contracts import Part
from satkit.utils.errors import UsageError


@dataclass(frozen=True)
class WeightFusion(Part):
    """Every weight that both models have becomes (1 - a) teacher + a student, at the end of a step.

    a is sqrt(new / (new + old)), with the numbers of new and old classes: with more new classes the student counts
    more. Channels of new classes stay as they are. Source: EWF (Xiao et al., CVPR 2023).

    Attributes:
        share: a itself, in [0, 1]; None for the formula.
    """

    share: float | None = None

    role: ClassVar[str] = "fusion"

    def __post_init__(self):
        if self.share is not None and not 0 <= self.share <= 1:
            raise UsageError(f"WeightFusion needs a share between 0 and 1, or None for the formula, got {self.share}.")

    def alpha(self, step: Step) -> float:
        """The student's share."""
        return math.sqrt(len(step.new) / len(step.seen)) if self.share is None else self.share

    @torch.no_grad()
    def __call__(self, student: Segmenter, teacher: Segmenter, step: Step) -> None:
        """Average the weights into the student, in place."""
        before, share = teacher.state_dict(), self.alpha(step)
        for name, value in student.state_dict().items():
            there = name in before and before[name].shape == value.shape
            if there and value.is_floating_point():
                value.copy_(before[name].to(value.device).lerp(value, share))
