"""A strategy is a list of parts: which it needs, what they add up to, and what it computes."""

from dataclasses import replace
from types import SimpleNamespace

import pytest
import torch
from own_parts import LogitSize, simple

from satkit.scenario import scenario
from satkit.strategies import (
    DFT,
    EWC,
    FINE_TUNING,
    MIB,
    SATS,
    SSUL,
    AttentionTransfer,
    CrossEntropy,
    DefaultInit,
    EntropyPseudoLabels,
    ExemplarMemory,
    Freezing,
    Head,
    Labels,
    LossInputs,
    Strategy,
    UnbiasedDistillation,
    WeightFusion,
)
from satkit.strategies.strategy import digest
from satkit.utils.errors import UsageError

BASE_STEP, NEXT_STEP = scenario(["background", *"abcd"], "2-2").steps


def inputs_at(step, teacher: bool) -> LossInputs:
    labels = torch.zeros(1, 4, 4, dtype=torch.uint8)
    old = SimpleNamespace(logits=torch.randn(1, 3, 4, 4), attention=()) if teacher else None
    student = SimpleNamespace(logits=torch.ones(1, step.num_outputs, 4, 4), attention=(), reserved=None)
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


def test_by_default_labels_are_the_targets_and_new_channels_keep_their_initialisation():
    strategy = simple()
    assert strategy.targets == Labels()
    assert strategy.classifier == DefaultInit()
    labels = torch.randint(0, 3, (1, 4, 4), dtype=torch.uint8)
    assert strategy.targets.fit(lambda: pytest.fail("nothing to measure"), NEXT_STEP) == {}
    assert strategy.targets(labels, None, NEXT_STEP, {}) is labels


def test_a_term_keeps_no_state():
    with pytest.raises(AttributeError, match="cannot assign"):
        CrossEntropy().weight = 2


def test_adding_a_part_fills_its_field_and_extends_the_name():
    combined = MIB + AttentionTransfer(20, regions="teacher") + ExemplarMemory(50) + WeightFusion(0.5)
    assert combined.terms[:-1] == MIB.terms
    assert combined.terms[-1] == AttentionTransfer(20, regions="teacher")
    assert combined.memory == ExemplarMemory(50)
    assert combined.fusion == WeightFusion(0.5)
    assert combined.name == "MiB + attention teacher + memory 50 + WeightFusion 0.5"
    assert (FINE_TUNING + EntropyPseudoLabels()).targets == EntropyPseudoLabels()
    assert (FINE_TUNING + EWC(5)).importance == EWC(5)
    assert (FINE_TUNING + Freezing(decoder=True)).freezing == Freezing(decoder=True)


def test_adding_a_term_of_the_same_name_replaces_it():
    stronger = SATS + AttentionTransfer(100)
    assert [term.name for term in stronger.terms] == [term.name for term in SATS.terms]
    assert stronger.terms[-1] == AttentionTransfer(100)
    assert SATS.terms[-1] == AttentionTransfer(20)


def test_strategies_with_equal_base_terms_head_and_targets_have_equal_base_steps():
    assert SATS.base() == FINE_TUNING.base() == (MIB + AttentionTransfer()).base()
    assert SSUL.base() != SATS.base()
    assert SSUL.base() == (SSUL + ExemplarMemory()).base()
    assert SSUL.base().targets == SSUL.targets
    assert DFT.base().head == Head("future")


@pytest.mark.parametrize("name", ["a\nb", "a\0", "\x1b[2J"])
def test_a_name_is_text_in_one_line(name):
    with pytest.raises(UsageError, match="A strategy's name must be text in one line, got"):
        replace(SATS, name=name)


def test_the_digest_of_a_strategy_depends_on_its_parts_and_not_on_its_name():
    assert digest(replace(SATS, name="mine")) == digest(SATS)
    assert digest(SATS + AttentionTransfer(5)) != digest(SATS)
