"""Every declared method runs: finite losses, finite gradients, on a tiny random two-step model."""

import json
from dataclasses import replace

import pytest
import torch

from satkit.data import BACKGROUND, IGNORE
from satkit.models import build_segmenter
from satkit.scenario import scenario
from satkit.strategies import (
    EWC,
    MIB,
    PARTS,
    SATS,
    STRATEGIES,
    AttentionTransfer,
    ExemplarMemory,
    LossInputs,
    UnbiasedDistillation,
    find_strategy,
)
from satkit.strategies.parts.importance import EveryImportance
from satkit.strategies.recipes import BASE, base_of
from satkit.training import begin_step
from satkit.utils.errors import UsageError

SCENARIO = scenario(["background", *"abcd"], "2-2")
every_recipe = pytest.mark.parametrize("name", STRATEGIES)
STEPWISE = [name for name, recipe in STRATEGIES.items() if not recipe.joint]


def batch(classes: tuple[int, ...]) -> tuple[torch.Tensor, torch.Tensor]:
    """Two noise images of 32 x 32 pixels; each class fills a strip of the labels."""
    generator = torch.Generator().manual_seed(0)
    labels = torch.full((2, 32, 32), BACKGROUND, dtype=torch.uint8)
    for number, index in enumerate(classes):
        labels[:, 8 * number : 8 * number + 6] = index
    labels[:, :, :2] = IGNORE
    return torch.randn(2, 3, 32, 32, generator=generator), labels


def begun(recipe, index: int):
    """Student and teacher at the beginning of a step; the teacher has not been trained."""
    scenario = SCENARIO.joint() if recipe.joint else SCENARIO
    torch.manual_seed(0)
    head = recipe.head
    model = build_segmenter("mit_quick", decoder_width=16, deep_heads=head.deep, readout=head.readout)
    for step in scenario.steps[: index + 1]:
        model, teacher = begin_step(model, step, recipe, seed=0)
    return step, model.train(), teacher


def check_losses_and_gradients(losses: dict, model) -> None:
    assert all(value.isfinite() for value in losses.values()), losses
    sum(losses.values()).backward()
    learning = {name: p for name, p in model.named_parameters() if p.requires_grad}
    assert all(parameter.grad is not None for parameter in learning.values())
    assert all(parameter.grad.isfinite().all() for parameter in learning.values())
    assert model.classifier.steps[-1].weight.grad.abs().max() > 0 if not model.classifier.deep else True


@every_recipe
def test_the_base_step_gives_finite_losses_and_gradients(name):
    recipe = find_strategy(name)
    step, model, _ = begun(recipe, 0)
    images, labels = batch(step.new)
    targets = recipe.base().targets(labels, None, step, {}, images)
    losses = recipe.losses(LossInputs(step, labels, targets, model(images)))
    assert list(losses) == [term.name for term in recipe.base_terms]
    check_losses_and_gradients(losses, model)


@pytest.mark.parametrize("name", [*STEPWISE, "sats+attention-old=5", "mib+attention-old-asymmetric"])
def test_the_next_step_gives_finite_losses_and_gradients(name):
    recipe = find_strategy(name)
    step, student, teacher = begun(recipe, 1)
    images, labels = batch(step.new)
    with torch.no_grad():
        taught = teacher(images, attention=recipe.needs_attention)
    fitted = recipe.targets.fit(lambda: iter([(labels, taught.logits)]), step)
    targets = recipe.targets(labels, taught, step, fitted, images)
    output = student(images, attention=recipe.needs_attention)
    losses = recipe.losses(LossInputs(step, labels, targets, output, taught if recipe.needs_teacher else None))
    assert list(losses) == [term.name for term in recipe.terms]
    check_losses_and_gradients(losses, student)


@every_recipe
def test_a_recipe_can_be_written_to_a_file(name):
    described = find_strategy(name).describe()
    assert json.loads(json.dumps(described)) == described


def test_recipes_are_all_different():
    described = [json.dumps({**recipe.describe(), "name": ""}) for recipe in STRATEGIES.values()]
    assert len(set(described)) == len(STRATEGIES)
    assert len({recipe.name for recipe in STRATEGIES.values()}) == len(STRATEGIES)


def test_an_unknown_strategy_is_refused_with_the_choices_and_the_nearest_match():
    assert find_strategy("sats") is SATS
    with pytest.raises(UsageError, match="Unknown strategy 'fine-tunning'. Did you mean 'fine-tuning'. Choose one of"):
        find_strategy("fine-tunning")
    with pytest.raises(UsageError, match="Unknown strategy 'nothing of the kind'. Choose one of: fine-tuning"):
        find_strategy("nothing of the kind")


def test_sats_has_the_weights_of_the_paper():
    assert SATS.targets.floor == 0.001
    assert {term.name: term.weight for term in SATS.terms} == {
        "cross-entropy": 1.0,
        "distillation": 20,
        "attention": 20,
    }
    assert UnbiasedDistillation(20) in SATS.terms
    assert AttentionTransfer(20, pooling="class", layout="paper") in SATS.terms


def test_parts_are_added_by_name():
    combined = find_strategy("mib+attention+memory=30")
    assert combined.terms == (*MIB.terms, AttentionTransfer(20, regions="teacher"))
    assert combined.memory == ExemplarMemory(30)
    assert combined.name == "MiB + attention + memory 30"
    assert find_strategy("pseudo+distillation+attention").terms == SATS.terms


def test_without_pseudo_labels_regions_come_from_the_teacher():
    assert find_strategy("lwf+attention").terms[-1].regions == "teacher"
    assert find_strategy("plop+attention").terms[-1].regions == "targets"
    assert find_strategy("ssul").targets != find_strategy("lwf").targets


def test_a_number_changes_only_the_weight_of_a_term_that_the_strategy_has():
    assert find_strategy("sats+attention=5").terms[-1] == AttentionTransfer(5)
    assert find_strategy("mib+distillation=100").terms[-1] == UnbiasedDistillation(100)
    as_released = find_strategy("sats-as-released+attention=5").terms[-1]
    assert as_released == AttentionTransfer(5, layout="as_released")


def test_attention_can_be_transferred_in_a_single_stage():
    for number in (1, 2, 3, 4):
        found = find_strategy(f"pseudo+distillation+attention-stage{number}")
        assert found.terms[-1] == AttentionTransfer(stages=(number,))
    assert find_strategy("mib+attention-stage2=5").terms[-1] == AttentionTransfer(5, stages=(2,), regions="teacher")


@pytest.mark.parametrize(
    ("part", "settings"),
    [
        ("attention-old", {"over": "old"}),
        ("attention-asymmetric", {"distance": "asymmetric"}),
        ("attention-old-asymmetric", {"over": "old", "distance": "asymmetric"}),
        ("attention-early", {"stages": (1, 2)}),
        ("attention-old-early", {"over": "old", "stages": (1, 2)}),
    ],
)
def test_variants_that_ask_less_of_new_classes_have_names(part, settings):
    assert find_strategy(f"pseudo+distillation+{part}").terms[-1] == AttentionTransfer(20, **settings)
    assert find_strategy(f"mib+{part}=5").terms[-1] == AttentionTransfer(5, regions="teacher", **settings)


def test_a_variant_replaces_the_term_of_its_name_with_all_its_settings():
    others = SATS.terms[:-1]
    assert find_strategy("sats+attention-old=5").terms == (*others, AttentionTransfer(5, over="old"))
    assert find_strategy("sats+attention-image").terms == (*others, AttentionTransfer(20, pooling="image"))
    assert find_strategy("sats+attention=5+attention-old").terms == (*others, AttentionTransfer(20, over="old"))
    assert find_strategy("sats+attention-old+attention=5").terms == (*others, AttentionTransfer(5, over="old"))
    assert find_strategy("sats-as-released+attention-old=5").terms[-1] == AttentionTransfer(5, over="old")
    assert find_strategy("sats+attention-old=5").name == "SATS + attention-old 5"


@pytest.mark.parametrize("part", PARTS)
def test_every_part_can_be_added_to_fine_tuning(part):
    combined = find_strategy(f"fine-tuning+{part}")
    assert combined.name == f"fine-tuning + {part}"
    assert combined != find_strategy("fine-tuning")


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("sats+memery", "Unknown part of a strategy 'memery'. Did you mean 'memory'"),
        ("sats+memory=many", "takes a number after the equals sign, got 'memory=many'"),
        ("fine-tuning+pseudo=3", "The part 'pseudo' takes no number"),
        ("sats+pseudo", "already has EntropyPseudoLabels"),
        ("mib+attention=-1", "AttentionTransfer needs weight >= 0, got -1"),
        ("sats+memory=0", "must hold a whole number of images, 1 or more, got 0"),
        ("sats+memory=2.5", "must hold a whole number of images, 1 or more, got 2.5"),
    ],
)
def test_an_impossible_combination_is_refused_in_one_sentence(name, message):
    with pytest.raises(UsageError, match=message):
        find_strategy(name)


def test_all_but_seven_strategies_share_one_base_step():
    own = {name for name, recipe in STRATEGIES.items() if base_of(recipe) != BASE}
    assert own == {"ewc", "pi", "rw", "lwf-mc", "ssul", "dft", "dkd"}
    assert base_of(find_strategy("ewc")) == base_of(find_strategy("pi")) == base_of(find_strategy("rw"))


def test_an_importance_with_other_settings_has_its_own_base_step():
    assert base_of(BASE) == BASE
    assert base_of(find_strategy("ewc")).importance == EveryImportance()
    usual, other = find_strategy("ewc+memory"), replace(find_strategy("ewc"), importance=EWC(100, momentum=0.5))
    assert base_of(usual) == base_of(replace(find_strategy("ewc"), importance=EWC(500)))
    assert base_of(other).importance == EWC(0.0, momentum=0.5)
    assert base_of(replace(other, importance=EWC(7, momentum=0.5))) == base_of(other)
