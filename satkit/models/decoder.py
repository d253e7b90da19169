"""SegFormer's all-MLP decoder: project, upsample, concatenate, fuse (Xie et al., NeurIPS 2021, section 3.2)."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn


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
        """The embedding, (batch, channel, height, width), on the grid of the finest stage."""
        size = features[0].shape[-2:]
        mode = dict(mode="nearest") if self.plain else dict(mode="bilinear", align_corners=False)
        projected = [project(each) for project, each in zip(self.project, features, strict=True)]
        aligned = [each if each.shape[-2:] == size else F.interpolate(each, size, **mode) for each in projected]
        return self.dropout(self.activation(self.norm(self.fuse(torch.cat(aligned, dim=1)))))
