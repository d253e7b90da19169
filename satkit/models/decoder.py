"""SegFormer's all-MLP decoder: project, upsample, concatenate, fuse (Xie et al., NeurIPS 2021, section 3.2)."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from satkit.models.upsampling import upsample


class AllMLPDecoder(nn.Module):
    """Turns the features of all stages into one embedding at the resolution of the finest stage.

    Args:
        channels: Channels of each stage's features, finest first.
        width: Channels of the embedding.
        plain: False is SegFormer's decoder: bilinear upsampling, batch norm and ReLU after fusion. True is what
            the released SATS code uses instead: nearest upsampling, neither norm nor activation.
        dropout: Share of the embedding's channels dropped in training.
    """

    def __init__(self, channels: tuple[int, ...], width: int, plain: bool = False, dropout: float = 0.0):
        super().__init__()
        self.plain = plain
        self.project = nn.ModuleList([nn.Conv2d(each, width, kernel_size=1) for each in channels])
        self.fuse = nn.Conv2d(width * len(channels), width, kernel_size=1, bias=plain)
        self.norm = nn.Identity() if plain else nn.BatchNorm2d(width)
        self.activation = nn.Identity() if plain else nn.ReLU()
        self.dropout = nn.Dropout2d(dropout)

    def forward(self, features: tuple[Tensor, ...]) -> Tensor:
        """The embedding, (batch, channel, height, width), on the grid of the finest stage.

        Projection, upsampling, concatenation and fusion are linear, so their order does not matter: the stages of a
        grid are projected and fused by one convolution on their own grid, and upsampled afterwards. That is the same
        embedding for a fraction of the work.
        """
        size = tuple(features[0].shape[-2:])
        parts = self.fuse.weight.flatten(1).split(self.project[0].out_channels, dim=1)  # one for each stage
        stages = list(zip(features, self.project, parts, strict=True))
        fused = 0.0 if self.fuse.bias is None else self.fuse.bias[:, None, None]
        for grid in dict.fromkeys(tuple(each.shape[-2:]) for each in features):
            here = [stage for stage in stages if tuple(stage[0].shape[-2:]) == grid]
            weight = torch.cat([part @ project.weight.flatten(1) for _, project, part in here], dim=1)
            bias = sum(part @ project.bias for _, project, part in here)
            maps = F.conv2d(torch.cat([each for each, _, _ in here], dim=1), weight[:, :, None, None], bias)
            fused = fused + (maps if grid == size else self.upsample(maps, size))
        return self.dropout(self.activation(self.norm(fused)))

    def upsample(self, maps: Tensor, size: tuple[int, int]) -> Tensor:
        """Maps at another size: nearest in the plain decoder, else bilinear."""
        return F.interpolate(maps, size, mode="nearest") if self.plain else upsample(maps, size)
