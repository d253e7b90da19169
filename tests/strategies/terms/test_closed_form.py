"""The closed forms equal the plain ones, in value and gradient."""

from types import SimpleNamespace

import pytest
import torch
import torch.nn.functional as F
from torch.testing import assert_close

from satkit.data.labels import IGNORE
from satkit.strategies.terms.classification import unbiased_cross_entropy
from satkit.strategies.terms.closed_form import (
    cross_entropy_sum,
    softmax_of,
    unbiased_cross_entropy_sum,
    unbiased_distillation_sum,
)
from satkit.strategies.terms.distillation import unbiased_distillation

OLD = 4
CASES = ("mixed", "all ignored", "all background", "one pixel", "no new class", "extreme")


def case(name: str, dtype: torch.dtype):
    """Student's and teacher's logits and targets."""
    generator = torch.Generator().manual_seed(CASES.index(name))
    size = (1, 1) if name == "one pixel" else (5, 3)
    channels = OLD if name == "no new class" else OLD + 3
    scale = 300.0 if name == "extreme" else 2.0
    student = scale * torch.randn(2, channels, *size, generator=generator, dtype=dtype)
    teacher = scale * torch.randn(2, OLD, *size, generator=generator, dtype=dtype)
    targets = torch.randint(0, channels, (2, *size), generator=generator)
    if name == "mixed":
        targets[0, :2], targets[1, 0] = IGNORE, 0
    if name.startswith("all"):
        targets[:] = IGNORE if "ignored" in name else 0
    return student.requires_grad_(), teacher, targets


def closed(which: str, student, teacher, targets):
    output, taught = SimpleNamespace(logits=student), SimpleNamespace(logits=teacher)
    if which == "cross-entropy":
        return cross_entropy_sum(output, targets)
    if which == "unbiased cross-entropy":
        return unbiased_cross_entropy_sum(output, targets, OLD)
    return unbiased_distillation_sum(output, taught)


def plain(which: str, student, teacher, targets):
    """The plain forms, which compute in float32, with `float` taken away for the comparison in float64."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(torch.Tensor, "float", lambda tensor: tensor)
        if which == "cross-entropy":
            return F.cross_entropy(student, targets, ignore_index=IGNORE, reduction="sum")
        if which == "unbiased cross-entropy":
            return unbiased_cross_entropy(student, targets, OLD).sum()
        return unbiased_distillation(student, teacher, "sum").sum()


FORMS = ("cross-entropy", "unbiased cross-entropy", "unbiased distillation")


@pytest.mark.parametrize("which", FORMS)
@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize(("dtype", "close"), [(torch.float32, 1e-5), (torch.float64, 1e-10)])
def test_value_and_gradient_are_those_of_the_plain_form(which, name, dtype, close):
    student, teacher, targets = case(name, dtype)
    found, expected = (form(which, student, teacher, targets) for form in (closed, plain))
    assert found.dtype == expected.dtype == dtype
    assert_close(found, expected, rtol=close, atol=close)
    ours, theirs = (torch.autograd.grad(3.0 * value, student)[0] for value in (found, expected))
    assert_close(ours, theirs, rtol=close, atol=close)


@pytest.mark.parametrize("which", FORMS)
def test_gradients_pass_gradcheck(which):
    student, teacher, targets = case("mixed", torch.float64)
    assert torch.autograd.gradcheck(lambda logits: closed(which, logits, teacher, targets), (student,))


@pytest.mark.parametrize("which", FORMS)
def test_bfloat16_is_computed_in_float32_and_its_gradient_is_bfloat16(which):
    student, teacher, targets = case("mixed", torch.float32)
    low = student.detach().bfloat16().requires_grad_()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        value = closed(which, low, teacher, targets)
    value.backward()
    assert value.dtype == torch.float32
    assert low.grad.dtype == torch.bfloat16
    assert_close(value, closed(which, low.detach().float(), teacher, targets))


def test_all_terms_share_one_softmax():
    student, teacher, targets = case("mixed", torch.float32)
    output, taught = SimpleNamespace(logits=student), SimpleNamespace(logits=teacher)
    first = softmax_of(output)
    total = cross_entropy_sum(output, targets) + unbiased_distillation_sum(output, taught)
    assert softmax_of(output) is first
    assert not first[0].requires_grad
    plains = plain("cross-entropy", student, teacher, targets) + plain(FORMS[2], student, teacher, targets)
    assert_close(torch.autograd.grad(total, student), torch.autograd.grad(plains, student))
