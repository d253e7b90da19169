"""The growing classifier."""

import pytest
import torch

from satkit.models import IncrementalClassifier


def test_grow_keeps_old_logits():
    classifier = IncrementalClassifier(8, (4,))
    embedding = torch.randn(2, 8, 3, 5)
    before = classifier(embedding)
    classifier.grow(2)
    after = classifier(embedding)
    assert before.shape == (2, 4, 3, 5)
    assert after.shape == (2, 6, 3, 5)
    assert torch.equal(after[:, :4], before)


def test_logits_are_in_the_order_of_learning():
    classifier = IncrementalClassifier(2, (2, 1, 2))
    with torch.no_grad():
        for number, step in enumerate(classifier.steps):
            step.weight.zero_()
            step.bias.copy_(10 * number + torch.arange(step.out_channels))
    assert classifier(torch.zeros(1, 2, 1, 1)).flatten().tolist() == [0, 1, 10, 20, 21]
    assert classifier.counts == (2, 1, 2)


def test_grow_returns_the_new_layer_like_the_old_ones():
    classifier = IncrementalClassifier(4, (3,)).double()
    layer = classifier.grow(2)
    assert layer is classifier.steps[-1]
    assert layer.weight.dtype == torch.float64
    assert layer.weight.requires_grad
    assert classifier(torch.randn(1, 4, 2, 2, dtype=torch.float64)).dtype == torch.float64


def test_new_channels_differ_from_each_other():
    layer = IncrementalClassifier(16, (3,)).grow(2)
    assert not torch.equal(layer.weight[0], layer.weight[1])


def test_weights_of_a_grown_classifier_load_into_one_built_at_once():
    grown = IncrementalClassifier(4, (3,))
    grown.grow(2)
    built = IncrementalClassifier(4, grown.counts)
    built.load_state_dict(grown.state_dict())
    embedding = torch.randn(1, 4, 2, 2)
    assert torch.equal(built(embedding), grown(embedding))


@pytest.mark.parametrize("count", [0, -1])
def test_a_step_without_channels_is_refused(count):
    with pytest.raises(ValueError, match=f"at least one output channel, got {count}"):
        IncrementalClassifier(4, (3,)).grow(count)
