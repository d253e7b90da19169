"""The triton kernel gives what `attention_pooling` gives: on a GPU if there is one, else in triton's interpreter."""

import os
import subprocess
import sys

import pytest
import torch
from torch.testing import assert_close

from satkit.models import attention_pooling, relation_difference
from satkit.models.attention_taps import AttentionTap

pytest.importorskip("triton", reason='the kernel needs triton: python -m pip install ".[kernel]"')

from satkit.models import pooling_kernel

DEVICE = torch.device("cuda" if torch.cuda.is_available() else "cpu")
# batch, heads, queries, keys, channels, regions: one tile, several of each kind, fewer than a tile, one token
CASES = [(2, 2, 20, 9, 8, 5), (1, 2, 50, 40, 12, 3), (2, 1, 33, 17, 5, 20), (1, 3, 7, 50, 24, 1), (1, 1, 1, 1, 1, 1)]


@pytest.fixture(autouse=True)
def _small_tiles(monkeypatch):
    """Tiles so small that there are several of them."""
    for name in ("QUERIES", "KEYS", "SMALL_KEYS", "REGIONS"):
        monkeypatch.setattr(pooling_kernel, name, 16)
    monkeypatch.setattr(pooling_kernel, "PROGRAMS", 4)


def random_case(sizes, seed=0, dtype=torch.float32):
    """Queries that are no contiguous memory, keys, scale, and a membership with empty regions and an empty image."""
    batch, heads, num_queries, num_keys, channels, regions = sizes
    generator = torch.Generator().manual_seed(seed)
    queries = torch.randn(batch, num_queries, heads, channels, generator=generator, dtype=dtype).transpose(1, 2)
    keys = torch.randn(batch, heads, num_keys, channels, generator=generator, dtype=dtype)
    labels = torch.randint(0, regions + 1, (batch, num_queries), generator=generator)
    labels[1:] = regions
    inside = (labels[:, None] == torch.arange(regions)[:, None]).float()
    membership = inside / inside.sum(-1, keepdim=True).clamp(min=1)
    return queries.to(DEVICE), keys.to(DEVICE), channels**-0.5, membership.to(DEVICE)


def value_and_gradients(function, queries, keys, scale, membership):
    queries, keys = queries.detach().requires_grad_(), keys.detach().requires_grad_()
    pooled = function(queries, keys, scale, membership)
    direction = torch.linspace(-1, 2, pooled.numel(), dtype=pooled.dtype, device=pooled.device).view(pooled.shape)
    return pooled.detach(), *torch.autograd.grad((pooled * direction).sum(), (queries, keys))


@pytest.mark.parametrize("sizes", CASES, ids=str)
def test_values_and_gradients_are_those_of_torch(sizes):
    given = random_case(sizes)
    ours = value_and_gradients(pooling_kernel.pool_rows, *given)
    exact = (given[0].double(), given[1].double(), given[2], given[3].double())
    for each, expected in zip(ours, value_and_gradients(attention_pooling.pool_rows, *exact), strict=True):
        assert each.dtype == torch.float32
        assert_close(each.double(), expected, rtol=1e-5, atol=1e-6)


def test_short_floats_are_pooled_in_float32():
    queries, keys, scale, membership = random_case(CASES[0], dtype=torch.float16)
    pooled, for_queries, _ = value_and_gradients(pooling_kernel.pool_rows, queries, keys, scale, membership)
    expected = attention_pooling.pool_rows(queries.float(), keys.float(), scale, membership)
    assert (pooled.dtype, for_queries.dtype) == (torch.float32, torch.float16)
    assert_close(pooled, expected, rtol=1e-5, atol=1e-6)


def test_nothing_is_kept_for_the_backward_pass_but_queries_and_keys():
    queries, keys, scale, membership = random_case(CASES[1])
    queries, keys, kept = queries.requires_grad_(), keys.requires_grad_(), []
    with torch.autograd.graph.saved_tensors_hooks(lambda tensor: kept.append(tensor) or tensor, lambda tensor: tensor):
        pooling_kernel.pool_rows(queries, keys, scale, membership)
    assert [each.data_ptr() for each in kept] == [queries.data_ptr(), keys.data_ptr()]


def test_queries_of_no_region_are_not_computed():
    queries, keys, scale, membership = random_case((1, 1, 48, 9, 8, 2))
    membership[:, :, 16:32] = 0  # a whole tile
    queries[:, :, 16:32] = torch.nan
    assert pooling_kernel.pool_rows(queries, keys, scale, membership).isfinite().all()


def test_relations_differ_by_the_kernel_as_without_it(monkeypatch):
    queries, keys, scale, membership = random_case(CASES[1])
    size = membership.ne(0).any(-1)
    whole = relation_difference.Membership(size, membership)
    taught = AttentionTap("", queries.flip(2), keys.flip(3), scale, (1, 50), (1, 40))

    def difference(queries, keys, scale, _):
        student = AttentionTap("", queries, keys, scale, (1, 50), (1, 40))
        return relation_difference.relation_difference(student, taught, whole)

    expected = value_and_gradients(difference, queries, keys, scale, membership)
    for module in (attention_pooling, relation_difference):
        monkeypatch.setattr(module, "uses_kernel", lambda tensor: True)
    calls = []
    kernel = pooling_kernel.pool_rows
    monkeypatch.setattr(pooling_kernel, "pool_rows", lambda *given: calls.append(1) or kernel(*given))
    assert_close(value_and_gradients(difference, queries, keys, scale, membership), expected, rtol=1e-5, atol=1e-6)
    assert len(calls) == 2


def test_the_kernel_is_for_cuda_and_float32_or_shorter():
    assert not attention_pooling.uses_kernel(torch.empty(0))
    if torch.cuda.is_available():
        assert attention_pooling.uses_kernel(torch.empty(0, device="cuda"))
        assert not attention_pooling.uses_kernel(torch.empty(0, device="cuda", dtype=torch.float64))


COMPILE = """
import triton
from triton.backends.compiler import GPUTarget
from triton.compiler import ASTSource
from satkit.models import pooling_kernel as kernels

POINTERS = ("queries", "keys", "membership", "logs", "parts", "gradient", "d_queries", "inner")
for arch, keys in ((80, kernels.KEYS), (89, kernels.SMALL_KEYS), (90, kernels.KEYS)):
    values = dict(QUERIES=kernels.QUERIES, KEYS=keys, REGIONS=kernels.REGIONS, CHANNELS=64, WIDTH=64)
    values["WHOLE"] = keys == kernels.KEYS
    for kernel in (kernels._row_logs, kernels._pool, kernels._query_gradient, kernels._key_gradient):
        kinds = {name: "*fp32" if name in POINTERS else "i32" for name in kernel.arg_names} | {"scale": "fp32"}
        kinds |= dict.fromkeys(values, "constexpr")
        source = ASTSource(fn=kernel, signature=kinds, constexprs=values)
        made = triton.compile(source, target=GPUTarget("cuda", arch, 32), options={"num_warps": kernels.WARPS})
        print(arch, keys, kernel.__name__, made.metadata.shared)
"""


@pytest.mark.full
def test_the_kernels_compile_for_gpus_and_fit_their_shared_memory():
    environment = {key: value for key, value in os.environ.items() if key != "TRITON_INTERPRET"}
    found = subprocess.run([sys.executable, "-c", COMPILE], env=environment, capture_output=True, text=True, check=True)
    lines = [line.split() for line in found.stdout.splitlines()]
    assert len(lines) == 12
    for arch, keys, kernel, shared in lines:
        most = pooling_kernel.SHARED if int(keys) == 256 else 101_376  # bytes; the latter on small GPUs
        assert int(shared) <= most, (arch, kernel)
