"""MiT is timm's PVTv2 class with the numbers of SegFormer's table 6, and reads the released weights."""

import re

import pytest
import torch
from safetensors.torch import save_file

from satkit.models import build_segmenter
from satkit.models.mit import SMALL, VARIANTS
from satkit.utils import _torchvision
from satkit.utils.errors import UsageError

_torchvision.ensure()

import timm  # noqa: E402

# encoder parameters in millions, without the classification head
MILLIONS = {"mit_b0": 3.3, "mit_b1": 13.2, "mit_b2": 24.2, "mit_b3": 44.1, "mit_b4": 60.8, "mit_b5": 81.4}
WIDTHS = {"mit_b0": (32, 64, 160, 256)}
DEPTHS = {
    "mit_b0": (2, 2, 2, 2),
    "mit_b1": (2, 2, 2, 2),
    "mit_b2": (3, 4, 6, 3),
    "mit_b3": (3, 4, 18, 3),
    "mit_b4": (3, 8, 27, 3),
    "mit_b5": (3, 6, 40, 3),
}


def parameters_by_hand(widths, depths) -> int:
    """Parameters of a MiT, counted layer by layer from the description in the paper."""
    total, before = 0, 3
    for index, (width, depth) in enumerate(zip(widths, depths, strict=True)):
        kernel, reduction = (7, 3, 3, 3)[index], (8, 4, 2, 1)[index]
        norm = 2 * width
        patches = kernel * kernel * before * width + width + norm
        attention = 4 * (width * width + width)  # queries, keys, values and output
        if reduction > 1:
            attention += reduction * reduction * width * width + width + norm
        hidden = 4 * width
        mix = (width * hidden + hidden) + (9 * hidden + hidden) + (hidden * width + width)
        total += patches + depth * (norm + attention + norm + mix) + norm
        before = width
    return total


@pytest.mark.parametrize("name", MILLIONS)
def test_parameters_add_up_to_the_paper_s(name):
    model = timm.create_model(name, num_classes=0, device="meta")
    count = sum(parameter.numel() for parameter in model.parameters())
    assert count == parameters_by_hand(WIDTHS.get(name, (64, 128, 320, 512)), DEPTHS[name])
    assert count / 1e6 == pytest.approx(MILLIONS[name], rel=0.006)


def test_small_members_have_the_promised_size():
    counts = {name: sum(p.numel() for p in timm.create_model(name, device="meta").parameters()) for name in SMALL}
    assert 0.4e6 < counts["mit_quick"] < 0.7e6
    assert 0.7e6 < counts["mit_scenes"] < 1.2e6


@pytest.mark.parametrize(("name", "size", "side"), [("mit_quick", 64, 8), ("mit_scenes", 96, 12)])
def test_small_members_have_as_many_keys_in_every_stage(name, size, side):
    segmenter = build_segmenter(name, (3,), decoder_width=16).eval()
    with torch.no_grad():
        taps = segmenter(torch.randn(1, 3, size, size), attention=True).attention
    assert [tap.key_grid for tap in taps] == [(side, side)] * 4
    assert [tap.keys.shape[2] for tap in taps] == [side * side] * 4
    assert [tap.query_grid for tap in taps] == [(2 * side, 2 * side), *[(side, side)] * 3]


@pytest.mark.parametrize(
    ("name", "reductions"),
    [*((name, [4, 8, 16, 32]) for name in MILLIONS), ("mit_quick", [4, 8, 8, 8]), ("mit_scenes", [4, 8, 8, 8])],
)
def test_feature_maps_are_smaller_by_what_timm_is_told(name, reductions):
    model = timm.create_model(name, num_classes=0, device="meta")
    features = model.forward_intermediates(torch.empty(1, 3, 64, 96, device="meta"), intermediates_only=True)
    assert [info["reduction"] for info in model.feature_info] == reductions
    assert [tuple(feature.shape[1:]) for feature in features] == [
        (info["num_chs"], 64 // reduction, 96 // reduction)
        for info, reduction in zip(model.feature_info, reductions, strict=True)
    ]


def test_norms_have_the_released_epsilon_and_the_third_stage_five_heads():
    model = timm.create_model("mit_b2", num_classes=0, device="meta")
    for stage in model.stages:
        norms = [stage.norm, *(norm for block in stage.blocks for norm in (block.norm1, block.norm2))]
        assert {norm.eps for norm in norms} == {1e-6}
    assert [stage.blocks[0].attn.num_heads for stage in model.stages] == [1, 2, 5, 8]
    assert [stage.blocks[0].mlp.fc1.out_features for stage in model.stages] == [256, 512, 1280, 2048]


def as_the_authors_spell(weights: dict) -> dict:
    spelt = {}
    for key, value in weights.items():
        place = key.split(".")
        if place[0] == "patch_embed":
            place = ["patch_embed1", *place[1:]]
        elif place[0] == "stages":
            number, rest = int(place[1]) + 1, place[2:]
            if rest[0] == "downsample":
                place = [f"patch_embed{number}", *rest[1:]]
            elif rest[0] == "norm":
                place = [f"norm{number}", *rest[1:]]
            else:
                place = [f"block{number}", *rest[1:]]
                if "dwconv" in place:
                    place.insert(place.index("dwconv"), "dwconv")
        spelt[".".join(place)] = value
    return spelt


TRANSFORMERS_NAMES = {
    "attn.q": "attention.self.query",
    "attn.sr": "attention.self.sr",
    "attn.norm": "attention.self.layer_norm",
    "attn.proj": "attention.output.dense",
    "norm1": "layer_norm_1",
    "norm2": "layer_norm_2",
    "mlp.fc1": "mlp.dense1",
    "mlp.dwconv": "mlp.dwconv.dwconv",
    "mlp.fc2": "mlp.dense2",
}


def as_transformers_spells(weights: dict) -> dict:
    spelt = {}
    for key, value in weights.items():
        path, kind = key.rsplit(".", 1)
        if path == "head":
            spelt[f"classifier.{kind}"] = value
            continue
        patches = re.fullmatch(r"(?:patch_embed|stages\.(\d)\.downsample)\.(proj|norm)", path)
        last = re.fullmatch(r"stages\.(\d)\.norm", path)
        block = re.fullmatch(r"stages\.(\d)\.blocks\.(\d+)\.(.+)", path)
        encoder = "segformer.encoder"
        if patches:
            layer = {"proj": "proj", "norm": "layer_norm"}[patches[2]]
            spelt[f"{encoder}.patch_embeddings.{patches[1] or 0}.{layer}.{kind}"] = value
        elif last:
            spelt[f"{encoder}.layer_norm.{last[1]}.{kind}"] = value
        elif block[3] == "attn.kv":  # apart there, keys first
            half = len(value) // 2
            place = f"{encoder}.block.{block[1]}.{block[2]}.attention.self"
            spelt[f"{place}.key.{kind}"], spelt[f"{place}.value.{kind}"] = value[:half], value[half:]
        else:
            spelt[f"{encoder}.block.{block[1]}.{block[2]}.{TRANSFORMERS_NAMES[block[3]]}.{kind}"] = value
    return spelt


# What the library's own conversion changes since its version 5.
SINCE_VERSION_5 = (
    (r"encoder.patch_embeddings.(\d+).", r"stages.\1.patch_embeddings."),
    (r"encoder.block.(\d+).", r"stages.\1.blocks."),
    (r"encoder.layer_norm.(\d+)", r"stages.\1.layer_norm"),
    ("attention.self.query", "attention.q_proj"),
    ("attention.self.key", "attention.k_proj"),
    ("attention.self.value", "attention.v_proj"),
    ("attention.self.sr", "attention.sequence_reduction.sequence_reduction"),
    ("attention.self.layer_norm", "attention.sequence_reduction.layer_norm"),
    ("attention.output.dense", "attention.o_proj"),
    ("mlp.dense1", "mlp.fc1"),
    ("mlp.dense2", "mlp.fc2"),
    ("layer_norm_1", "layernorm_before"),
    ("layer_norm_2", "layernorm_after"),
)


def as_transformers_spells_since_version_5(weights: dict) -> dict:
    spelt = {}
    for key, value in as_transformers_spells(weights).items():
        for old, new in SINCE_VERSION_5:
            key = re.sub(old, new, key)
        spelt[key] = value
    return spelt


def as_a_whole_segformer_is_spelt(weights: dict) -> dict:
    return {
        **as_transformers_spells_since_version_5(weights),
        "decode_head.linear_fuse.weight": torch.zeros(2, 2),
        "decode_head.classifier.bias": torch.zeros(2),
    }


def as_an_encoder_alone_is_spelt(weights: dict) -> dict:
    return {key.removeprefix("segformer."): value for key, value in as_transformers_spells(weights).items()}


SPELLINGS = [
    dict,
    as_the_authors_spell,
    as_transformers_spells,
    as_transformers_spells_since_version_5,
    as_a_whole_segformer_is_spelt,
    as_an_encoder_alone_is_spelt,
]


@pytest.mark.parametrize("spell", SPELLINGS)
@pytest.mark.parametrize("name", ["mit_b0", "mit_quick"])
def test_released_weights_load_through_timm_in_every_spelling(tmp_path, name, spell):
    released = timm.create_model(name, num_classes=1000).eval()
    weights = spell(released.state_dict())
    assert spell is dict or set(weights) != set(released.state_dict())
    save_file({key: value.contiguous() for key, value in weights.items()}, tmp_path / "weights.safetensors")
    overlay = {"file": str(tmp_path / "weights.safetensors"), "num_classes": 1000}
    images = torch.randn(1, 3, 64, 64)
    for num_classes in (1000, 0):
        loaded = timm.create_model(
            name, pretrained=True, pretrained_cfg_overlay=overlay, num_classes=num_classes
        ).eval()
        for ours, theirs in zip(
            loaded.forward_intermediates(images, intermediates_only=True),
            released.forward_intermediates(images, intermediates_only=True),
            strict=True,
        ):
            assert torch.equal(ours, theirs)
        if num_classes:
            assert torch.equal(loaded(images), released(images))


def test_weights_that_lack_a_layer_do_not_load(tmp_path):
    weights = as_the_authors_spell(timm.create_model("mit_quick", num_classes=1000).state_dict())
    del weights["block3.1.attn.kv.weight"]
    save_file(weights, tmp_path / "weights.safetensors")
    overlay = {"file": str(tmp_path / "weights.safetensors")}
    for classes in (0, 1000):  # without a head timm itself would leave the layer random and say nothing
        with pytest.raises(UsageError, match=r"1 are missing, the first is 'stages\.2\.blocks\.1\.attn\.kv\.weight'"):
            timm.create_model("mit_quick", num_classes=classes, pretrained=True, pretrained_cfg_overlay=overlay)


@pytest.mark.parametrize("name", SMALL)
def test_weights_of_another_width_do_not_load(tmp_path, name):
    other = {"mit_quick": "mit_scenes", "mit_scenes": "mit_quick"}[name]
    weights = {**timm.create_model(name).state_dict(), **timm.create_model(other).state_dict()}
    save_file({key: value.contiguous() for key, value in weights.items()}, tmp_path / "weights.safetensors")
    said = r"'stages\.1\.\S+' must have the shape .+, got .+same variant\.$"
    with pytest.raises(UsageError, match=said):
        timm.create_model(name, pretrained=True, pretrained_cfg_overlay={"file": str(tmp_path / "weights.safetensors")})


def test_weights_for_colour_images_are_adapted_to_grey_ones_by_timm(tmp_path):
    weights = timm.create_model("mit_quick").state_dict()
    save_file(weights, tmp_path / "weights.safetensors")
    overlay = {"file": str(tmp_path / "weights.safetensors")}
    grey = timm.create_model("mit_quick", in_chans=1, pretrained=True, pretrained_cfg_overlay=overlay)
    summed = weights["patch_embed.proj.weight"].sum(dim=1, keepdim=True)
    torch.testing.assert_close(grey.state_dict()["patch_embed.proj.weight"], summed)


def test_every_variant_is_known_to_timm():
    assert set(VARIANTS) <= set(timm.list_models("mit_*"))
