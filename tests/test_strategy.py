"""A strategy is a sentence; what it may not say, and what it reports."""

import json
from dataclasses import dataclass, replace
from types import SimpleNamespace
from typing import ClassVar

import pytest
import torch

from satkit.choices import UsageError
from satkit.scenario import scenario
from satkit.strategies import (
    SATS,
    AttentionTransfer,
    BackgroundInit,
    CrossEntropy,
    DefaultInit,
    EntropyPseudoLabels,
    Labels,
    LossInputs,
    Strategy,
    UnbiasedDistillation,
)

BASE_STEP, NEXT_STEP = scenario(["background", *"abcd"], "2-2").steps


@dataclass(frozen=True)
class LogitSize:
    """A term as a reader might write it in a notebook."""

    weight: float = 1.0

    name: ClassVar[str] = "logit size"
    needs_teacher: ClassVar[bool] = False
    needs_attention: ClassVar[bool] = False

    def __call__(self, inputs: LossInputs) -> torch.Tensor:
        return self.weight * inputs.student.logits.square().mean()


def simple(*terms, **settings) -> Strategy:
    return Strategy("mine", terms=terms or (CrossEntropy(),), **{"base_terms": (CrossEntropy(),), **settings})


def inputs_at(step, teacher: bool) -> LossInputs:
    labels = torch.zeros(1, 4, 4, dtype=torch.uint8)
    old = SimpleNamespace(logits=torch.randn(1, 3, 4, 4), attention=()) if teacher else None
    student = SimpleNamespace(logits=torch.ones(1, step.num_outputs, 4, 4), attention=())
    return LossInputs(step, labels, labels, student, old)


def test_two_terms_of_one_name_are_refused():
    with pytest.raises(UsageError, match="'mine' has two terms named 'cross-entropy' after the base step; keep one"):
        simple(CrossEntropy(), CrossEntropy(2))
    with pytest.raises(UsageError, match="two terms named 'cross-entropy' in the base step"):
        simple(base_terms=(CrossEntropy(), CrossEntropy(over="valid")))


@pytest.mark.parametrize("term", [UnbiasedDistillation(), AttentionTransfer()])
def test_a_term_that_needs_a_teacher_is_refused_in_the_base_step(term):
    with pytest.raises(UsageError, match=f"asks for '{term.name}' in the base step, where there is no teacher"):
        simple(base_terms=(CrossEntropy(), term))


@pytest.mark.parametrize("settings", [{"terms": ()}, {"base_terms": ()}])
def test_a_strategy_without_terms_is_refused(settings):
    with pytest.raises(UsageError, match="needs at least one loss term in `terms` and in `base_terms`"):
        Strategy("mine", **{"terms": (CrossEntropy(),), "base_terms": (CrossEntropy(),), **settings})


def test_losses_are_named_after_their_terms_and_follow_the_step():
    strategy = simple(CrossEntropy(), LogitSize(3), UnbiasedDistillation(2))
    assert list(strategy.losses(inputs_at(BASE_STEP, teacher=False))) == ["cross-entropy"]
    later = strategy.losses(inputs_at(NEXT_STEP, teacher=True))
    assert list(later) == ["cross-entropy", "logit size", "distillation"]
    assert later["logit size"] == 3
    assert all(value.shape == () for value in later.values())


def test_a_missing_teacher_is_named():
    with pytest.raises(RuntimeError, match="The term 'distillation' needs a teacher's output"):
        simple(UnbiasedDistillation()).losses(inputs_at(NEXT_STEP, teacher=False))


@pytest.mark.parametrize(
    ("strategy", "teacher", "attention"),
    [
        (simple(), False, False),
        (simple(LogitSize()), False, False),
        (simple(CrossEntropy(), UnbiasedDistillation()), True, False),
        (simple(targets=EntropyPseudoLabels()), True, False),
        (simple(AttentionTransfer()), True, True),
        (SATS, True, True),
    ],
)
def test_a_strategy_asks_for_what_its_parts_need(strategy, teacher, attention):
    assert strategy.needs_teacher is teacher
    assert strategy.needs_attention is attention


def test_describe_is_plain_and_complete():
    strategy = Strategy(
        "mine",
        terms=(CrossEntropy(over="valid"), AttentionTransfer(7, "image", "as_released")),
        base_terms=(LogitSize(2),),
        targets=EntropyPseudoLabels(0.5, "none"),
        classifier=BackgroundInit(),
    )
    assert json.loads(json.dumps(strategy.describe())) == {
        "name": "mine",
        "terms": [
            {"kind": "CrossEntropy", "weight": 1.0, "over": "valid"},
            {"kind": "AttentionTransfer", "weight": 7, "pooling": "image", "layout": "as_released"},
        ],
        "base_terms": [{"kind": "LogitSize", "weight": 2}],
        "targets": {"kind": "EntropyPseudoLabels", "floor": 0.5, "threshold": "none"},
        "classifier": {"kind": "BackgroundInit"},
        "joint": False,
    }


def test_strategies_of_other_settings_are_described_differently():
    weaker = replace(SATS, terms=(*SATS.terms[:-1], AttentionTransfer(5)))
    assert weaker.describe() != SATS.describe()
    assert weaker != SATS
    assert replace(SATS) == SATS


def test_by_default_labels_are_the_targets_and_new_channels_are_left_alone():
    strategy = simple()
    assert strategy.targets == Labels()
    assert strategy.classifier == DefaultInit()
    labels = torch.randint(0, 3, (1, 4, 4), dtype=torch.uint8)
    assert strategy.targets.fit(lambda: pytest.fail("nothing to measure"), NEXT_STEP) == {}
    assert strategy.targets(labels, None, NEXT_STEP, {}) is labels


def test_a_term_keeps_no_state():
    with pytest.raises(AttributeError, match="cannot assign"):
        CrossEntropy().weight = 2
