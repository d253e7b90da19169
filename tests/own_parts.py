"""A loss term and a strategy as a reader might write them."""

from dataclasses import dataclass
from typing import ClassVar

import torch

from satkit.strategies import CrossEntropy, LossInputs, Strategy


@dataclass(frozen=True)
class LogitSize:
    """A term as a reader might write it in a notebook."""

    weight: float = 1.0

    name: ClassVar[str] = "logit size"
    needs_teacher: ClassVar[bool] = False
    needs_attention: ClassVar[bool] = False

    def __call__(self, inputs: LossInputs) -> torch.Tensor:
        return self.weight * inputs.student.logits.square().mean()


def simple(*terms, **settings) -> Strategy:
    return Strategy("mine", terms=terms or (CrossEntropy(),), **{"base_terms": (CrossEntropy(),), **settings})
