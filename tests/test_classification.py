"""Cross-entropy and its two reductions."""

import math
from types import SimpleNamespace

import pytest
import torch
from torch.testing import assert_close

from satkit.choices import UsageError
from satkit.data import IGNORE
from satkit.scenario import Step
from satkit.strategies import CrossEntropy, LossInputs

STEP = Step(0, old=(), new=(1, 2), future=())


def inputs_for(logits, targets, labels=None) -> LossInputs:
    return LossInputs(STEP, targets if labels is None else labels, targets, SimpleNamespace(logits=logits))


def random_case() -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    targets = torch.randint(0, 4, (2, 3, 5), generator=generator).to(torch.uint8)
    targets[targets == 3] = IGNORE
    return torch.randn(2, 3, 3, 5, generator=generator), targets


def per_pixel(logits, targets) -> list[float]:
    """-log of the target's probability at every pixel that has one, one pixel after the other."""
    found = []
    for image, row, column in (targets != IGNORE).nonzero().tolist():
        scores = logits[image, :, row, column].double().tolist()
        target = int(targets[image, row, column])
        found.append(math.log(sum(math.exp(score) for score in scores)) - scores[target])
    return found


def test_all_divides_by_every_pixel_and_valid_by_the_pixels_that_count():
    logits, targets = random_case()
    losses = per_pixel(logits, targets)
    assert 0 < len(losses) < targets.numel()
    both = [CrossEntropy(over=over)(inputs_for(logits, targets)) for over in ("all", "valid")]
    assert float(both[0]) == pytest.approx(sum(losses) / targets.numel(), rel=1e-5)
    assert float(both[1]) == pytest.approx(sum(losses) / len(losses), rel=1e-5)
    assert CrossEntropy()(inputs_for(logits, targets)) == both[0]


@pytest.mark.parametrize("over", ["all", "valid"])
def test_nothing_but_ignore_gives_zero_and_a_finite_gradient(over):
    logits = random_case()[0].requires_grad_()
    value = CrossEntropy(over=over)(inputs_for(logits, torch.full((2, 3, 5), IGNORE, dtype=torch.uint8)))
    value.backward()
    assert value == 0
    assert torch.equal(logits.grad, torch.zeros_like(logits))


def test_the_loss_sees_targets_and_not_labels():
    logits, targets = random_case()
    labels = torch.zeros_like(targets)
    assert CrossEntropy()(inputs_for(logits, targets, labels)) == CrossEntropy()(inputs_for(logits, targets))


def test_bfloat16_logits_are_computed_in_float32():
    logits, targets = random_case()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        value = CrossEntropy()(inputs_for(logits.bfloat16(), targets))
    assert value.dtype == torch.float32
    assert_close(value, CrossEntropy()(inputs_for(logits.bfloat16().float(), targets)))


def test_the_weight_multiplies():
    case = inputs_for(*random_case())
    assert_close(CrossEntropy(3)(case), 3 * CrossEntropy()(case))


def test_settings_that_mean_nothing_are_refused():
    with pytest.raises(UsageError, match="reduction of the cross-entropy 'vald'. Did you mean 'valid'"):
        CrossEntropy(over="vald")
    with pytest.raises(UsageError, match="CrossEntropy needs weight >= 0, got -1"):
        CrossEntropy(-1)
