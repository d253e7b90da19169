"""Every declared method runs: finite losses, finite gradients, on a tiny random two-step model."""

import copy
import json

import pytest
import torch

from satkit.choices import UsageError
from satkit.data import BACKGROUND, IGNORE
from satkit.models import build_segmenter
from satkit.scenario import scenario
from satkit.strategies import SATS, STRATEGIES, AttentionTransfer, LossInputs, UnbiasedDistillation, strategy

SCENARIO = scenario(["background", *"abcd"], "2-2")
every_recipe = pytest.mark.parametrize("name", STRATEGIES)


def batch(classes: tuple[int, ...]) -> tuple[torch.Tensor, torch.Tensor]:
    """Two noise images of 32 x 32 pixels; each class fills a strip of the labels."""
    generator = torch.Generator().manual_seed(0)
    labels = torch.full((2, 32, 32), BACKGROUND, dtype=torch.uint8)
    for number, index in enumerate(classes):
        labels[:, 8 * number : 8 * number + 6] = index
    labels[:, :, :2] = IGNORE
    return torch.randn(2, 3, 32, 32, generator=generator), labels


def base_model(counts=(3,)):
    torch.manual_seed(0)
    return build_segmenter("mit_quick", counts, decoder_width=16).train()


def check_losses_and_gradients(losses: dict, model) -> None:
    assert all(value.isfinite() for value in losses.values()), losses
    sum(losses.values()).backward()
    gradients = {name: parameter.grad for name, parameter in model.named_parameters()}
    assert all(gradient is not None for gradient in gradients.values())
    assert all(gradient.isfinite().all() for gradient in gradients.values())
    assert all(step.weight.grad.abs().max() > 0 for step in model.classifier.steps)


@every_recipe
def test_the_base_step_gives_finite_losses_and_gradients(name):
    recipe = strategy(name)
    step = (SCENARIO.joint() if recipe.joint else SCENARIO).steps[0]
    model = base_model((step.num_outputs,))
    images, labels = batch(step.new)
    losses = recipe.losses(LossInputs(step, labels, labels, model(images)))
    assert list(losses) == [term.name for term in recipe.base_terms]
    check_losses_and_gradients(losses, model)


@every_recipe
def test_the_next_step_gives_finite_losses_and_gradients(name):
    recipe, step = strategy(name), SCENARIO.steps[1]
    teacher = base_model().eval().requires_grad_(False)
    student = copy.deepcopy(teacher).requires_grad_(True).train()
    student.classifier.grow(len(step.new))
    recipe.classifier(student.classifier)
    images, labels = batch(step.new)
    taught = teacher(images, attention=recipe.needs_attention)
    fitted = recipe.targets.fit(lambda: iter([(labels, taught.logits)]), step)
    targets = recipe.targets(labels, taught, step, fitted)
    output = student(images, attention=recipe.needs_attention)
    losses = recipe.losses(LossInputs(step, labels, targets, output, taught if recipe.needs_teacher else None))
    assert list(losses) == [term.name for term in recipe.terms]
    check_losses_and_gradients(losses, student)


@every_recipe
def test_a_recipe_can_be_written_to_a_file(name):
    described = strategy(name).describe()
    assert json.loads(json.dumps(described)) == described


def test_recipes_are_all_different():
    described = [json.dumps({**recipe.describe(), "name": ""}) for recipe in STRATEGIES.values()]
    assert len(set(described)) == len(STRATEGIES)
    assert len({recipe.name for recipe in STRATEGIES.values()}) == len(STRATEGIES)


def test_a_strategy_goes_by_its_short_name_and_by_no_other():
    assert strategy("sats") is SATS
    with pytest.raises(UsageError, match="Unknown strategy 'fine-tunning'. Did you mean 'fine-tuning'. Choose one of"):
        strategy("fine-tunning")
    with pytest.raises(UsageError, match="Unknown strategy 'nothing of the kind'. Choose one of: fine-tuning"):
        strategy("nothing of the kind")


def test_sats_has_the_weights_of_the_paper():
    assert SATS.targets.floor == 0.001
    assert {term.name: term.weight for term in SATS.terms} == {
        "cross-entropy": 1.0,
        "distillation": 20,
        "attention": 20,
    }
    assert UnbiasedDistillation(20) in SATS.terms
    assert AttentionTransfer(20, pooling="class", layout="paper") in SATS.terms
