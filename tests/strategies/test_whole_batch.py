"""What the processes of a training compute of a batch in parts adds up to the loss of the whole, with its gradients."""

import copy
from dataclasses import dataclass, replace
from typing import ClassVar

import pytest
import torch
from in_threads import in_threads
from training_pieces import SCENARIO, RandomBatches, begun

from satkit.data.labels import IGNORE
from satkit.strategies import FINE_TUNING, STRATEGIES, CrossEntropy, UnbiasedCrossEntropy
from satkit.strategies.terms.classification import BinaryCrossEntropy, CoarseCrossEntropy
from satkit.strategies.whole_batch import added_up
from satkit.training import see_batch

PARTS = [slice(0, 3), slice(3, 4), slice(4, 6)]
EVERY = {(name, index): (recipe, index) for name, recipe in STRATEGIES.items() for index in (0, 1)}


@dataclass(frozen=True)
class Spread:
    """A term of one's own that looks at all images at once and at the classifier, and declares nothing."""

    name: ClassVar[str] = "spread"

    def __call__(self, inputs):
        return inputs.student.coarse.var() * inputs.student.weight.square().sum()


def six_images(step):
    """Images and labels; in the last two of them little counts, in the fourth nothing."""
    images, labels = (torch.cat(each) for each in zip(*[RandomBatches(step).batch(n) for n in range(3)], strict=True))
    labels[3], labels[4:, 4:] = IGNORE, IGNORE
    return images, labels


def computed(setup, part=slice(None)):
    """Losses of a batch, and the gradients of the student."""
    setup = copy.deepcopy(setup)
    images, labels = six_images(setup.step)
    setup.student.train()
    for module in setup.student.modules():
        module.drop_prob = 0.0  # threads share a random generator
    setup.student.decoder.dropout.p = 0.0
    losses = setup.strategy.losses(see_batch(setup, (images[part], labels[part])))
    sum(losses.values()).backward()
    losses, finite = added_up(setup.student, losses, {"student": torch.tensor(part != PARTS[1])})
    gradients = {name: each.grad for name, each in setup.student.named_parameters() if each.grad is not None}
    return losses, gradients, finite


def adds_up(recipe, index):
    setup = begun(SCENARIO.steps[index], recipe)
    losses, gradients, _ = computed(setup)
    assert any(each.abs().max() > 1e-4 for each in gradients.values())
    for found, found_gradients, finite in in_threads(*(lambda part=part: computed(setup, part) for part in PARTS)):
        assert found.keys() == losses.keys()
        for name, value in losses.items():
            torch.testing.assert_close(found[name], value.detach(), rtol=1e-5, atol=1e-6)
        assert found_gradients.keys() == gradients.keys()
        for name, value in gradients.items():
            torch.testing.assert_close(found_gradients[name], value, rtol=1e-3, atol=2e-5)
        assert not finite["student"], "it is not finite in one of them"


@pytest.mark.parametrize(("recipe", "index"), EVERY.values(), ids=[f"{name}-{index}" for name, index in EVERY])
def test_every_strategy_adds_up(recipe, index):
    adds_up(recipe, index)


@pytest.mark.parametrize(
    "term",
    [
        CrossEntropy(over="valid"),
        UnbiasedCrossEntropy(over="valid"),
        BinaryCrossEntropy(over="valid"),
        BinaryCrossEntropy(void="negative"),
        CoarseCrossEntropy(),
    ],
    ids=repr,
)
def test_a_mean_over_what_counts_is_taken_over_all_parts(term):
    adds_up(replace(FINE_TUNING, terms=(term,), base_terms=(term,)), 1)


def test_a_term_that_declares_nothing_is_computed_on_the_whole_batch():
    adds_up(replace(FINE_TUNING, terms=(CrossEntropy(), Spread())), 1)


def test_alone_nothing_is_added_up():
    losses, finite = {"a": torch.tensor(1.0)}, {"student": torch.tensor(True)}
    assert added_up(torch.nn.Linear(1, 1), losses, finite) == (losses, finite)
