"""`relation_difference` is the difference of two pooled attentions, whole and in chunks, forward and backward."""

import pytest
import torch
from torch.testing import assert_close

from satkit.models import attention_pooling
from satkit.models.attention_taps import AttentionTap
from satkit.models.relation_difference import Membership, relation_difference

CLOSE = {torch.float32: 1e-5, torch.float64: 1e-10}


def case(seed: int, dtype: torch.dtype):
    """Student's and teacher's tap and bool membership: empty regions, an empty image, more regions than channels."""
    generator = torch.Generator().manual_seed(seed)

    def between(low: int, high: int) -> int:
        return int(torch.randint(low, high + 1, (), generator=generator))

    batch, heads, num_queries, num_keys, width, regions = (between(1, most) for most in (3, 4, 12, 12, 5, 9))

    def tap() -> AttentionTap:
        queries = torch.randn(batch, heads, num_queries, width, generator=generator, dtype=dtype)
        keys = torch.randn(batch, heads, num_keys, width, generator=generator, dtype=dtype)
        return AttentionTap("stage", queries, keys, width**-0.5, (1, num_queries), (1, num_keys))

    labels = torch.randint(0, regions + 3, (batch, num_queries), generator=generator)
    if seed % 3 == 0:
        labels[-1] = regions + 2
    return tap(), tap(), labels[:, None] == torch.arange(regions)[:, None]


def slow(student: AttentionTap, teacher: AttentionTap, inside: torch.Tensor) -> torch.Tensor:
    """Region by region and image by image."""
    difference = student.queries.new_zeros(*inside.shape[:2], student.queries.shape[1], student.keys.shape[2])
    for image in range(inside.shape[0]):
        for region in range(inside.shape[1]):
            rows = inside[image, region].nonzero().squeeze(1)
            if len(rows):
                ours, theirs = (
                    (tap.scale * tap.queries[image] @ tap.keys[image].transpose(1, 2)).softmax(-1)[:, rows].mean(1)
                    for tap in (student, teacher)
                )
                difference[image, region] = ours - theirs
    return difference


def value_and_gradients(function, student, teacher, inside):
    queries, keys = student.queries.clone().requires_grad_(), student.keys.clone().requires_grad_()
    tap = AttentionTap("stage", queries, keys, student.scale, student.query_grid, student.key_grid)
    difference = function(tap, teacher, inside)
    direction = torch.linspace(-1, 2, difference.numel(), dtype=difference.dtype).view(difference.shape)
    grads = torch.autograd.grad((difference * direction).sum(), (queries, keys), allow_unused=True)
    return difference.detach(), *(torch.zeros_like(queries) if each is None else each for each in grads[:1]), grads[1]


def everywhere(difference: torch.Tensor, membership: Membership) -> torch.Tensor:
    """A difference of some regions for all of them, 0 for those left out."""
    return torch.stack([membership.spread(each) for each in difference.unbind(dim=-1)], dim=-1)


def fast(student, teacher, inside, membership=None):
    dtype = torch.promote_types(student.queries.dtype, torch.float32)
    membership = membership or Membership.of(inside, dtype)
    return everywhere(relation_difference(student, teacher, membership), membership)


@pytest.fixture(params=[None, 1, 30, 10**6], ids=["whole", "one query", "a few", "all queries"])
def way(request, monkeypatch):
    """The whole at once, or chunks of so many attention weights."""
    if request.param:
        monkeypatch.setattr(attention_pooling, "LARGE", 0)
        monkeypatch.setattr(attention_pooling, "CHUNK", request.param)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_every_way_equals_loops_over_images_and_regions(way, dtype):
    for seed in range(60):
        student, teacher, inside = case(seed, dtype)
        found = value_and_gradients(fast, student, teacher, inside)
        if not inside.any():
            assert all(not each.any() for each in found)
            continue
        expected = value_and_gradients(slow, student, teacher, inside)
        for ours, theirs in zip(found, expected, strict=True):
            assert ours.dtype == dtype
            assert_close(ours, theirs, rtol=CLOSE[dtype], atol=CLOSE[dtype], msg=lambda text, s=seed: f"{s}: {text}")


def test_gradients_pass_gradcheck(way):
    student, teacher, inside = case(4, torch.float64)

    def function(queries, keys):
        tap = AttentionTap("stage", queries, keys, student.scale, student.query_grid, student.key_grid)
        return fast(tap, teacher, inside)

    assert torch.autograd.gradcheck(function, (student.queries.requires_grad_(), student.keys.requires_grad_()))


def test_equal_attention_has_the_difference_zero_and_a_finite_gradient(way):
    student, _, inside = case(4, torch.float32)
    difference, *gradients = value_and_gradients(fast, student, student, inside)
    assert not difference.any()
    assert all(each.isfinite().all() for each in gradients)


def test_another_device_computes_all_without_counting():
    student, teacher, inside = case(4, torch.float64)
    size = inside.sum(-1, keepdim=True)
    everything = Membership(size.squeeze(-1) > 0, inside.double() / size.clamp(min=1))  # as on a GPU
    assert Membership.of(inside).weights.numel() < everything.weights.numel()
    found = value_and_gradients(lambda *taps: fast(*taps, everything), student, teacher, inside)
    assert_close(found, value_and_gradients(slow, student, teacher, inside), rtol=1e-10, atol=1e-10)


def test_nothing_is_kept_for_the_backward_pass_but_queries_and_keys():
    student, teacher, inside = case(4, torch.float32)
    queries, keys = student.queries.requires_grad_(), student.keys.requires_grad_()
    kept = []
    with torch.autograd.graph.saved_tensors_hooks(lambda tensor: kept.append(tensor) or tensor, lambda tensor: tensor):
        relation_difference(student, teacher, Membership.of(inside))
    assert [each.data_ptr() for each in kept] == [queries.data_ptr(), keys.data_ptr()]


def test_bfloat16_taps_are_compared_in_float32_under_autocast():
    student, teacher, inside = case(4, torch.float32)
    low = [
        AttentionTap(each.name, each.queries.bfloat16(), each.keys.bfloat16(), each.scale, each.query_grid, (1, 1))
        for each in (student, teacher)
    ]
    with torch.autocast("cpu", dtype=torch.bfloat16):
        difference, for_queries, _ = value_and_gradients(fast, *low, inside)
    assert difference.dtype == torch.float32
    assert for_queries.dtype == torch.bfloat16
    expected = slow(*(AttentionTap("", x.queries.float(), x.keys.float(), x.scale, (), ()) for x in low), inside)
    assert_close(difference, expected, rtol=1e-5, atol=1e-6)
