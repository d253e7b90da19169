"""Freezing: parts of the network that are not trained after the base step, or only slowly."""

from dataclasses import dataclass
from typing import ClassVar

from torch import nn

from satkit.models import Segmenter
from satkit.strategies.contracts import Part, positive


@dataclass(frozen=True)
class Freezing(Part):
    """Parts of the network that keep their weights, and the statistics of their batch norms.

    SSUL (Cha et al., NeurIPS 2021) freezes everything but the newest head and the head of the unknown class, and trains
    the head of background with a very small learning rate; DFT* (arXiv 2508.04267) trains the newest classifier only.

    Attributes:
        backbone: Freeze the backbone.
        decoder: Freeze the decoder.
        old_classifiers: Freeze the classifiers of earlier steps.
        background_lr: Factor of the learning rate for background's own head (see `Head.background_apart`), if the old
            classifiers are frozen; 0 freezes it too.
        backbone_lr: Factor of the learning rate for the backbone: the plainest way to change old features less.
    """

    backbone: bool = False
    decoder: bool = False
    old_classifiers: bool = False
    background_lr: float = 0.0
    backbone_lr: float = 1.0

    role: ClassVar[str] = "freezing"

    def __post_init__(self):
        positive(self, "background_lr", self.background_lr)
        positive(self, "backbone_lr", self.backbone_lr)

    def __call__(self, student: Segmenter) -> None:
        """Freeze parts of a student that has grown by the step's classes; all other parts become trainable."""
        student.requires_grad_(True)
        for part in self.frozen(student):
            part.requires_grad_(False)

    def frozen(self, student: Segmenter) -> list[nn.Module]:
        """The modules that are not trained."""
        parts: list[nn.Module] = [student.backbone] if self.backbone else []
        parts += [student.decoder] if self.decoder else []
        if self.old_classifiers:
            parts += student.classifier.steps[1 if self.background_lr else 0 : -1]
        return parts

    def rates(self, student: Segmenter) -> list[tuple[nn.Module, float]]:
        """The modules with another learning rate, and the factor of that rate."""
        found = [(student.backbone, self.backbone_lr)] if self.backbone_lr != 1.0 else []
        if self.old_classifiers and self.background_lr and len(student.classifier.steps) > 1:
            found.append((student.classifier.steps[0], self.background_lr))
        return found
