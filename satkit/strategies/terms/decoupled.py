"""The terms of DKD: logits decomposed into positive and negative reasoning scores (Baek et al., NeurIPS 2022).

A logit is the sum of a part from positive weights (reasons for the class) and one from negative weights (reasons
against it); both are distilled. DKD has no background class. Channel 0 is its auxiliary classifier: it learns a low
score for every pixel, without changing the features, and new classes are initialised from it.
"""

from dataclasses import dataclass
from typing import ClassVar

import torch.nn.functional as F
from torch import Tensor

from satkit.models import SegmenterOutput
from satkit.models.upsampling import upsample
from satkit.strategies.contracts import LossInputs, Term, positive
from satkit.utils.errors import UsageError
from satkit.utils.precision import full_precision


def decomposed(output: SegmenterOutput) -> tuple[Tensor, Tensor]:
    """Reasons for and against each class, (batch, class, height, width) each, in float32.

    They add up to the logits without their biases.

    Raises:
        UsageError: For deep heads, whose logits are not a linear function of the embedding.
    """
    if output.weight is None:
        raise UsageError("DKD decomposes the logits of 1x1 classifiers; choose a head without deep=True.")
    parts = (output.weight.clamp(min=0), output.weight.clamp(max=0))
    return tuple(_logits(output.embedding, part, None, output) for part in parts)


@dataclass(frozen=True)
class DecoupledDistillation(Term):
    """Binary cross-entropy of the student's reasons for and against each old class with the teacher's.

    Summed over the old classes, without channel 0, and over the two kinds; mean over all pixels, void ones included.
    Source: Baek et al., NeurIPS 2022.
    """

    weight: float = 5.0

    name: ClassVar[str] = "decoupled distillation"
    needs_teacher: ClassVar[bool] = True

    def __post_init__(self):
        positive(self, "weight", self.weight)

    def __call__(self, inputs: LossInputs) -> Tensor:
        old, loss = inputs.step.num_old, 0.0
        for student, teacher in zip(decomposed(inputs.student), decomposed(inputs.teacher), strict=True):
            wanted = teacher[:, 1:old].detach().sigmoid()
            each = F.binary_cross_entropy_with_logits(student[:, 1:old], wanted, reduction="none")
            loss = loss + each.sum(dim=1).mean()
        return self.weight * loss

    def averaged_over(self, inputs: LossInputs) -> int:
        return len(inputs.labels)


@dataclass(frozen=True)
class AuxiliaryBackground(Term):
    """Channel 0 learns a low score for every pixel, without a gradient to the features.

    Mean over all pixels, void ones included. Source: Baek et al., NeurIPS 2022.
    """

    weight: float = 1.0

    name: ClassVar[str] = "auxiliary"

    def __post_init__(self):
        positive(self, "weight", self.weight)

    def __call__(self, inputs: LossInputs) -> Tensor:
        output = inputs.student
        if output.weight is None:
            raise UsageError("DKD's auxiliary classifier is a 1x1 classifier; choose a head without deep=True.")
        logits = _logits(output.embedding.detach(), output.weight[:1], output.bias[:1], output)
        return self.weight * F.softplus(logits).mean()  # binary cross-entropy with 0

    def averaged_over(self, inputs: LossInputs) -> int:
        return len(inputs.labels)


def _logits(embedding: Tensor, weight: Tensor, bias: Tensor | None, output: SegmenterOutput) -> Tensor:
    with full_precision(embedding):
        coarse = F.conv2d(embedding.float(), weight.float()[:, :, None, None], None if bias is None else bias.float())
        return upsample(coarse, output.logits.shape[-2:])
