"""The growing classifier."""

import pytest
import torch

from satkit.models import Head, IncrementalClassifier
from satkit.models.classifier import last, most_likely, read
from satkit.utils.errors import UsageError


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


@pytest.mark.parametrize("deep", [False, True])
def test_reserved_channels_are_no_part_of_the_logits(deep):
    classifier = IncrementalClassifier(8, (3, 2), reserved=4, deep=deep).eval()
    embedding = torch.randn(2, 8, 3, 5)
    assert classifier(embedding).shape == (2, 5, 3, 5)
    assert classifier.reserved(embedding).shape == (2, 4, 3, 5)
    assert classifier.counts == (3, 2)
    assert classifier.num_reserved == 4
    classifier.reserve(0)
    assert classifier.reserved is None
    assert classifier.num_reserved == 0


def test_the_matrix_gives_the_logits_and_carries_their_gradient():
    classifier = IncrementalClassifier(8, (3, 2))
    embedding = torch.randn(2, 8, 3, 5)
    weight, bias = classifier.matrix()
    by_hand = torch.einsum("kc,bchw->bkhw", weight, embedding) + bias[:, None, None]
    torch.testing.assert_close(by_hand, classifier(embedding))
    weight.sum().backward()
    assert all(step.weight.grad.eq(1).all() for step in classifier.steps)
    assert IncrementalClassifier(8, (3,), deep=True).matrix() == (None, None)


def test_a_deep_head_convolves_before_it_scores():
    head = IncrementalClassifier(8, (3,), deep=True).steps[0]
    assert [type(layer).__name__ for layer in head] == ["Conv2d", "BatchNorm2d", "ReLU", "Conv2d"]
    assert head[0].kernel_size == (3, 3)
    assert head[0].bias is None
    assert last(head).out_channels == 3


def pixel(*logits) -> torch.Tensor:
    return torch.tensor(logits, dtype=torch.float32).view(1, -1, 1, 1)


@pytest.mark.parametrize(
    ("readout", "logits", "reserved", "expected"),
    [
        ("argmax", (1.0, 3.0, 2.0), None, 1),
        ("argmax", (1.0, 3.0, 2.0), (9.0,), 1),
        ("unknown", (0.0, 0.5, -9.0), (-9.0,), 1),
        ("unknown", (0.0, 0.5, -9.0), (-1.0,), 0),  # 0.50 + 0.27 against 0.62
        ("foreground", (9.0, 0.1, 0.2), None, 2),
        ("foreground", (-9.0, -0.1, -0.2), None, 0),
    ],
)
def test_logits_are_read_as_the_head_says(readout, logits, reserved, expected):
    assert int(read(pixel(*logits), pixel(*reserved) if reserved else None, readout)) == expected


def test_a_head_refuses_what_it_does_not_know():
    with pytest.raises(UsageError, match="Unknown reserve of the classifier 'futures'. Did you mean 'future'"):
        Head("futures")
    with pytest.raises(UsageError, match="Unknown readout 'softmax'"):
        Head(readout="softmax")


@pytest.mark.parametrize("classes", [1, 2, 21, 300])
def test_the_most_likely_class_is_that_of_the_maximum_in_every_layout(classes):
    scores = torch.randn(2, classes, 5, 7, generator=torch.Generator().manual_seed(classes))
    expected = scores.max(dim=1)[1]
    found = most_likely(scores)
    assert found.dtype == torch.int64
    assert torch.equal(found, expected)
    assert torch.equal(most_likely(scores.contiguous(memory_format=torch.channels_last)), expected)
    assert torch.equal(most_likely(scores.round()), scores.round().argmax(dim=1))  # of equal ones the first


def test_the_most_likely_class_leaves_scores_and_gradient_alone():
    scores = torch.randn(1, 4, 2, 2, requires_grad=True)
    before = scores.detach().clone()
    most_likely(scores)
    assert torch.equal(scores, before)
    scores.sum().backward()
    assert torch.equal(scores.grad, torch.ones_like(scores))
