"""Initialisation of the classifier's new channels."""

import math
from dataclasses import dataclass
from typing import ClassVar

import torch

from satkit.models import IncrementalClassifier
from satkit.models.classifier import last
from satkit.strategies.contracts import ClassifierInit


@dataclass(frozen=True)
class BackgroundInit(ClassifierInit):
    """New classes start as equal shares of background.

    Each new class takes a copy of background's weights, and background and new classes the bias b - log(n + 1), with b
    the old bias of background and n the number of new classes. Their probabilities then add up to what background had
    before, so the student's predictions start equal to its teacher's. Source: Cermelli et al., CVPR 2020, section 3.4;
    as in their released code, background's own bias is lowered too.
    """

    deep_heads: ClassVar[bool] = False

    @torch.no_grad()
    def __call__(self, classifier: IncrementalClassifier) -> None:
        background, new = classifier.steps[0], classifier.steps[-1]
        share = background.bias[0] - math.log(new.out_channels + 1)
        new.weight.copy_(background.weight[:1].expand_as(new.weight))
        new.bias.fill_(share)
        background.bias[0] = share


@dataclass(frozen=True)
class AuxiliaryInit(ClassifierInit):
    """New classes start as copies of channel 0, which has learnt a low score for every pixel.

    Source: DKD (Baek et al., NeurIPS 2022), whose auxiliary classifier is channel 0 here, see `AuxiliaryBackground`.
    """

    deep_heads: ClassVar[bool] = False

    @torch.no_grad()
    def __call__(self, classifier: IncrementalClassifier) -> None:
        auxiliary, new = classifier.steps[0], classifier.steps[-1]
        new.weight.copy_(auxiliary.weight[:1].expand_as(new.weight))
        new.bias.copy_(auxiliary.bias[:1].expand_as(new.bias))


@dataclass(frozen=True)
class UnknownInit(ClassifierInit):
    """New classes start as copies of the unknown class, in all layers of its head.

    Until now their objects were labelled unknown. Source: SSUL (Cha et al., NeurIPS 2021).
    """

    reserves: ClassVar[str] = "unknown"

    @torch.no_grad()
    def __call__(self, classifier: IncrementalClassifier) -> None:
        new, unknown = classifier.steps[-1], classifier.reserved.state_dict()
        for (
            name,
            value,
        ) in new.state_dict().items():  # the one row of the unknown head's last layer is repeated
            value.copy_(unknown[name].expand_as(value))


@dataclass(frozen=True)
class ReservedInit(ClassifierInit):
    """New classes take over the channels that were reserved for them from the base step on.

    Source: DFT* (arXiv 2508.04267), whose softmax has a channel for every class of the scenario from the start.
    """

    reserves: ClassVar[str] = "future"

    @torch.no_grad()
    def __call__(self, classifier: IncrementalClassifier) -> None:
        new, reserved = last(classifier.steps[-1]), last(classifier.reserved)
        count = new.out_channels
        weight, bias = reserved.weight.clone(), reserved.bias.clone()
        new.weight.copy_(weight[:count])
        new.bias.copy_(bias[:count])
        classifier.reserve(reserved.out_channels - count)
        if classifier.reserved is not None:
            last(classifier.reserved).weight.copy_(weight[count:])
            last(classifier.reserved).bias.copy_(bias[count:])
