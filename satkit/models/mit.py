"""Mix Transformer (MiT-B0 .. B5), SegFormer's encoder, registered with timm.

timm has PVTv2 but not MiT. The two differ only in numbers: MiT has an MLP ratio of 4 in every stage, and 5 instead of
4 heads in the third (Xie et al., SegFormer, NeurIPS 2021, table 6). So a MiT is timm's PVTv2 class with MiT's numbers,
and timm's own loading, `pretrained=True` included, works for it.

Two small variants are for the embedded scenes: `mit_quick` (64 x 64 pixels) and `mit_scenes` (96 x 96). Their third and
fourth stage keep the size of the second, so that every stage has 8 x 8 keys (12 x 12): SegFormer at 512 pixels has as
many in every stage (16 x 16), and what a pixel attends to can be read from a map of 64 keys, but not from one of 4.

The weights of the small variants come with the kit (`satkit pretrain`). Those of the others are released under three
naming schemes, that of the authors and those of the transformers library before and since its version 5; all are read.
"""

import itertools
import operator
import re

import torch

from satkit.models.weight_files import check_weights
from satkit.utils import _torchvision
from satkit.utils.assets import asset

_torchvision.ensure()

from timm.models import build_model_with_cfg, generate_default_cfgs, register_model  # noqa: E402
from timm.models.pvt_v2 import PyramidVisionTransformerV2, checkpoint_filter_fn  # noqa: E402

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)

FIRST = "patch_embed.proj"  # timm's name of the first layer
HEAD = "head."  # before the names of its classifier
STRIDES = (4, 2, 2, 2)
_MIT = dict(num_heads=(1, 2, 5, 8), sr_ratios=(8, 4, 2, 1), mlp_ratios=(4.0,) * 4, drop_path_rate=0.1)
_WIDE = dict(embed_dims=(64, 128, 320, 512), **_MIT)

VARIANTS = {
    "mit_b0": dict(embed_dims=(32, 64, 160, 256), depths=(2, 2, 2, 2), **_MIT),
    "mit_b1": dict(depths=(2, 2, 2, 2), **_WIDE),
    "mit_b2": dict(depths=(3, 4, 6, 3), **_WIDE),
    "mit_b3": dict(depths=(3, 4, 18, 3), **_WIDE),
    "mit_b4": dict(depths=(3, 8, 27, 3), **_WIDE),
    "mit_b5": dict(depths=(3, 6, 40, 3), **_WIDE),
    "mit_quick": dict(
        embed_dims=(32, 48, 96, 96),
        depths=(1, 1, 2, 1),
        num_heads=(1, 2, 4, 4),
        sr_ratios=(2, 1, 1, 1),
        strides=(4, 2, 1, 1),
        mlp_ratios=(4.0,) * 4,
    ),
    "mit_scenes": dict(
        embed_dims=(32, 64, 112, 128),
        depths=(2, 2, 2, 1),
        num_heads=(1, 2, 4, 4),
        sr_ratios=(2, 1, 1, 1),
        strides=(4, 2, 1, 1),
        mlp_ratios=(4.0,) * 4,
    ),
}
SMALL = ("mit_quick", "mit_scenes")  # for the embedded data; their weights come with the kit


def to_timm_names(
    state_dict: dict[str, torch.Tensor], model: torch.nn.Module, source: str = "Pretrained weights"
) -> dict[str, torch.Tensor]:
    """Weights under timm's parameter names, from any naming scheme in which MiT weights are released.

    Args:
        source: What they are, as the beginning of a sentence.

    Raises:
        UsageError: If a layer of the encoder is missing, which timm alone would leave random, or has another shape, if
            there is more than the encoder, or a number is not finite. The first layer may have other input channels, to
            which timm adapts it.
    """
    renamed = checkpoint_filter_fn(_renamed(_of_the_encoder(state_dict)), model)
    encoder = {name: value for name, value in model.state_dict().items() if not name.startswith(HEAD)}
    found = {name: value for name, value in renamed.items() if not name.startswith(HEAD)}
    check_weights(found, encoder, source, adapted=(f"{FIRST}.weight",))
    return renamed


def _of_the_encoder(state_dict: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """The encoder's part of the weights of a whole SegFormer, whose names have "backbone." before them."""
    own = {name: value for name, value in state_dict.items() if not name.startswith("decode_head.")}
    return {name.removeprefix("backbone."): value for name, value in own.items()}


def _renamed(state_dict: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    of_transformers = any("patch_embeddings." in name for name in state_dict)
    return _from_transformers(state_dict) if of_transformers else state_dict


# The transformers library had other names before its version 5, which stand second where there are two.
TRANSFORMERS_NAMES = (
    (r"^(segformer\.)?(encoder\.)?", ""),
    (r"^classifier\.", "head."),
    (r"^(?:stages\.0\.patch_embeddings|patch_embeddings\.0)\.", "patch_embed."),
    (r"^(?:stages\.(\d)\.patch_embeddings|patch_embeddings\.(\d))\.", r"stages.\1\2.downsample."),
    (r"^block\.(\d)\.(\d+)\.", r"stages.\1.blocks.\2."),
    (r"^layer_norm\.(\d)\.", r"stages.\1.norm."),
    (r"attention\.(?:q_proj|self\.query)", "attn.q"),
    (r"attention\.(?:k_proj|self\.key)", "attn.k"),
    (r"attention\.(?:v_proj|self\.value)", "attn.v"),
    (r"attention\.(?:sequence_reduction|self)\.layer_norm", "attn.norm"),
    (r"attention\.(?:sequence_reduction\.sequence_reduction|self\.sr)", "attn.sr"),
    (r"attention\.(?:o_proj|output\.dense)", "attn.proj"),
    (r"layernorm_before|layer_norm_1", "norm1"),
    (r"layernorm_after|layer_norm_2", "norm2"),
    (r"layer_norm", "norm"),
    (r"mlp\.dense(\d)", r"mlp.fc\1"),
    (r"dwconv\.dwconv", "dwconv"),
)


def _from_transformers(state_dict: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    renamed = {}
    for key, value in state_dict.items():
        for old, new in TRANSFORMERS_NAMES:
            key = re.sub(old, new, key)
        renamed[key] = value
    for key in [key for key in renamed if re.search(r"attn\.k\.(weight|bias)$", key)]:
        value_key = key.replace("attn.k.", "attn.v.")
        if value_key in renamed and renamed[key].shape == renamed[value_key].shape:
            renamed[key.replace("attn.k.", "attn.kv.")] = torch.cat([renamed.pop(key), renamed.pop(value_key)])
    return renamed


class MixTransformer(PyramidVisionTransformerV2):
    """timm's PVTv2 with strides of its own.

    Args:
        strides: Factor by which each stage reduces its input; SegFormer's are 4, 2, 2, 2.
    """

    def __init__(self, *args, strides: tuple[int, ...] = STRIDES, **kwargs):
        super().__init__(*args, **kwargs)
        downsampling = [self.patch_embed, *(stage.downsample for stage in self.stages[1:])]
        reductions = itertools.accumulate(strides, operator.mul)
        for layer, stride, info, reduction in zip(downsampling, strides, self.feature_info, reductions, strict=True):
            layer.proj.stride = (stride, stride)
            info["reduction"] = reduction


def _create(variant: str, pretrained: bool, **kwargs) -> MixTransformer:
    return build_model_with_cfg(
        MixTransformer,
        variant,
        pretrained,
        pretrained_filter_fn=to_timm_names,
        feature_cfg=dict(flatten_sequential=True, out_indices=kwargs.pop("out_indices", (0, 1, 2, 3))),
        **{**VARIANTS[variant], **kwargs},
    )


def kit_weights(variant: str) -> str:
    """The file of a variant's weights that comes with the kit; empty if there is none."""
    try:
        return str(asset(f"backbones/{variant}.safetensors"))
    except FileNotFoundError:
        return ""


def _pretrained_cfg(variant: str) -> dict:
    size = variant.rsplit("_", 1)[1]
    hub = {"hf_hub_id": f"nvidia/mit-{size}", "hf_hub_filename": "pytorch_model.bin", "num_classes": 1000}
    kit = {"file": kit_weights(variant), "num_classes": 0}  # these hold no classifier
    return {
        "url": "",
        "input_size": (3, 224, 224),
        "pool_size": (7, 7),
        "mean": IMAGENET_MEAN,
        "std": IMAGENET_STD,
        "first_conv": FIRST,
        "classifier": "head",
        "fixed_input_size": False,
        **(kit if variant in SMALL else hub),
    }


default_cfgs = generate_default_cfgs(
    {f"{variant}.{'pretext' if variant in SMALL else 'in1k'}": _pretrained_cfg(variant) for variant in VARIANTS}
)


@register_model
def mit_b0(pretrained=False, **kwargs) -> MixTransformer:
    """MiT-B0: 3.3 M parameters."""
    return _create("mit_b0", pretrained, **kwargs)


@register_model
def mit_b1(pretrained=False, **kwargs) -> MixTransformer:
    """MiT-B1: 13.2 M parameters."""
    return _create("mit_b1", pretrained, **kwargs)


@register_model
def mit_b2(pretrained=False, **kwargs) -> MixTransformer:
    """MiT-B2, the encoder of the SATS paper: 24.2 M parameters."""
    return _create("mit_b2", pretrained, **kwargs)


@register_model
def mit_b3(pretrained=False, **kwargs) -> MixTransformer:
    """MiT-B3: 44.1 M parameters."""
    return _create("mit_b3", pretrained, **kwargs)


@register_model
def mit_b4(pretrained=False, **kwargs) -> MixTransformer:
    """MiT-B4: 60.8 M parameters."""
    return _create("mit_b4", pretrained, **kwargs)


@register_model
def mit_b5(pretrained=False, **kwargs) -> MixTransformer:
    """MiT-B5: 81.4 M parameters."""
    return _create("mit_b5", pretrained, **kwargs)


@register_model
def mit_quick(pretrained=False, **kwargs) -> MixTransformer:
    """A MiT for scenes of 64 x 64 pixels, half a million parameters, pretrained on the pretext."""
    return _create("mit_quick", pretrained, **kwargs)


@register_model
def mit_scenes(pretrained=False, **kwargs) -> MixTransformer:
    """A MiT for scenes of 96 x 96 pixels, a million parameters, pretrained on the pretext."""
    return _create("mit_scenes", pretrained, **kwargs)
