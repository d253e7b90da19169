"""What a part may do stands in its contract, with defaults for whoever declares nothing."""

import json
from dataclasses import dataclass
from types import SimpleNamespace
from typing import ClassVar

import pytest
import torch
from own_parts import simple

from satkit.scenario import scenario
from satkit.strategies import EWC, FINE_TUNING, SATS, ExemplarMemory, LossInputs
from satkit.strategies.contracts import ClassifierInit, Targets, Term
from satkit.strategies.parts.importance import Importance
from satkit.utils.errors import UsageError

BASE_STEP, NEXT_STEP = scenario(["background", *"abcd"], "2-2").steps


def inputs_at(step, teacher: bool) -> LossInputs:
    labels = torch.zeros(1, 4, 4, dtype=torch.uint8)
    old = SimpleNamespace(logits=torch.randn(1, 3, 4, 4), attention=()) if teacher else None
    student = SimpleNamespace(logits=torch.ones(1, step.num_outputs, 4, 4), attention=(), reserved=None)
    return LossInputs(step, labels, labels, student, old)


@dataclass(frozen=True)
class LeastTerm:
    """A term that declares nothing but its name."""

    name: ClassVar[str] = "least"

    def __call__(self, inputs: LossInputs) -> torch.Tensor:
        return inputs.student.logits.mean()


def test_a_term_that_does_not_inherit_has_the_defaults_of_the_contract():
    strategy = FINE_TUNING + LeastTerm()
    assert [term.name for term in strategy.terms] == ["cross-entropy", "least"]
    assert not strategy.needs_teacher
    assert not strategy.needs_attention
    assert strategy.losses(inputs_at(NEXT_STEP, teacher=False))["least"] == 1


def test_abilities_are_class_attributes_and_not_settings():
    described = json.dumps((SATS + EWC() + ExemplarMemory()).describe())
    for ability in ("needs_teacher", "needs_attention", "classifies", "in_base_step", "deep_heads", "role"):
        assert f'"{ability}"' not in described


@pytest.mark.parametrize("part", [{"targets": LeastTerm()}, {"classifier": LeastTerm()}])
def test_targets_and_classifier_must_inherit_from_their_contract(part):
    with pytest.raises(UsageError, match=f"The {next(iter(part))} of strategy 'mine' must inherit from "):
        simple(**part)


@pytest.mark.parametrize("contract", [Term, Targets, ClassifierInit, Importance])
def test_a_part_that_lacks_a_method_of_its_contract_cannot_be_made(contract):
    class Unfinished(contract):
        pass

    with pytest.raises(TypeError, match="abstract"):
        Unfinished()
