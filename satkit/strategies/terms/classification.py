"""Terms that learn the targets: cross-entropies, with the reductions of the published code."""

from dataclasses import dataclass
from typing import ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor

from satkit.data.labels import BACKGROUND, IGNORE, UNKNOWN
from satkit.models import SegmenterOutput
from satkit.strategies.contracts import LossInputs, Term, one_of, positive
from satkit.strategies.terms.attention_transfer import resize_labels
from satkit.strategies.terms.closed_form import cross_entropy_sum, unbiased_cross_entropy_sum

OVER = ("all", "valid")
REDUCTION = "reduction of the cross-entropy"  # what OVER is, for a message
OLD_LABELS = ("kept", "pooled")
ONLY = ("all", "new")
VOID = ("ignored", "negative")


@dataclass(frozen=True)
class CrossEntropy(Term):
    """Cross-entropy of the student's softmax against the targets.

    Attributes:
        weight: Factor of the term.
        over: "all" divides the sum over valid pixels by the number of all pixels, ignored ones included, as the
            MiB, PLOP and SATS code does; "valid" divides by the number of pixels that are not IGNORE.
        adaptive: PLOP's adaptive factor: each image counts by the share of its unlabelled pixels whose pseudo-label
            was accepted (Douillard et al., CVPR 2021). As released, an image without unlabelled pixels counts 0: a
            fully labelled image is not learnt from.

    Reserved channels, see `Head`, are part of the softmax.

    Raises:
        ValueError: When called with UNKNOWN in the targets.
    """

    weight: float = 1.0
    over: str = "all"
    adaptive: bool = False

    name: ClassVar[str] = "cross-entropy"
    classifies: ClassVar[bool] = True

    def __post_init__(self):
        positive(self, "weight", self.weight)
        one_of(REDUCTION, self.over, OVER)

    @property
    def needs_new_classes(self) -> bool:
        """Whether pixels of old classes add nothing to the loss, so that a step without new classes learns nothing."""
        return self.adaptive

    def __call__(self, inputs: LossInputs) -> Tensor:
        refuse_unknown(self, inputs.targets)
        targets = inputs.targets.long()
        if not self.adaptive and inputs.student.reserved is None:
            return self.weight * mean_of(cross_entropy_sum(inputs.student, targets), targets, self.over)
        logits = all_channels(inputs.student).float()
        loss = F.cross_entropy(logits, targets, ignore_index=IGNORE, reduction="none").sum(dim=(1, 2))
        if self.adaptive:
            loss = loss * adaptive_factor(inputs)
        return self.weight * mean_of(loss.sum(), targets, self.over)

    def averaged_over(self, inputs: LossInputs) -> int | Tensor:
        return counted(inputs.targets, self.over)


@dataclass(frozen=True)
class CoarseCrossEntropy(Term):
    """Cross-entropy of the logits before upsampling, against the label at the centre of each of their cells.

    It costs a fraction of `CrossEntropy` where there are many classes; it is for pretraining, and knows no targets.

    Attributes:
        weight: Factor of the term.
    """

    weight: float = 1.0

    name: ClassVar[str] = "cross-entropy"
    classifies: ClassVar[bool] = True

    def __post_init__(self):
        positive(self, "weight", self.weight)

    def __call__(self, inputs: LossInputs) -> Tensor:
        logits = inputs.student.coarse.float()
        labels = resize_labels(inputs.labels, logits.shape[-2:]).long()
        total = F.cross_entropy(logits, labels, ignore_index=IGNORE, reduction="sum")
        return self.weight * total / labels.numel()

    def averaged_over(self, inputs: LossInputs) -> int:
        return len(inputs.labels)


@dataclass(frozen=True)
class UnbiasedCrossEntropy(Term):
    """MiB's cross-entropy: background in the labels means background *or* an old class.

    With p the student's softmax over all channels: p(background) becomes p(background) + sum of p(c) over old classes
    c. In the base step it is the plain cross-entropy. Source: Cermelli et al., CVPR 2020.

    Attributes:
        weight: Factor of the term.
        over: As in `CrossEntropy`.
        old_labels: How pixels labelled with an old class, from exemplars or pseudo-labels, are used: "kept"
            learns them as that class; "pooled" makes them background first, as the released code does.

    Raises:
        ValueError: When called with UNKNOWN in the targets.
    """

    weight: float = 1.0
    over: str = "all"
    old_labels: str = "kept"

    name: ClassVar[str] = "cross-entropy"
    classifies: ClassVar[bool] = True

    def __post_init__(self):
        positive(self, "weight", self.weight)
        one_of(REDUCTION, self.over, OVER)
        one_of("treatment of old labels", self.old_labels, OLD_LABELS)

    @property
    def needs_new_classes(self) -> bool:
        """Whether pixels of old classes add nothing to the loss, so that a step without new classes learns nothing."""
        return self.old_labels == "pooled"

    def __call__(self, inputs: LossInputs) -> Tensor:
        refuse_unknown(self, inputs.targets)
        targets, num_old = inputs.targets.long(), inputs.step.num_old
        if self.old_labels == "pooled":
            targets = torch.where(targets < num_old, BACKGROUND, targets)
        if num_old:
            total = unbiased_cross_entropy_sum(inputs.student, targets, num_old)
        else:
            total = cross_entropy_sum(inputs.student, targets)
        return self.weight * mean_of(total, targets, self.over)

    def averaged_over(self, inputs: LossInputs) -> int | Tensor:
        return counted(inputs.targets, self.over)


@dataclass(frozen=True)
class BinaryCrossEntropy(Term):
    """One sigmoid per channel against one-hot targets, summed over channels.

    Reserved channels, see `Head`, are included; an UNKNOWN pixel is a positive of the last of them.

    Attributes:
        weight: Factor of the term.
        over: As in `CrossEntropy`; SSUL divides by the valid pixels.
        only: "all" channels, or those of the step's "new" classes alone (DKD).
        void: "ignored": IGNORE pixels add nothing. "negative": they are negatives of every class (DKD), and the mean is
            over all pixels, whatever `over` is.
        positive_weight: Factor of the positives.

    Raises:
        ValueError: When called with UNKNOWN in the targets, but without a reserved channel to learn it.
    """

    weight: float = 1.0
    over: str = "all"
    only: str = "all"
    void: str = "ignored"
    positive_weight: float = 1.0

    name: ClassVar[str] = "binary cross-entropy"
    classifies: ClassVar[bool] = True
    reads_unknown: ClassVar[bool] = True

    def __post_init__(self):
        positive(self, "weight", self.weight)
        positive(self, "positive_weight", self.positive_weight)
        one_of(REDUCTION, self.over, OVER)
        one_of("selection of channels", self.only, ONLY)
        one_of("treatment of void pixels", self.void, VOID)

    @property
    def needs_new_classes(self) -> bool:
        """Whether pixels of old classes add nothing to the loss, so that a step without new classes learns nothing."""
        return self.only == "new"

    def __call__(self, inputs: LossInputs) -> Tensor:
        if inputs.student.reserved is None:
            refuse_unknown(self, inputs.targets)
        logits, targets = all_channels(inputs.student).float(), inputs.targets.long()
        index = torch.where(targets == UNKNOWN, logits.shape[1] - 1, targets)
        hot = (torch.arange(logits.shape[1], device=logits.device)[:, None, None] == index[:, None]).float()
        if self.only == "new":
            new = list(inputs.step.new)
            logits, hot = logits[:, new], hot[:, new]
        factor = torch.full((1, 1, 1), self.positive_weight, device=logits.device)
        loss = F.binary_cross_entropy_with_logits(logits, hot, reduction="none", pos_weight=factor).sum(dim=1)
        if self.void == "negative":
            return self.weight * loss.mean()
        return self.weight * mean_of((loss * (targets != IGNORE)).sum(), targets, self.over)

    def averaged_over(self, inputs: LossInputs) -> int | Tensor:
        return counted(inputs.targets, "all" if self.void == "negative" else self.over)


def unbiased_cross_entropy(logits: Tensor, targets: Tensor, num_old: int) -> Tensor:
    """MiB's cross-entropy of every pixel, (batch, height, width); 0 where the target is IGNORE.

    Args:
        logits: (batch, class, height, width), old channels first.
        targets: int64 (batch, height, width).
        num_old: Channels of background and old classes; 0 at the base step.
    """
    logits = logits.float()
    if num_old:
        background = logits[:, :num_old].logsumexp(dim=1, keepdim=True)
        log_p = torch.cat([background, logits[:, 1:]], dim=1) - logits.logsumexp(dim=1, keepdim=True)
    else:
        log_p = logits.log_softmax(dim=1)
    return F.nll_loss(log_p, targets, ignore_index=IGNORE, reduction="none")


def all_channels(output: SegmenterOutput) -> Tensor:
    """Logits of the classes and of the reserved channels, if there are any, (batch, channel, height, width)."""
    return output.logits if output.reserved is None else torch.cat([output.logits, output.reserved], dim=1)


def refuse_unknown(term: object, targets: Tensor) -> None:
    """Raise if a target is UNKNOWN, for which the term has no channel.

    Only on a CPU: another device would have to be waited for, and refuses a class that does not exist by itself.

    Raises:
        ValueError: With the number of such pixels.
    """
    if targets.device.type == "cpu" and (targets == UNKNOWN).any():
        raise ValueError(
            f"{type(term).__name__} needs targets without UNKNOWN here, got {int((targets == UNKNOWN).sum())} such "
            'pixels; learn them with BinaryCrossEntropy and Head("unknown").'
        )


def adaptive_factor(inputs: LossInputs) -> Tensor:
    """Share of each image's unlabelled pixels that have a target, (batch)."""
    unlabelled = inputs.labels == BACKGROUND
    accepted = unlabelled & (inputs.targets != IGNORE)
    return accepted.sum(dim=(1, 2)) / (unlabelled.sum(dim=(1, 2)) + 1e-6)


def counted(targets: Tensor, over: str) -> int | Tensor:
    """How many pixels a mean is over."""
    return targets.numel() if over == "all" else (targets != IGNORE).sum()


def mean_of(total: Tensor, targets: Tensor, over: str) -> Tensor:
    """A sum over pixels as a mean over those that count; 0 if none does."""
    number = counted(targets, over)
    return total / (number.clamp(min=1) if isinstance(number, Tensor) else number)
