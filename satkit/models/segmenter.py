"""The segmenter: backbone, decoder and classifier, one after the other."""

from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from functools import cached_property

import torch
from torch import Tensor, nn

from satkit.models.attention_check import check_attention
from satkit.models.attention_taps import AttentionTap, tapped
from satkit.models.classifier import IncrementalClassifier, read
from satkit.models.decoder import AllMLPDecoder
from satkit.models.pretrained import build_backbone, is_plain
from satkit.models.upsampling import upsample


@dataclass(frozen=True)
class SegmenterOutput:
    """What a forward pass returns.

    Attributes:
        coarse: The logits before upsampling, (batch, class, height / 4, width / 4), on the grid of the embedding.
        embedding: (batch, channel, height / 4, width / 4), the input of the classifier.
        features: The backbone's feature maps, finest first.
        size: Height and width of the images.
        attention: One tap per stage, if requested; else empty.
        coarse_reserved: Logits of the classifier's reserved channels before upsampling, or None.
        weight: Weights of the classifier (class, channel), with their gradient; None for deep heads.
        bias: Biases of the classifier (class), with their gradient; None for deep heads.
        readout: How the logits are read, see `Head`.
    """

    coarse: Tensor
    embedding: Tensor
    features: tuple[Tensor, ...]
    size: tuple[int, int]
    attention: tuple[AttentionTap, ...] = ()
    coarse_reserved: Tensor | None = None
    weight: Tensor | None = None
    bias: Tensor | None = None
    readout: str = "argmax"

    @cached_property
    def logits(self) -> Tensor:
        """The logits at the size of the images, (batch, class, height, width); upsampled when they are first read."""
        return _upsample(self.coarse, self.size)

    @cached_property
    def reserved(self) -> Tensor | None:
        """The same of the reserved channels, or None."""
        return None if self.coarse_reserved is None else _upsample(self.coarse_reserved, self.size)

    def full(self) -> "SegmenterOutput":
        """The same in float32, after a forward pass in fewer bits; the taps stay as they are."""
        reserved = None if self.coarse_reserved is None else self.coarse_reserved.float()
        features = tuple(each.float() for each in self.features)
        numbers = dict(coarse=self.coarse.float(), embedding=self.embedding.float(), coarse_reserved=reserved)
        return replace(self, features=features, **numbers)

    def over_images(self, change: Callable[[Tensor], Tensor]) -> "SegmenterOutput":
        """The same with every tensor whose first dimension are images changed: all but those of the classifier."""
        reserved = None if self.coarse_reserved is None else change(self.coarse_reserved)
        taps = tuple(replace(tap, queries=change(tap.queries), keys=change(tap.keys)) for tap in self.attention)
        maps = dict(coarse=change(self.coarse), embedding=change(self.embedding), coarse_reserved=reserved)
        return replace(self, features=tuple(map(change, self.features)), attention=taps, **maps)

    def classes(self) -> Tensor:
        """Class index of every pixel, int64 (batch, height, width), as the strategy's head is read."""
        return read(self.logits, self.reserved, self.readout)


@torch.enable_grad()  # whoever reads them first, the next reader may need the gradient
def _upsample(logits: Tensor, size: tuple[int, int]) -> Tensor:
    return upsample(logits, size)


@dataclass(frozen=True)
class SegmenterSpec:
    """Plain values from which a segmenter is built again; saved with its weights."""

    backbone: str
    decoder_width: int = 256
    plain_decoder: bool = False
    dropout: float = 0.0
    drop_path: float = 0.0
    pretrained: bool = False
    counts: tuple[int, ...] = ()
    reserved: int = 0
    deep_heads: bool = False
    readout: str = "argmax"


class Segmenter(nn.Module):
    """A Transformer segmenter whose classifier grows with every step."""

    def __init__(self, spec: SegmenterSpec):
        super().__init__()
        self.build = spec
        self.backbone, self.taken, channels = build_backbone(spec.backbone, spec.pretrained, spec.drop_path)
        self.decoder = AllMLPDecoder(channels, spec.decoder_width, spec.plain_decoder, spec.dropout)
        self.classifier = IncrementalClassifier(spec.decoder_width, spec.counts, spec.reserved, spec.deep_heads)

    @property
    def spec(self) -> dict:
        """Plain values from which `build_segmenter(**spec)` makes a segmenter of this shape, without weights."""
        grown = {"counts": list(self.classifier.counts), "reserved": self.classifier.num_reserved}
        return {**asdict(self.build), "pretrained": False, **grown}

    def forward(self, images: Tensor, attention: bool = False) -> SegmenterOutput:
        """Segment normalised images.

        Args:
            images: (batch, 3, height, width), normalised; any size of at least one patch of the coarsest stage.
            attention: Whether to tap the attention; an error for a backbone that has none.
        """
        if attention:
            with tapped(self.backbone) as capture:
                features = self._features(images)
            taps = capture.taps()
            if torch.is_grad_enabled() and any(self._without_gradient(tap) for tap in taps):
                raise RuntimeError(
                    "The tapped queries carry no gradient, so attention transfer would silently do nothing. "
                    "Use non-reentrant gradient checkpointing (use_reentrant=False), as satkit's setting does."
                )
        else:
            features, taps = self._features(images), ()
        embedding = self.decoder(features)
        head = self.classifier
        reserved = None if head.reserved is None else head.reserved(embedding)
        size = tuple(images.shape[-2:])
        return SegmenterOutput(
            head(embedding), embedding, features, size, taps, reserved, *head.matrix(), self.build.readout
        )

    def train(self, mode: bool = True) -> "Segmenter":
        """Training or evaluation mode; parts of which every parameter is frozen stay in evaluation mode."""
        super().train(mode)
        for module in self.modules() if mode else ():
            parameters = list(module.parameters())
            if parameters and not any(parameter.requires_grad for parameter in parameters):
                module.eval()
        return self

    def _features(self, images: Tensor) -> tuple[Tensor, ...]:
        return tuple(
            self.backbone.forward_intermediates(images, indices=self.taken, norm=self._normed, intermediates_only=True)
        )

    @property
    def _normed(self) -> bool:
        return is_plain(self.backbone)  # a ViT does not normalise its intermediate tokens

    def _without_gradient(self, tap: AttentionTap) -> bool:
        trained = any(parameter.requires_grad for parameter in self.backbone.parameters())
        return trained and self.training and not tap.queries.requires_grad


def build_segmenter(backbone: str, counts=(), needs_attention: bool = False, **settings) -> Segmenter:
    """A segmenter with a backbone chosen by its timm name.

    Args:
        backbone: A MiT of satkit, or any timm model that can return intermediate features.
        counts: Output channels of each step, background in the first.
        needs_attention: Raise for a backbone whose attention cannot be tapped.
        **settings: Further fields of `SegmenterSpec`.

    Raises:
        UsageError: For an unknown backbone, or pretrained weights that cannot be loaded.
        BackboneError: If attention is needed and the backbone has none that can be tapped.
    """
    segmenter = Segmenter(SegmenterSpec(backbone=backbone, counts=tuple(counts), **settings))
    if needs_attention:
        _, *size = segmenter.backbone.default_cfg["input_size"]
        check_attention(segmenter.backbone, torch.rand(1, 3, *size, generator=torch.Generator().manual_seed(0)))
    return segmenter
