"""Taps: the recorded queries and keys are those of the attention that the network computes."""

import copy
from functools import lru_cache

import pytest
import torch
from samples import count_hooks
from taps import unfused_attention
from torch.testing import assert_close

from satkit.models.attention_taps import AttentionTap, BackboneError, Capture, attention_blocks, spread, tapped
from satkit.strategies import region_pool
from satkit.utils import _torchvision
from satkit.utils.errors import UsageError

_torchvision.ensure()

import timm  # noqa: E402

ANY_SIZE = dict(dynamic_img_size=True, dynamic_img_pad=True, depth=4)

# name -> (timm name, options, size of the images, prefix tokens)
MODELS = {
    "mit_b0": ("mit_b0", {}, (64, 96), 0),
    "mit_b0, odd size": ("mit_b0", {}, (70, 90), 0),
    "mit_quick": ("mit_quick", {}, (64, 96), 0),
    "pvt_v2_b0": ("pvt_v2_b0", {}, (64, 96), 0),
    "pvt_v2_b2_li": ("pvt_v2_b2_li", dict(depths=(1, 1, 2, 1)), (64, 96), 0),
    "vit_tiny": ("vit_tiny_patch16_224", ANY_SIZE, (64, 90), 1),
    "vit_tiny, twelve blocks": ("vit_tiny_patch16_224", {**ANY_SIZE, "depth": 12}, (32, 48), 1),
    "vit with registers and normed queries": (
        "vit_tiny_patch16_224",
        {**ANY_SIZE, "reg_tokens": 3, "qk_norm": True},
        (64, 96),
        4,
    ),
    "distilled deit": ("deit_tiny_distilled_patch16_224", ANY_SIZE, (48, 64), 2),
    "eva02": ("eva02_tiny_patch14_224", dict(img_size=(42, 56), depth=4), (42, 56), 1),
}
HOOKED = [name for name in MODELS if name != "eva02"]
every_model = pytest.mark.parametrize("name", MODELS)
hooked_model = pytest.mark.parametrize("name", HOOKED)


@lru_cache
def fresh_model(name: str) -> torch.nn.Module:
    timm_name, options, _, _ = MODELS[name]
    torch.manual_seed(0)
    model = timm.create_model(timm_name, num_classes=0, **options).eval()
    for module in attention_blocks(model).values():  # a random network attends almost evenly: sharpen it
        for part in ("q", "kv", "qkv"):
            if getattr(module, part, None) is not None:
                getattr(module, part).weight.data.mul_(8)
    return model


def images_for(name: str, seed: int = 1) -> torch.Tensor:
    return torch.randn(2, 3, *MODELS[name][2], generator=torch.Generator().manual_seed(seed))


def taps_of(model, images, method="auto") -> tuple[AttentionTap, ...]:
    with tapped(model, method) as capture:
        model.forward_intermediates(images)
    return capture.taps()


@hooked_model
def test_hooks_and_interception_catch_the_same(name):
    model, images = fresh_model(name), images_for(name)
    with torch.no_grad():
        by_hooks, by_interception = (taps_of(model, images, way) for way in ("hooks", "interception"))
    assert [tap.name for tap in by_hooks] == [tap.name for tap in by_interception]
    for ours, theirs in zip(by_hooks, by_interception, strict=True):
        assert torch.equal(ours.queries, theirs.queries)
        assert torch.equal(ours.keys, theirs.keys)
        assert ours.scale == pytest.approx(theirs.scale)
        assert (ours.query_grid, ours.key_grid) == (theirs.query_grid, theirs.key_grid)


@every_model
def test_weights_equal_the_attention_of_an_unfused_run(name):
    model, images, prefix = fresh_model(name), images_for(name), MODELS[name][3]
    taps = taps_of(model, images)
    unfused = unfused_attention(model, images)
    assert len(taps) == len(unfused) == 4
    spreads = []
    for tap, expected in zip(taps, unfused, strict=True):
        patches = expected[:, :, prefix:, prefix:]
        patches = patches / patches.sum(-1, keepdim=True)  # attention among patches, without prefix tokens
        assert_close(tap.weights(), patches, atol=1e-6, rtol=1e-4)
        assert_close(tap.weights().sum(-1), torch.ones(patches.shape[:3]), atol=1e-5, rtol=0)
        spreads.append((patches - patches.mean(-1, keepdim=True)).abs().max())
    assert max(spreads) > 0.01  # the comparison is not one of even rows


@every_model
def test_grids_match_the_tokens_and_the_features(name):
    model, images = fresh_model(name), images_for(name)
    with torch.no_grad(), tapped(model) as capture:
        features = model.forward_intermediates(images, intermediates_only=True)
    taps = capture.taps()
    maps = features if len(features) == len(taps) else [features[i] for i in spread(len(features))]
    for tap, feature in zip(taps, maps, strict=True):
        assert tap.query_grid == tuple(feature.shape[-2:])
        assert tap.queries.shape[2] == tap.query_grid[0] * tap.query_grid[1]
        assert tap.keys.shape[2] == tap.key_grid[0] * tap.key_grid[1]


def test_grids_of_sizes_that_the_stride_does_not_divide():
    taps = taps_of(fresh_model("mit_b0, odd size"), images_for("mit_b0, odd size"))  # 70 x 90 pixels
    assert [tap.query_grid for tap in taps] == [(18, 23), (9, 12), (5, 6), (3, 3)]
    assert [tap.key_grid for tap in taps] == [(2, 2), (2, 3), (2, 3), (3, 3)]
    taps = taps_of(fresh_model("vit_tiny"), images_for("vit_tiny"))  # 64 x 90 pixels, padded to whole patches
    assert [tap.query_grid for tap in taps] == [(4, 6)] * 4
    taps = taps_of(fresh_model("pvt_v2_b2_li"), images_for("pvt_v2_b2_li"))  # keys pooled to 7 x 7
    assert [tap.key_grid for tap in taps] == [(7, 7)] * 4


@pytest.mark.parametrize(("name", "patch", "around"), [("vit_tiny", 16, 0), ("mit_quick", 4, 1)])
def test_queries_lie_in_the_grid_row_by_row(name, patch, around):
    model, images = fresh_model(name), images_for(name)
    row, column = 1, 4
    changed = images.clone()
    changed[:, :, row * patch : (row + 1) * patch, column * patch : (column + 1) * patch] += 1
    with torch.no_grad():
        before, after = taps_of(model, images)[0], taps_of(model, changed)[0]
    moved = (before.queries != after.queries).any(-1).any(1)[0].view(before.query_grid)
    rows, columns = moved.nonzero(as_tuple=True)
    assert moved[row, column]
    assert (rows - row).abs().max() <= around
    assert (columns - column).abs().max() <= around


@every_model
def test_region_pool_equals_the_einsum_over_the_weights(name):
    model, images = fresh_model(name), images_for(name)
    height, width = images.shape[-2:]
    labels = torch.zeros(2, height, width, dtype=torch.uint8)
    labels[0, : height // 2], labels[0, :, : width // 4], labels[1, :, width // 2 :] = 1, 255, 2
    for tap in taps_of(model, images):
        relations, present = region_pool(tap, labels, (1, 2, 3))
        weights = tap.weights()
        assert present.tolist() == [[True, False, False], [False, True, False]]
        rows = [(int((i + 0.5) * height / tap.query_grid[0])) for i in range(tap.query_grid[0])]
        columns = [(int((i + 0.5) * width / tap.query_grid[1])) for i in range(tap.query_grid[1])]
        at_query = labels[:, rows][:, :, columns].flatten(1)
        for image, index in ((0, 1), (1, 2)):
            inside = (at_query[image] == index).float()
            expected = torch.einsum("q,hqk->hk", inside / inside.sum(), weights[image])
            assert_close(relations[image, index - 1], expected, atol=1e-6, rtol=0)
            assert relations[image, 2].abs().max() == 0


@every_model
def test_gradients_reach_the_projections_of_queries_and_keys(name):
    model, images = copy.deepcopy(fresh_model(name)), images_for(name)
    labels = torch.ones(2, *images.shape[-2:], dtype=torch.uint8)
    labels[:, ::2] = 2
    last = list(attention_blocks(model).values())[-1]
    taps = taps_of(model, images)
    assert all(tap.queries.requires_grad and tap.keys.requires_grad for tap in taps)
    region_pool(taps[-1], labels, (1, 2))[0].square().sum().backward()
    if hasattr(last, "kv"):
        queries, (keys, values) = last.q.weight.grad, last.kv.weight.grad.chunk(2)
    elif last.qkv is not None:
        queries, keys, values = last.qkv.weight.grad.chunk(3)
    else:
        queries, keys, values = last.q_proj.weight.grad, last.k_proj.weight.grad, last.v_proj.weight.grad
    assert queries.abs().max() > 0
    assert keys.abs().max() > 0
    assert values is None or values.abs().max() == 0  # no map from attention weights leads through the values


@pytest.mark.parametrize("method", ["hooks", "interception"])
@pytest.mark.parametrize("name", ["mit_quick", "vit_tiny"])
def test_a_tap_leaves_no_hook_behind_and_sees_nothing_afterwards(name, method):
    model, first, second = fresh_model(name), images_for(name, 1), images_for(name, 2)
    with torch.no_grad(), tapped(model, method) as capture:
        model.forward_intermediates(first)
    before = [tap.queries.clone() for tap in capture.taps()]
    with torch.no_grad():
        model.forward_intermediates(second)
    assert all(torch.equal(tap.queries, queries) for tap, queries in zip(capture.taps(), before, strict=True))
    assert count_hooks(model) == 0
    with pytest.raises(RuntimeError, match="channels"), tapped(model, method) as capture:
        model.forward_intermediates(first[:, :2])  # two channels where three are expected
    with torch.no_grad():
        model.forward_intermediates(second)
    with pytest.raises(BackboneError, match="none arrived from"):
        capture.taps()
    assert count_hooks(model) == 0


@pytest.mark.parametrize("name", ["mit_quick", "vit_tiny", "eva02"])
def test_a_second_forward_pass_replaces_the_first(name):
    model, first, second = fresh_model(name), images_for(name, 1), images_for(name, 2)
    with torch.no_grad(), tapped(model) as capture:
        model.forward_intermediates(first)
        model.forward_intermediates(second[:1])
    for tap, expected in zip(capture.taps(), taps_of(model, second[:1]), strict=True):
        assert_close(tap.queries, expected.queries.detach())
        assert_close(tap.keys, expected.keys.detach())


@pytest.mark.parametrize("name", ["mit_quick", "vit_tiny", "eva02"])
def test_a_deep_copy_taps_itself(name):
    model, images = fresh_model(name), images_for(name)
    twin = copy.deepcopy(model)
    for parameter in twin.parameters():
        parameter.data.add_(0.1 * torch.randn(parameter.shape, generator=torch.Generator().manual_seed(3)))
    original = taps_of(model, images)
    with tapped(model) as untouched:
        copied = taps_of(twin, images)
    assert untouched.queries == {}
    for tap, expected, other in zip(copied, unfused_attention(twin, images), original, strict=True):
        prefix = MODELS[name][3]
        patches = expected[:, :, prefix:, prefix:]
        assert_close(tap.weights(), patches / patches.sum(-1, keepdim=True), atol=1e-5, rtol=1e-3)
        assert (tap.queries - other.queries).abs().max() > 1e-3


@pytest.mark.parametrize("name", ["mit_quick", "vit_tiny", "eva02"])
def test_weights_are_float32_under_autocast(name):
    model, images = fresh_model(name), images_for(name)
    with torch.no_grad(), torch.autocast("cpu", dtype=torch.bfloat16):
        taps = taps_of(model, images)
        weights = [tap.weights() for tap in taps]
    for tap, each in zip(taps, weights, strict=True):
        assert each.dtype == torch.float32
        scores = tap.scale * tap.queries.double() @ tap.keys.double().transpose(-2, -1)
        assert_close(each, scores.softmax(-1).float(), atol=1e-6, rtol=0)
        assert_close(each.sum(-1), torch.ones(each.shape[:3]), atol=1e-5, rtol=0)


def test_windowed_attention_is_refused():
    model = timm.create_model("swin_tiny_patch4_window7_224", depths=(1, 1, 1, 1), num_classes=0, device="meta")
    with pytest.raises(BackboneError, match="attends within windows"), tapped(model):
        pass


def test_a_network_without_attention_is_refused():
    model = timm.create_model("resnet18", num_classes=0, device="meta")
    with (
        pytest.raises(BackboneError, match="ResNet has no self-attention that satkit can tap"),
        tapped(model),
    ):
        pass


def test_attention_with_a_bias_is_refused():
    model = timm.create_model("beit_base_patch16_224", img_size=32, depth=4, embed_dim=24, num_heads=2, num_classes=0)
    with pytest.raises(BackboneError, match="adds a bias or a mask"):
        taps_of(model, torch.randn(1, 3, 32, 32))
    assert count_hooks(model) == 0


def test_interception_without_fused_attention_is_refused():
    model = copy.deepcopy(fresh_model("mit_quick"))
    attention_blocks(model)["stage 3"].fused_attn = False
    with pytest.raises(BackboneError, match="none arrived from stage 3.*as fused attention does"):
        taps_of(model, images_for("mit_quick"), "interception")
    assert len(taps_of(model, images_for("mit_quick"), "hooks")) == 4


def test_tokens_that_do_not_fill_their_grid_are_refused():
    tokens = torch.zeros(1, 1, 5, 2)
    capture = Capture(["block 1"], {0: ((2, 2), (2, 2))}, {0: tokens}, {0: tokens}, {0: 1.0})
    with pytest.raises(BackboneError, match="queries of block 1 must fill their grid of 2 x 2 patches, got 5"):
        capture.taps()
    capture.prefix = 1
    assert capture.taps()[0].queries.shape == (1, 1, 4, 2)


def test_an_unknown_method_is_refused():
    with (
        pytest.raises(UsageError, match="hooks, interception, got 'magic'"),
        tapped(fresh_model("mit_quick"), "magic"),
    ):
        pass


def test_the_last_block_of_every_stage_is_tapped_and_four_blocks_of_a_vit():
    pyramid, plain = fresh_model("mit_b0"), fresh_model("vit_tiny, twelve blocks")
    assert attention_blocks(pyramid) == {f"stage {i + 1}": pyramid.stages[i].blocks[1].attn for i in range(4)}
    assert attention_blocks(plain) == {f"block {i}": plain.blocks[i - 1].attn for i in (3, 6, 9, 12)}


def test_blocks_are_spread_evenly_and_end_with_the_last():
    assert spread(12) == (2, 5, 8, 11)
    assert spread(24) == (5, 11, 17, 23)
    assert spread(4) == (0, 1, 2, 3)
    assert spread(3) == (0, 1, 2)
