"""Pseudo-labels: where the annotator shows background, the teacher's prediction is used as label if it is certain.

Source: PLOP (Douillard et al., CVPR 2021, section 3.3), used unchanged by SATS. On every pixel that the annotator
labels background, the target is the teacher's most likely class if the teacher is certain, and IGNORE otherwise.
Certain means that the entropy is below a threshold of the predicted class: its median over the step's training images.
"""

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from satkit.data.labels import BACKGROUND, IGNORE
from satkit.models import SegmenterOutput
from satkit.models.classifier import most_likely
from satkit.scenario import Step
from satkit.strategies.contracts import Targets, one_of, positive

THRESHOLDS = ("median", "as_released", "none")
ENTROPIES = ("sum", "mean")
EXEMPLARS = ("kept", "as_released")
BINS = 4096
RELEASED_BINS = 100


@dataclass(frozen=True)
class EntropyPseudoLabels(Targets):
    """The teacher's predictions as targets, wherever it is certain.

    Attributes:
        floor: Smallest threshold, on the scale of `uncertainty`.
        threshold: "median" is the paper's median per predicted class; "as_released" repeats the arithmetic of the
            released PLOP and SATS code, whose running sum adds bin numbers instead of bin counts and so accepts
            nearly every pixel; "none" accepts every pixel.
        entropy: "sum" is the entropy of the paper, the sum of -p log p, divided by its largest possible value; "mean"
            is that of the released code, see `uncertainty`. With the threshold "median" it only changes the meaning of
            `floor`.
        exemplars: "kept" keeps the old classes that exemplars are labelled with; with "as_released" pseudo-labels
            replace these labels too, as in the released PLOP-M and SATS-M.
    """

    floor: float = 0.001
    threshold: str = "median"
    entropy: str = "sum"
    exemplars: str = "kept"

    needs_teacher: ClassVar[bool] = True

    def __post_init__(self):
        positive(self, "floor", self.floor)
        one_of("threshold of the pseudo-labels", self.threshold, THRESHOLDS)
        one_of("entropy of the pseudo-labels", self.entropy, ENTROPIES)
        one_of("treatment of exemplars", self.exemplars, EXEMPLARS)

    def fit(
        self,
        seen: Callable[[], Iterable[tuple[Tensor, Tensor]]],
        step: Step,
        summed: Callable[[Tensor], Tensor] = lambda counts: counts,
    ) -> dict[str, Tensor]:
        """The largest accepted uncertainty of each predicted class, {"thresholds": (old class,)}."""
        if self.threshold == "none":
            return {"thresholds": torch.full((step.num_old,), torch.inf)}
        if self.threshold == "median":
            released = step.num_old * math.log(step.num_outputs)
            top = 1.0 if self.entropy == "sum" else 1.0 / released  # no uncertainty is larger
            counts = summed(_histogram(seen(), step, self.entropy, BINS, top))
            medians = _medians(counts) * top / BINS
        else:
            medians = _released_medians(summed(_histogram(seen(), step, self.entropy, RELEASED_BINS, 1.0)))
        return {"thresholds": medians.clamp(min=self.floor)}

    def __call__(
        self,
        labels: Tensor,
        teacher: SegmenterOutput,
        step: Step,
        fitted: dict[str, Tensor],
        images: Tensor | None = None,
    ) -> Tensor:
        if self.threshold == "none":  # every prediction is taken
            guess = most_likely(teacher.logits).to(labels.dtype)
        else:
            score, predicted = uncertainty(teacher.logits, step, self.entropy)
            certain = score < fitted["thresholds"].to(score)[predicted]
            guess = torch.where(certain, predicted, IGNORE).to(labels.dtype)
        replaced = labels == BACKGROUND if self.exemplars == "kept" else labels < step.num_old
        return torch.where(replaced, guess, labels)


def uncertainty(teacher_logits: Tensor, step: Step, kind: str = "sum") -> tuple[Tensor, Tensor]:
    """Entropy on the scale that the threshold's floor refers to, and the predicted class, per pixel.

    Args:
        kind: "sum" gives the entropy divided by its largest possible value, in [0, 1]. "mean" gives what the released
            code computes: the *mean* of -p log p over classes, divided by the logarithm of the number of old channels
            and again by that of all channels, which is never above 1 / (old channels * log of all channels).
    """
    probabilities = teacher_logits.float().softmax(dim=1)
    score = entropy(probabilities)
    score = score * probabilities.shape[1] if kind == "sum" else score / math.log(step.num_outputs)
    return score, probabilities.max(dim=1)[1]


def entropy(probabilities: Tensor) -> Tensor:
    """Mean over classes of -p log p, divided by the logarithm of their number, (batch, height, width)."""
    per_class = -probabilities * (probabilities + 1e-8).log()
    return per_class.mean(dim=1) / math.log(probabilities.shape[1])


def _histogram(seen: Iterable[tuple[Tensor, Tensor]], step: Step, kind: str, bins: int, top: float) -> Tensor:
    counts = torch.zeros(step.num_old * bins, dtype=torch.int64)
    for labels, teacher_logits in seen:
        score, predicted = uncertainty(teacher_logits, step, kind)
        unlabelled = labels == BACKGROUND
        position = (score[unlabelled] / top * bins).long().clamp(0, bins - 1)
        flat = predicted[unlabelled] * bins + position
        counts += torch.bincount(flat, minlength=counts.numel()).to(counts.device)
    return counts.view(step.num_old, bins)


def _medians(counts: Tensor) -> Tensor:
    """Upper edge, in bins, of the bin that holds each row's median; 0 for an empty row."""
    total = counts.sum(dim=1, keepdim=True)
    reached = counts.cumsum(dim=1) * 2 >= total
    edges = reached.float().argmax(dim=1) + 1.0
    return torch.where(total.squeeze(1) > 0, edges, torch.zeros_like(edges))


def _released_medians(counts: Tensor) -> Tensor:
    """The released code's median; infinite or undefined where its arithmetic divides by an empty bin."""
    medians = torch.zeros(len(counts), dtype=torch.float64)
    for index, row in enumerate(counts.double()):
        half, running = row.sum() / 2, 0.0
        if half == 0:
            continue
        for number, count in enumerate(row):
            if running <= half <= running + count:
                break
            running += number  # the error of the released code: the bin's number instead of its count
        medians[index] = (number + (half - running) / row[number]) / len(row)
    return medians.float()
