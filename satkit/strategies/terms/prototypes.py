"""The terms of SDR: features near the prototype of their class, prototypes apart from each other, features sparse.

A prototype is the mean embedding of a class. SDR keeps running means over its whole training. Here a prototype is the
mean over the batch, so that a term keeps no state: prototypes of old classes are matched with the teacher's, features
are attracted to the student's. Regions of old classes are where the teacher predicts one on background; those of new
classes are the labels. Source: Michieli and Zanuttigh, CVPR 2021.
"""

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from satkit.strategies.contracts import LossInputs, Term, positive
from satkit.strategies.terms.attention_transfer import region_map, regions_at
from satkit.strategies.terms.feature_distillation import region_means


@dataclass(frozen=True)
class Prototypes:
    """Class means of a batch.

    Attributes:
        means: (class, channel), zero for an absent class.
        present: Whether a class has a pixel, bool (class).
        inside: Which cell belongs to which class, bool (class, cell), over the whole batch.
        embedding: (cell, channel).
    """

    means: Tensor
    present: Tensor
    inside: Tensor
    embedding: Tensor


def prototypes(embedding: Tensor, labels: Tensor, classes: tuple[int, ...]) -> Prototypes:
    """The mean embedding of every class over a batch.

    Args:
        embedding: (batch, channel, height, width).
        labels: Label maps of any size, (batch, height, width).
        classes: Class indices.
    """
    inside = regions_at(embedding.shape[-2:], labels, classes).transpose(0, 1).flatten(1)  # (class, cell)
    cells = embedding.float().flatten(2).transpose(1, 2).flatten(0, 1)  # (cell, channel)
    return Prototypes(region_means(cells, inside), inside.any(dim=1), inside, cells)


@dataclass(frozen=True)
class _PrototypeTerm(Term):
    weight: float

    needs_teacher: ClassVar[bool] = True

    def __post_init__(self):
        positive(self, "weight", self.weight)

    def student(self, inputs: LossInputs) -> Prototypes:
        return prototypes(inputs.student.embedding, region_map(inputs, "teacher"), inputs.step.seen)


@dataclass(frozen=True)
class PrototypeMatching(_PrototypeTerm):
    """Mean squared difference of the student's and the teacher's prototypes, over the old classes in the batch."""

    weight: float = 0.01

    name: ClassVar[str] = "prototype matching"

    def __call__(self, inputs: LossInputs) -> Tensor:
        labels = region_map(inputs, "teacher")
        student, teacher = (
            prototypes(output.embedding, labels, inputs.step.old) for output in (inputs.student, inputs.teacher)
        )
        per_class = (student.means - teacher.means.detach()).square().mean(dim=1) * student.present
        return self.weight * per_class.sum() / student.present.sum().clamp(min=1)


@dataclass(frozen=True)
class Attraction(_PrototypeTerm):
    """Mean squared distance of features to the student's prototype of their class, over the classes in the batch."""

    weight: float = 1e-3

    name: ClassVar[str] = "attraction"

    def __call__(self, inputs: LossInputs) -> Tensor:
        found = self.student(inputs)
        own = found.means[found.inside.int().argmax(dim=0)]  # of each cell; any, for a cell of no class
        distance = (found.embedding - own).square().mean(dim=1, keepdim=True)
        return self.weight * region_means(distance, found.inside).sum() / found.present.sum().clamp(min=1)


@dataclass(frozen=True)
class Repulsion(_PrototypeTerm):
    """Mean of 1 / distance over pairs of the student's prototypes in the batch; 0 with fewer than two.

    Near zero the distance is the root of its square plus 1e-6, so equal prototypes count 1000 and have no gradient.
    """

    weight: float = 1e-3

    name: ClassVar[str] = "repulsion"

    def __call__(self, inputs: LossInputs) -> Tensor:
        found = self.student(inputs)
        first, second = torch.triu_indices(len(found.means), len(found.means), offset=1, device=found.means.device)
        distance = ((found.means[first] - found.means[second]).square().sum(dim=1) + 1e-6).sqrt()
        both = found.present[first] & found.present[second]
        return self.weight * (both / distance).sum() / both.sum().clamp(min=1)


@dataclass(frozen=True)
class Sparsity(_PrototypeTerm):
    """Sum of exp(f) over sum of f, both over the channels of a cell, mean over the cells of the classes in the batch.

    f are the features divided by the largest of their class, negative ones counted as 0. As released, except that
    cells with hardly any activation, a mean of f up to 0.001, are left out: their ratio has no bound. Since
    exp(f) >= e f, the ratio is at least e, and it is smallest where every channel is as active as the largest.
    """

    weight: float = 1e-3

    name: ClassVar[str] = "sparsity"

    def __call__(self, inputs: LossInputs) -> Tensor:
        found = self.student(inputs)
        features = found.embedding.clamp(min=0)  # (cell, channel), as after the decoder's ReLU
        largest = (features.amax(dim=1) * found.inside).amax(dim=1).clamp(min=1e-8)  # of each class
        own = largest[found.inside.int().argmax(dim=0)]  # of each cell; any, for a cell of no class
        features = torch.where(found.inside.any(dim=0)[:, None], features / own[:, None], 0.0)
        active = features.mean(dim=1) > 1e-3
        ratio = features.exp().sum(dim=1) / torch.where(active, features.sum(dim=1), 1.0)
        return self.weight * (ratio * active).sum() / active.sum().clamp(min=1)
