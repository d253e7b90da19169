"""`pool_rows` is exact: whole and in chunks, forward and backward."""

import pytest
import torch
from torch.testing import assert_close

from satkit.models import attention_pooling as pooling
from satkit.models.attention_pooling import pool_rows

TOLERANCE = {torch.float32: dict(atol=1e-6, rtol=1e-6), torch.float64: dict(atol=1e-12, rtol=1e-12)}


@pytest.fixture
def use_chunks(monkeypatch):
    """Sends even small attention through chunks of the given number of weights."""

    def set_chunk(weights: int) -> None:
        monkeypatch.setattr(pooling, "LARGE", 0)
        monkeypatch.setattr(pooling, "CHUNK", weights)

    return set_chunk


def random_case(seed: int, dtype=torch.float64, batch=None):
    """Queries, keys, scale and a membership with empty regions, an empty image and queries of no region."""
    generator = torch.Generator().manual_seed(seed)

    def between(low: int, high: int) -> int:
        return int(torch.randint(low, high + 1, (), generator=generator))

    batch = batch or between(1, 3)
    heads, num_queries, num_keys, width, regions = (between(1, 4), *(between(1, 12) for _ in range(4)))
    queries = torch.randn(batch, heads, num_queries, width, generator=generator, dtype=dtype)
    keys = torch.randn(batch, heads, num_keys, width, generator=generator, dtype=dtype)
    labels = torch.randint(0, regions + 3, (batch, num_queries), generator=generator)  # some queries in no region
    if batch > 1:
        labels[-1] = regions + 2
    inside = (labels[:, None] == torch.arange(regions)[:, None]).to(dtype)
    return queries, keys, width**-0.5, inside / inside.sum(-1, keepdim=True).clamp(min=1)


def slow(queries, keys, scale, membership):
    scores = torch.einsum("bhqc,bhkc->bhqk", queries, keys) * scale
    weights = scores.exp() / scores.exp().sum(-1, keepdim=True)
    return torch.einsum("brq,bhqk->brhk", membership, weights)


def value_and_gradients(function, queries, keys, scale, membership):
    queries, keys = queries.clone().requires_grad_(), keys.clone().requires_grad_()
    pooled = function(queries, keys, scale, membership)
    direction = torch.linspace(-1, 2, pooled.numel(), dtype=pooled.dtype).view(pooled.shape)
    return pooled.detach(), *torch.autograd.grad((pooled * direction).sum(), (queries, keys))


def test_the_mean_row_of_two_queries_by_hand():
    queries = torch.tensor([[0.0], [1.0], [5.0]]).view(1, 1, 3, 1)
    keys = torch.tensor([[0.0], [3.0]]).log1p().view(1, 1, 2, 1)  # 0 and log 4
    pooled = pool_rows(queries, keys, 1.0, torch.tensor([[[0.5, 0.5, 0.0], [0.0, 0.0, 0.0]]]))
    # query 0 looks at both keys alike; query 1 at 1 : 4; their mean is (0.5 + 0.2) / 2 and (0.5 + 0.8) / 2
    assert_close(pooled[0, :, 0], torch.tensor([[0.35, 0.65], [0.0, 0.0]]))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("chunk", [None, 1, 30, 10**6], ids=["one go", "one query", "a few", "all queries"])
def test_every_way_equals_the_einsum_over_the_weights(use_chunks, dtype, chunk):
    if chunk:
        use_chunks(chunk)
    for seed in range(50):
        case = random_case(seed, dtype)
        results = value_and_gradients(pool_rows, *case)
        expected = value_and_gradients(slow, *(x.double() if torch.is_tensor(x) else x for x in case))
        assert results[0].dtype == dtype
        for name, result, value in zip(("pooled", "queries", "keys"), results, expected, strict=True):
            scale = 1 if name == "pooled" else value.abs().max().clamp(min=1)
            assert_close(result / scale, (value / scale).to(dtype), **TOLERANCE[dtype], msg=f"{name}, seed {seed}")


def test_the_backward_of_the_chunks_passes_gradcheck(use_chunks):
    use_chunks(20)  # with 2 heads and 3 keys: three queries a chunk, which does not divide seven
    generator = torch.Generator().manual_seed(0)
    queries = torch.randn(2, 2, 7, 4, generator=generator, dtype=torch.float64, requires_grad=True)
    keys = torch.randn(2, 2, 3, 4, generator=generator, dtype=torch.float64, requires_grad=True)
    membership = torch.rand(2, 2, 7, generator=generator, dtype=torch.float64)
    membership[0, :, 2] = 0  # a query of no region
    assert torch.autograd.gradcheck(lambda q, k: pool_rows(q, k, 0.5, membership), (queries, keys))


def test_large_attention_takes_the_chunked_way(monkeypatch):
    queries, keys, scale, membership = random_case(0)
    queries.requires_grad_()
    weights = queries.shape[0] * queries.shape[1] * queries.shape[2] * keys.shape[2]
    monkeypatch.setattr(pooling, "LARGE", weights)
    assert "ChunkedPooling" not in pool_rows(queries, keys, scale, membership).grad_fn.name()
    monkeypatch.setattr(pooling, "LARGE", weights - 1)
    assert "ChunkedPooling" in pool_rows(queries, keys, scale, membership).grad_fn.name()


def test_chunks_are_small_and_skip_queries_of_no_region(use_chunks, monkeypatch):
    use_chunks(24)
    calls = []
    rows = pooling.attention_rows

    def watched(queries, keys, scale):
        calls.append((queries.shape[-2], queries.shape[0] * queries.shape[-2] * keys.shape[-2]))
        return rows(queries, keys, scale)

    monkeypatch.setattr(pooling, "attention_rows", watched)
    membership = torch.zeros(2, 1, 10)
    membership[0, 0, 1:8] = 1 / 7  # seven queries of the first image, none of the second
    queries = torch.randn(2, 2, 10, 4, requires_grad=True)
    pool_rows(queries, torch.randn(2, 2, 4, 4), 1.0, membership).sum().backward()
    assert [count for count, _ in calls] == [3, 3, 1] * 2  # forward, then once more in the backward pass
    assert max(size for _, size in calls) <= 24


@pytest.mark.parametrize("chunked", [False, True])
def test_empty_regions_and_images_pool_to_zero_with_gradient_zero(use_chunks, chunked):
    if chunked:
        use_chunks(16)
    membership = torch.zeros(2, 3, 6)
    membership[0, 1] = 1 / 6
    pooled, queries, keys = value_and_gradients(
        pool_rows, torch.randn(2, 2, 6, 4), torch.randn(2, 2, 5, 4), 0.5, membership
    )
    assert pooled[0, [0, 2]].abs().max() == 0
    assert pooled[1].abs().max() == 0
    assert_close(pooled[0, 1].sum(-1), torch.ones(2))
    for gradient in (queries, keys):
        assert gradient[0].abs().max() > 0
        assert gradient[1].abs().max() == 0


@pytest.mark.parametrize("chunked", [False, True])
def test_bfloat16_under_autocast_is_computed_in_float32(use_chunks, chunked):
    if chunked:
        use_chunks(30)
    for seed in range(10):
        queries, keys, scale, membership = random_case(seed, torch.float32, batch=2)
        queries, keys = queries.bfloat16(), keys.bfloat16()
        with torch.autocast("cpu", dtype=torch.bfloat16):
            pooled = pool_rows(queries.requires_grad_(), keys.requires_grad_(), scale, membership)
        assert pooled.dtype == torch.float32
        expected = slow(queries.double(), keys.double(), scale, membership.double()).float()
        assert_close(pooled, expected, atol=1e-6, rtol=0)
        gradients = torch.autograd.grad(pooled.square().sum(), (queries, keys))
        assert all(gradient.dtype == torch.bfloat16 and gradient.isfinite().all() for gradient in gradients)
