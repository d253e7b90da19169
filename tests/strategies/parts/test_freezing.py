"""Frozen parts keep their weights and statistics bit for bit."""

import pytest
import torch

from satkit.models import build_segmenter
from satkit.strategies import Freezing
from satkit.strategies.lookup import find_strategy
from satkit.training import Schedule, make_optimiser
from satkit.utils.errors import UsageError

IMAGES = torch.randn(4, 3, 32, 32, generator=torch.Generator().manual_seed(0))


def segmenter(counts=(1, 3, 2), **settings):
    torch.manual_seed(0)
    return build_segmenter("mit_quick", counts, decoder_width=16, **settings)


def moved(freezing: Freezing, **settings) -> set[str]:
    """Names of everything that one update changes, gradient or statistics."""
    student = segmenter(**settings)
    freezing(student)
    before = {name: value.clone() for name, value in student.state_dict().items()}
    student.train()
    student(IMAGES).logits.square().mean().backward()
    torch.optim.AdamW([p for p in student.parameters() if p.requires_grad], lr=0.1, weight_decay=0.1).step()
    return {name for name, value in student.state_dict().items() if not torch.equal(value, before[name])}


def parts(names: set[str]) -> set[str]:
    return {name.split(".")[0] for name in names}


def test_nothing_is_frozen_by_default():
    assert parts(moved(Freezing())) == {"backbone", "decoder", "classifier"}


@pytest.mark.parametrize("part", ["backbone", "decoder"])
def test_a_frozen_part_keeps_its_weights_and_its_statistics(part):
    assert parts(moved(Freezing(**{part: True}))) == {"backbone", "decoder", "classifier"} - {part}


def test_of_frozen_classifiers_only_the_newest_learns():
    names = moved(Freezing(old_classifiers=True))
    assert {name for name in names if "classifier" in name} == {"classifier.steps.2.weight", "classifier.steps.2.bias"}


def test_background_s_own_head_may_learn_on_slowly():
    freezing = Freezing(True, True, True, background_lr=1e-4)
    names = moved(freezing, deep_heads=True)
    assert {".".join(name.split(".")[:3]) for name in names} == {"classifier.steps.0", "classifier.steps.2"}
    student = segmenter()
    assert freezing.rates(student) == [(student.classifier.steps[0], 1e-4)]
    assert Freezing(True, True, True).rates(student) == []


def test_freezing_again_frees_what_another_step_had_frozen():
    student = segmenter()
    Freezing(old_classifiers=True)(student)
    student.classifier.grow(1)
    Freezing(backbone=True)(student)
    assert all(parameter.requires_grad for parameter in student.classifier.parameters())
    assert not any(parameter.requires_grad for parameter in student.backbone.parameters())


@pytest.mark.parametrize("rate", ["background_lr", "backbone_lr"])
def test_a_rate_below_zero_is_refused(rate):
    with pytest.raises(UsageError, match=f"Freezing needs {rate} >= 0, got -1"):
        Freezing(**{rate: -1})


def test_the_backbone_may_learn_slowly_and_nothing_else_with_it():
    student, schedule = segmenter(), Schedule(1, 0.01, classifier_lr_factor=10.0)
    strategy = find_strategy("fine-tuning+backbone-lr=0.1")
    groups = make_optimiser(student, schedule, strategy).param_groups
    rates = {parameter: group["highest_lr"] for group in groups for parameter in group["params"]}
    for part, rate in (("backbone", 0.001), ("decoder", 0.01), ("classifier", 0.1)):
        assert [rates[each] for each in getattr(student, part).parameters()] == pytest.approx(
            [rate] * len(list(getattr(student, part).parameters()))
        )
    assert len(rates) == len(list(student.parameters()))
