"""Saliency: which pixels belong to some object, whatever its class.

SSUL needs it to separate unknown objects from background. Its authors use the maps of a pretrained network; any frozen,
callable dataclass from normalised images (batch, 3, height, width) to bool (batch, height, width) can be used.
"""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from satkit.utils.errors import UsageError


@dataclass(frozen=True)
class ContrastSaliency:
    """Pixels whose colour differs from the mean colour of the image.

    The distance of the smoothed colour to the image's mean colour, above `factor` times its mean over the image: after
    Achanta et al., CVPR 2009, in normalised RGB instead of Lab.

    Attributes:
        factor: Larger finds less; above 0.
        blur: Side of the window that is averaged over, in pixels, odd.
    """

    factor: float = 1.2
    blur: int = 5

    def __post_init__(self):
        if not self.factor > 0 or self.blur < 1 or self.blur % 2 == 0:
            raise UsageError(
                f"ContrastSaliency needs a factor above 0 and an odd blur from 1, got {self.factor} and {self.blur}."
            )

    @torch.no_grad()
    def __call__(self, images: Tensor) -> Tensor:
        smooth = F.avg_pool2d(images, self.blur, stride=1, padding=self.blur // 2, count_include_pad=False)
        distance = (smooth - images.mean(dim=(2, 3), keepdim=True)).norm(dim=1)
        return distance > self.factor * distance.mean(dim=(1, 2), keepdim=True)


@dataclass(frozen=True)
class EverythingSalient:
    """All of the background counts as unknown objects, as SSUL does on ADE20K."""

    def __call__(self, images: Tensor) -> Tensor:
        return torch.ones(images.shape[0], *images.shape[-2:], dtype=torch.bool, device=images.device)
