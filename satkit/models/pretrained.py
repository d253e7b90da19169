"""Backbones by their timm name, with or without the pretrained weights that timm registers for them."""

import hashlib
import socket
import urllib.parse
from contextlib import contextmanager, nullcontext
from pathlib import Path

from torch import nn

from satkit.models import mit
from satkit.models.attention_taps import BackboneError, spread
from satkit.utils import _torchvision
from satkit.utils.errors import UsageError, unknown
from satkit.utils.files import read_json

_torchvision.ensure()

import timm  # noqa: E402
from huggingface_hub import constants as hub  # noqa: E402

SUGGESTED_BACKBONES = (
    *mit.VARIANTS,
    "pvt_v2_b0",
    "pvt_v2_b2",
    "vit_tiny_patch16_224",
    "vit_small_patch16_224",
)


def build_backbone(name: str, pretrained: bool, drop_path: float) -> tuple[nn.Module, tuple[int, ...], tuple[int, ...]]:
    """A timm model, the numbers of its stages or blocks to take features from, and their channels."""
    if not timm.is_model(name.split(".")[0]) or ":" in name:
        known = [
            *SUGGESTED_BACKBONES,
            *(model for model in timm.list_models() if model not in SUGGESTED_BACKBONES),
        ]
        error = unknown("backbone", name, known)
        short = ", ".join(SUGGESTED_BACKBONES)
        raise UsageError(str(error).split(" Choose one of")[0] + f" Choose one of: {short}, or another timm model.")
    if pretrained and not _has_weights(name):
        raise UsageError(f"There are no pretrained weights of {name!r}. Train it from scratch with pretrained=False.")
    if pretrained and comes_with_kit(name):
        _check_kit_weights(name)
    try:
        with _without_retries() if pretrained and not comes_with_kit(name) else nullcontext():
            backbone = _create(name, pretrained, drop_path)
    except UsageError:
        raise
    except TypeError as error:
        raise BackboneError(f"Backbone {name!r} does not accept the settings satkit needs: {error}.") from error
    except Exception as error:
        if not pretrained:
            raise
        raise UsageError(
            f"The pretrained weights of {name!r} could not be loaded ({type(error).__name__}). Connect to the "
            "network once so that timm can download them, or train from scratch with pretrained=False."
        ) from error
    if not hasattr(backbone, "forward_intermediates"):
        raise BackboneError(f"Backbone {name!r} returns no intermediate features. Choose a MiT, a PVTv2 or a ViT.")
    blocks = getattr(backbone, "blocks", None)
    if blocks is not None and hasattr(backbone, "patch_embed"):
        taken = spread(len(blocks))
        return backbone, taken, (backbone.embed_dim,) * len(taken)
    stages = len(backbone.feature_info)
    taken = tuple(range(max(0, stages - 4), stages))
    return backbone, taken, tuple(backbone.feature_info[i]["num_chs"] for i in taken)


@contextmanager
def _without_retries():
    """Without a network, set the download library offline, so that it uses its cache or fails at once."""
    address = urllib.parse.urlparse(hub.ENDPOINT)
    before = hub.HF_HUB_OFFLINE
    try:
        socket.create_connection((address.hostname, address.port or 443), timeout=3).close()
    except OSError:
        hub.HF_HUB_OFFLINE = True
    try:
        yield
    finally:
        hub.HF_HUB_OFFLINE = before


def _create(name: str, pretrained: bool, drop_path: float) -> nn.Module:
    options = dict(pretrained=pretrained, num_classes=0, drop_path_rate=drop_path)
    try:
        return timm.create_model(name, dynamic_img_size=True, dynamic_img_pad=True, **options)
    except TypeError:  # only ViTs accept these options, and only they need them
        return timm.create_model(name, **options)


def comes_with_kit(name: str) -> bool:
    """Whether the pretrained weights of a backbone come with the kit."""
    return name.split(".")[0] in mit.SMALL


def pretrained_weights(name: str) -> str:
    """Which pretrained weights a backbone has, in words that identify them; empty if it has none."""
    cfg = timm.get_pretrained_cfg(name)
    if cfg is None or not cfg.has_weights:
        return ""
    if comes_with_kit(name):
        return f"pretext, sha256 {_stored(name)['sha256']}"
    return cfg.hf_hub_id or cfg.url or cfg.file


def _check_kit_weights(name: str) -> None:
    """Raise if a file of weights that comes with the kit is not as it was made."""
    path, stored = Path(timm.get_pretrained_cfg(name).file), _stored(name)
    if hashlib.sha256(path.read_bytes()).hexdigest() != stored["sha256"]:
        raise UsageError(
            f"The pretrained weights of {name!r} in {path} are damaged. Install satkit again, or start without them: "
            "--from-scratch."
        )


def _stored(name: str) -> dict:
    """What the file beside the weights of the kit says about them."""
    return read_json(Path(timm.get_pretrained_cfg(name).file).with_suffix(".json"))


def _has_weights(name: str) -> bool:
    cfg = timm.get_pretrained_cfg(name)
    return cfg is not None and cfg.has_weights
