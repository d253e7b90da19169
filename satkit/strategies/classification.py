"""Cross-entropy on targets, with the reductions that the field uses spelt out."""

from dataclasses import dataclass
from typing import ClassVar

import torch.nn.functional as F
from torch import Tensor

from satkit.choices import unknown
from satkit.data.labels import IGNORE
from satkit.strategies.strategy import LossInputs, positive

OVER = ("all", "valid")


@dataclass(frozen=True)
class CrossEntropy:
    """Cross-entropy of the student's softmax against the targets.

    Attributes:
        weight: Factor of the term.
        over: "all" divides the sum over valid pixels by the number of all pixels, ignored ones included, as the
            MiB, PLOP and SATS code does; "valid" divides by the number of pixels that are not IGNORE.
    """

    weight: float = 1.0
    over: str = "all"

    name: ClassVar[str] = "cross-entropy"
    needs_teacher: ClassVar[bool] = False
    needs_attention: ClassVar[bool] = False

    def __post_init__(self):
        positive(self, "weight", self.weight)
        if self.over not in OVER:
            raise unknown("reduction of the cross-entropy", self.over, OVER)

    def __call__(self, inputs: LossInputs) -> Tensor:
        targets = inputs.targets.long()
        total = F.cross_entropy(inputs.student.logits.float(), targets, ignore_index=IGNORE, reduction="sum")
        if self.over == "all":
            return self.weight * total / targets.numel()
        return self.weight * total / (targets != IGNORE).sum().clamp(min=1)
