"""Terms that distil feature maps: unpooled (ILT), pooled in strips (PLOP), in cubes (RCIL), over class regions."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor

from satkit.models import SegmenterOutput
from satkit.strategies.contracts import LossInputs, Term, one_of, positive
from satkit.strategies.terms.attention_transfer import CHOICES, region_map, regions_at
from satkit.utils.errors import UsageError
from satkit.utils.precision import full_precision


@dataclass(frozen=True)
class FeatureDistillation(Term):
    """Mean squared difference of the backbone's last feature maps, over all their elements.

    Source: ILT (Michieli and Zanuttigh, ICCV workshops 2019); the weight 100 is that of MiB's code.

    Attributes:
        weight: Factor of the term.
    """

    weight: float = 100.0

    name: ClassVar[str] = "features"
    needs_teacher: ClassVar[bool] = True
    trains_backbone: ClassVar[bool] = True

    def __post_init__(self):
        positive(self, "weight", self.weight)

    def __call__(self, inputs: LossInputs) -> Tensor:
        student, teacher = inputs.student.features[-1], inputs.teacher.features[-1]
        return self.weight * F.mse_loss(student.float(), teacher.detach().float())

    def averaged_over(self, inputs: LossInputs) -> int:
        return len(inputs.labels)


@dataclass(frozen=True)
class LocalPOD(Term):
    """PLOP's local pooled outputs distillation: squared feature maps, averaged over strips of cells of several sizes.

    At scale s a map is cut into s x s cells; of each cell the means over its columns and the means over its rows are
    kept. The loss of a layer is the L2 norm of the difference over all cells and scales, mean over images. Layers are
    the feature maps, the embedding and the coarse logits; new logits are first added to background's. The sum over
    layers is divided by their number and multiplied by sqrt(classes so far, background included / new classes).
    Source: Douillard et al., CVPR 2021; norms and weights are those of the released code.

    Attributes:
        weight: Factor of feature maps and embedding; 0.01 for VOC, 0.001 for ADE20K.
        logits_weight: Factor of the logits; 0.0005 for VOC, 0.00001 for ADE20K.
        scales: Cells along each side. A scale finer than a map is left out for that map.
    """

    weight: float = 0.01
    logits_weight: float = 0.0005
    scales: tuple[int, ...] = (1, 2, 4)

    name: ClassVar[str] = "pod"
    needs_teacher: ClassVar[bool] = True

    def __post_init__(self):
        positive(self, "weight", self.weight)
        positive(self, "logits_weight", self.logits_weight)
        if not self.scales or min(self.scales) != 1:
            raise UsageError(f"LocalPOD needs scales from 1 on, 1 among them, got {self.scales}.")

    def __call__(self, inputs: LossInputs) -> Tensor:
        def distance(student: Tensor, teacher: Tensor) -> Tensor:
            return local_pod(student, teacher, self.scales)

        return over_layers(inputs, distance, distance, self.weight, self.logits_weight)

    def averaged_over(self, inputs: LossInputs) -> int:
        return len(inputs.labels)


@dataclass(frozen=True)
class PooledCube(Term):
    """RCIL's pooled cube distillation: squared feature maps, averaged over windows in space and over channels.

    The loss of a layer is the mean over window sizes of the Frobenius norm of the difference, plus, for features, the
    norm after averaging over neighbouring channels; mean over images. Layers and factors are as in `LocalPOD`. Before
    averaging, a map is padded with zeros by half a window on every side, as released; so every window fits into every
    map. Source: Zhang et al., CVPR 2022. Their code divides the part over channels by the number of feature maps,
    without the logits, and uses the factor of the logits for the embedding in it; here both parts have the same
    factors.

    Attributes:
        weight: Factor of feature maps and embedding; 0.01 for VOC, 5e-6 for ADE20K.
        logits_weight: Factor of the logits; 0.0005 for VOC, 5e-7 for ADE20K.
        kernels: Sides of the windows.
        channel_kernel: Neighbouring channels that are averaged; channels are padded like maps.
    """

    weight: float = 0.01
    logits_weight: float = 0.0005
    kernels: tuple[int, ...] = (4, 8, 12, 16, 20, 24)
    channel_kernel: int = 3

    name: ClassVar[str] = "pooled cube"
    needs_teacher: ClassVar[bool] = True

    def __post_init__(self):
        positive(self, "weight", self.weight)
        positive(self, "logits_weight", self.logits_weight)
        if not self.kernels or min(self.kernels) < 1 or self.channel_kernel < 1:
            raise UsageError(f"PooledCube needs kernels from 1 on, got {self.kernels} and {self.channel_kernel}.")

    def __call__(self, inputs: LossInputs) -> Tensor:
        def in_space(student: Tensor, teacher: Tensor) -> Tensor:
            return pooled_in_space(student, teacher, self.kernels)

        def in_space_and_channels(student: Tensor, teacher: Tensor) -> Tensor:
            return in_space(student, teacher) + pooled_over_channels(student, teacher, self.channel_kernel)

        return over_layers(inputs, in_space_and_channels, in_space, self.weight, self.logits_weight)

    def averaged_over(self, inputs: LossInputs) -> int:
        return len(inputs.labels)


@dataclass(frozen=True)
class RegionFeatureTransfer(Term):
    """Class-specific region pooling of feature maps: SATS for a backbone without attention.

    The mean feature vector of every class region, at every stage, and the L2 norm of its difference; mean over the
    regions of an image, images (one without a region counts 0) and stages. Source: the convolutional variant in the
    released SATS code, which divides the sum over five maps by four; here it is divided by their number.

    Attributes:
        weight: Factor of the term; 1 as released.
        regions: "targets" or "teacher", see `region_map`.
    """

    weight: float = 1.0
    regions: str = "targets"

    name: ClassVar[str] = "region features"
    needs_teacher: ClassVar[bool] = True
    trains_backbone: ClassVar[bool] = True

    def __post_init__(self):
        positive(self, "weight", self.weight)
        one_of("regions", self.regions, CHOICES["regions"])

    def __call__(self, inputs: LossInputs) -> Tensor:
        labels = region_map(inputs, self.regions)
        pairs = zip(inputs.student.features, inputs.teacher.features, strict=True)
        return self.weight * torch.stack([self.stage(*pair, labels, inputs.step.seen) for pair in pairs]).mean()

    def averaged_over(self, inputs: LossInputs) -> int:
        return len(inputs.labels)

    def stage(self, student: Tensor, teacher: Tensor, labels: Tensor, classes: tuple[int, ...]) -> Tensor:
        """The loss of one stage, without the weight."""
        inside = regions_at(student.shape[-2:], labels, classes)  # (batch, region, cell)
        present = inside.any(dim=-1)
        difference = (student.float() - teacher.detach().float()).flatten(2).transpose(1, 2)
        distance = region_means(difference, inside).norm(dim=-1) * present
        return (distance.sum(dim=1) / present.sum(dim=1).clamp(min=1)).mean()


def region_means(cells: Tensor, inside: Tensor) -> Tensor:
    """The mean cell of every region, float32 (..., region, channel) also under autocast; zero for an empty region.

    Args:
        cells: (..., cell, channel).
        inside: Which cell belongs to which region, bool (..., region, cell).
    """
    with full_precision(cells):
        return inside.float() @ cells.float() / inside.sum(dim=-1, keepdim=True).clamp(min=1)


Distance = Callable[[Tensor, Tensor], Tensor]  # of two maps (batch, channel, height, width), to (batch)


def over_layers(
    inputs: LossInputs, of_features: Distance, of_logits: Distance, weight: float, logits_weight: float
) -> Tensor:
    """PLOP's weighted sum over layers, with its factor for the share of old classes."""
    step, student, teacher = inputs.step, inputs.student, inputs.teacher
    layers = list(zip(maps_of(student), maps_of(teacher), strict=True))
    losses = [weight * of_features(new.float(), old.detach().float()).mean() for new, old in layers]
    folded = fold_new_into_background(student.coarse.float(), step.num_old)
    losses.append(logits_weight * of_logits(folded, teacher.coarse.detach().float()).mean())
    return torch.stack(losses).mean() * math.sqrt(step.num_outputs / len(step.new))


def maps_of(output: SegmenterOutput) -> tuple[Tensor, ...]:
    """The feature maps that are distilled: those of the backbone and the embedding."""
    return (*output.features, output.embedding)


def fold_new_into_background(logits: Tensor, num_old: int) -> Tensor:
    """Logits of the old channels, the new ones added to background's."""
    background = logits[:, :1] + logits[:, num_old:].sum(dim=1, keepdim=True)
    return torch.cat([background, logits[:, 1:num_old]], dim=1)


def local_pod(student: Tensor, teacher: Tensor, scales: tuple[int, ...] = (1, 2, 4)) -> Tensor:
    """Norm of the difference of the local POD embeddings of two maps (batch, channel, height, width), (batch)."""
    return (pod_embedding(student, scales) - pod_embedding(teacher, scales)).norm(dim=1)


def pod_embedding(features: Tensor, scales: tuple[int, ...]) -> Tensor:
    """Means over rows and over columns of every cell of the squared map, (batch, values)."""
    squared, (height, width) = features.square(), features.shape[-2:]
    strips = []
    for scale in scales:
        rows, columns = height // scale, width // scale
        if rows == 0 or columns == 0:
            continue  # finer than the map
        cells = squared[..., : rows * scale, : columns * scale]  # what does not fill a cell is left out
        cells = cells.unflatten(-1, (scale, columns)).unflatten(-3, (scale, rows))
        strips += [cells.mean(dim=-1).flatten(1), cells.mean(dim=-3).flatten(1)]
    return torch.cat(strips, dim=1)


def pooled_in_space(student: Tensor, teacher: Tensor, kernels: tuple[int, ...]) -> Tensor:
    """Mean over window sizes of the norm of the difference of averaged squared maps, (batch)."""
    difference = student.square() - teacher.square()  # averaging is linear
    norms = []
    for kernel in kernels:  # first along columns, then along rows: the same average, in far fewer operations
        pooled = F.avg_pool2d(difference, (kernel, 1), stride=1, padding=(kernel // 2, 0))
        pooled = F.avg_pool2d(pooled, (1, kernel), stride=1, padding=(0, kernel // 2))
        norms.append(pooled.flatten(1).norm(dim=1))
    return torch.stack(norms).mean(dim=0)


def pooled_over_channels(student: Tensor, teacher: Tensor, kernel: int) -> Tensor:
    """Norm of the difference of squared maps averaged over neighbouring channels, (batch)."""
    difference = (student.square() - teacher.square()).flatten(2).transpose(1, 2)  # (batch, cell, channel)
    return F.avg_pool1d(difference, kernel, stride=1, padding=kernel // 2).flatten(1).norm(dim=1)
