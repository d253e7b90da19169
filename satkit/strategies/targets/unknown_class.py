"""The unknown class of SSUL: objects of no class learnt so far are labelled UNKNOWN."""

from dataclasses import dataclass, field
from typing import ClassVar

import torch
from torch import Tensor

from satkit.data.labels import BACKGROUND, UNKNOWN
from satkit.models import SegmenterOutput
from satkit.scenario import Step
from satkit.strategies.contracts import Targets
from satkit.strategies.targets.saliency import ContrastSaliency
from satkit.utils.errors import UsageError


@dataclass(frozen=True)
class UnknownAndPseudoLabels(Targets):
    """Salient background becomes UNKNOWN; where the teacher is certain of an old class, that class.

    The teacher is certain where the highest of all its sigmoids, those of background and unknown included, is an old
    class's and at least `threshold`. Source: SSUL (Cha et al., NeurIPS 2021).

    Attributes:
        saliency: From normalised images to bool maps, see `saliency`.
        threshold: Smallest sigmoid of a pseudo-label, in [0, 1]; 0.7 in the paper.
    """

    saliency: object = field(default_factory=ContrastSaliency)
    threshold: float = 0.7

    needs_teacher: ClassVar[bool] = True
    in_base_step: ClassVar[bool] = True
    makes_unknown: ClassVar[bool] = True

    def __post_init__(self):
        if not 0 <= self.threshold <= 1:
            raise UsageError(f"The threshold of a sigmoid must be between 0 and 1, got {self.threshold}.")

    def __call__(
        self, labels: Tensor, teacher: SegmenterOutput | None, step: Step, fitted: dict[str, Tensor], images: Tensor
    ) -> Tensor:
        unlabelled = labels == BACKGROUND
        targets = torch.where(unlabelled & self.saliency(images), UNKNOWN, labels.int())
        if teacher is not None:
            scores = torch.cat([teacher.logits, teacher.reserved], dim=1).float().sigmoid()
            certainty, guess = scores.max(dim=1)
            is_old = (guess > BACKGROUND) & (guess < step.num_old) & (certainty >= self.threshold)
            targets = torch.where(unlabelled & is_old, guess.int(), targets)
        return targets.to(labels.dtype)
