"""Backbones by their timm name, with or without the pretrained weights that timm registers for them.

The weights of the small backbones are a file of the kit. Beside it stands a JSON file with its sha256, which is
compared before the weights are used. All other weights are downloaded by timm.
"""

import hashlib
import socket
import urllib.parse
from contextlib import contextmanager
from pathlib import Path

import safetensors
from torch import nn

from satkit.models import mit
from satkit.models.attention_taps import BackboneError, spread
from satkit.models.weight_files import check_weights, nothing_but_weights, read_weights
from satkit.utils import _torchvision
from satkit.utils.errors import UsageError, unknown
from satkit.utils.files import read_json
from satkit.utils.interrupts import interrupts_first

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
UNREADABLE = (RuntimeError, EOFError, safetensors.SafetensorError)  # of files, not of the network
FROM_SCRATCH = "start from random weights: --from-scratch, or pretrained=False in Python"


def build_backbone(name: str, pretrained: bool, drop_path: float) -> tuple[nn.Module, tuple[int, ...], tuple[int, ...]]:
    """A timm model, the numbers of its stages or blocks to take features from, and their channels."""
    _refuse_unknown(name)
    if pretrained:
        pretrained_weights(name)
    try:
        with interrupts_first(), _without_retries(pretrained and not comes_with_kit(name)), nothing_but_weights():
            backbone = _create(name, pretrained, drop_path)
    except UsageError:
        raise
    except TypeError as error:
        raise BackboneError(
            f"Backbone {name!r} does not accept the settings satkit needs: {error}. {other_backbones(name)}"
        ) from error
    except Exception as error:
        if not pretrained:
            raise
        raise _not_loaded(name, error) from error
    if not hasattr(backbone, "forward_intermediates"):
        raise BackboneError(f"Backbone {name!r} returns no intermediate features. {other_backbones(name)}")
    features = backbone.feature_info
    last_four = tuple(range(max(0, len(features) - 4), len(features)))
    taken = spread(len(features)) if is_plain(backbone) else last_four
    channels = tuple(features[i]["num_chs"] for i in taken)
    if not all(isinstance(count, int) for count in channels):
        raise BackboneError(f"Backbone {name!r} has no single map of features at a depth. {other_backbones(name)}")
    return backbone, taken, channels


def other_backbones(name: str) -> str:
    """A sentence with backbones to take instead of one that does not do."""
    others = [each for each in SUGGESTED_BACKBONES if each != name.split(".")[0]]
    return f"Choose one of {', '.join(others)}, or another timm model with maps of features."


def _not_loaded(name: str, error: Exception) -> UsageError:
    """What is said where timm could not load its weights: their file is at fault, or the network."""
    if isinstance(error, UNREADABLE) or type(error).__name__ == "UnpicklingError":
        return UsageError(
            f"The pretrained weights of {name!r} must be a whole file of weights alone, but it is damaged or holds "
            f"something else ({type(error).__name__}). Delete it, so that timm fetches it again, or {FROM_SCRATCH}."
        )
    return UsageError(
        f"The pretrained weights of {name!r} could not be loaded ({type(error).__name__}). Connect to the "
        f"network once so that timm can download them, or {FROM_SCRATCH}."
    )


def load_weights(backbone: nn.Module, path: str | Path) -> None:
    """Give a backbone the weights of a file: those of MiT or a whole SegFormer as they are released, or timm's own.

    A classifier of other classes in the file is left out.

    Args:
        backbone: As `build_backbone` makes it.
        path: A file of `read_weights`.

    Raises:
        UsageError: If the file does not hold weights alone, or they do not fit, with the difference; the backbone stays
            as it was.
    """
    found, own = read_weights(path), backbone.state_dict()
    if isinstance(backbone, mit.MixTransformer):
        found = mit.to_timm_names(found, backbone, str(path))
    heads = backbone.default_cfg.get("classifier") or ()
    heads = tuple(f"{head}." for head in ((heads,) if isinstance(heads, str) else heads))
    found = {name: value for name, value in found.items() if name in own or not name.startswith(heads)}
    check_weights(found, own, str(path))
    backbone.load_state_dict(found)


def is_plain(backbone: nn.Module) -> bool:
    """Whether a backbone is a row of blocks of one width, as a ViT is, and no pyramid of stages."""
    return len(getattr(backbone, "blocks", ())) == len(backbone.feature_info)


def comes_with_kit(name: str) -> bool:
    """Whether the pretrained weights of a backbone are a file of the kit."""
    return name.split(".")[0] in mit.SMALL


def pretrained_weights(name: str) -> str:
    """The pretrained weights of a backbone, in words that identify them; those of the kit are compared with their hash.

    Raises:
        UsageError: If the backbone is unknown, has no pretrained weights, or the kit's file is missing or damaged.
    """
    _refuse_unknown(name)
    cfg = timm.get_pretrained_cfg(name)
    if comes_with_kit(name):
        return f"pretext, sha256 {_checked(name, cfg.file)}"
    if cfg is None or not cfg.has_weights:
        raise UsageError(f"There are no pretrained weights of {name!r}. Instead, {FROM_SCRATCH}.")
    return cfg.hf_hub_id or cfg.url or cfg.file


def _refuse_unknown(name: str) -> None:
    """Raise unless timm has a model of this name."""
    if timm.is_model(name.split(".")[0]) and ":" not in name:
        return
    known = [*SUGGESTED_BACKBONES, *(model for model in timm.list_models() if model not in SUGGESTED_BACKBONES)]
    short = ", ".join(SUGGESTED_BACKBONES)
    error = str(unknown("backbone", name, known)).split(" Choose one of")[0]
    raise UsageError(f"{error} Choose one of: {short}, or another timm model.")


def _checked(name: str, weights: str) -> str:
    """The sha256 of a file of weights that comes with the kit, as it stands in the JSON file beside it.

    Raises:
        UsageError: If one of the two is missing or damaged.
    """
    file = Path(weights or f"{name}.safetensors")
    about = file.with_suffix(".json")
    for path in (file, about):
        if not path.is_file():
            raise _unusable(name, path, "missing")
    try:
        stored = read_json(about)["sha256"]
    except (ValueError, KeyError, TypeError) as error:
        raise _unusable(name, about, "damaged") from error
    if hashlib.sha256(file.read_bytes()).hexdigest() != stored:
        raise _unusable(name, file, "damaged")
    return stored


def _unusable(name: str, path: Path, how: str) -> UsageError:
    return UsageError(
        f"The pretrained weights of {name!r} cannot be used, because {path} is {how}. "
        f"Install satkit again, or {FROM_SCRATCH}."
    )


@contextmanager
def _without_retries(downloads: bool):
    """Without a network, set the download library offline, so that it uses its cache or fails at once.

    Args:
        downloads: Whether anything may be downloaded; if not, no connection is tried.
    """
    if not downloads:
        yield
        return
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
    """A timm model with every option that it accepts; a drop path that is asked for is not optional."""
    always = dict(pretrained=pretrained, num_classes=0)
    any_size = dict(dynamic_img_size=True, dynamic_img_pad=True)  # only ViTs accept these, and only they need them
    slower = dict(drop_path_rate=drop_path)
    tried = [{**any_size, **slower}, slower]
    if not drop_path:
        tried += [{}]
    for options in tried[:-1]:
        try:
            return timm.create_model(name, **always, **options)
        except TypeError:
            continue
    return timm.create_model(name, **always, **tried[-1])
