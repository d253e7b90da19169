"""Initialisation of the classifier's new channels."""

import math
from dataclasses import dataclass

import torch

from satkit.models import IncrementalClassifier


@dataclass(frozen=True)
class BackgroundInit:
    """New classes start as equal shares of background.

    Each new class takes a copy of background's weights, and background and new classes the bias b - log(n + 1), with
    b the old bias of background and n the number of new classes. Their probabilities then add up to what background
    had before, so the student starts out agreeing with its teacher. Source: Cermelli et al., CVPR 2020, section 3.4;
    as in their released code, background's own bias is lowered too.
    """

    @torch.no_grad()
    def __call__(self, classifier: IncrementalClassifier) -> None:
        background, new = classifier.steps[0], classifier.steps[-1]
        share = background.bias[0] - math.log(new.out_channels + 1)
        new.weight.copy_(background.weight[:1].expand_as(new.weight))
        new.bias.fill_(share)
        background.bias[0] = share
