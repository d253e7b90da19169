"""New classes start as equal shares of background."""

import pytest
import torch
from torch.testing import assert_close

from satkit.models import IncrementalClassifier
from satkit.strategies import BackgroundInit, DefaultInit
from satkit.strategies.parts.classifier_init import AuxiliaryInit, ReservedInit, UnknownInit


def grown(counts=(4,), new: int = 3) -> tuple[IncrementalClassifier, torch.Tensor, torch.Tensor]:
    """A classifier after growing and initialisation, an embedding, and the logits before growing."""
    torch.manual_seed(0)
    classifier = IncrementalClassifier(8, counts)
    embedding = torch.randn(2, 8, 3, 5)
    before = classifier(embedding).detach()
    classifier.grow(new)
    BackgroundInit()(classifier)
    return classifier, embedding, before


def test_background_s_probability_is_shared_equally():
    classifier, embedding, before = grown()
    old, new = before.softmax(1), classifier(embedding).softmax(1)
    for share in (new[:, 0], *new[:, 4:].unbind(1)):
        assert_close(share, old[:, 0] / 4)
    assert_close(new[:, 0] + new[:, 4:].sum(1), old[:, 0])


def test_probabilities_and_logits_of_old_classes_stay():
    classifier, embedding, before = grown()
    after = classifier(embedding)
    assert torch.equal(after[:, 1:4], before[:, 1:])
    assert_close(after.softmax(1)[:, 1:4], before.softmax(1)[:, 1:])


def test_a_third_step_shares_background_again_and_leaves_the_second_alone():
    classifier, embedding, before = grown((4, 2), 1)
    after = classifier(embedding)
    assert torch.equal(after[:, 1:6], before[:, 1:])
    old, new = before.softmax(1), after.softmax(1)
    assert_close(new[:, 0], old[:, 0] / 2)
    assert_close(new[:, 6], old[:, 0] / 2)


def test_everything_stays_trainable():
    classifier, embedding, _ = grown()
    classifier(embedding).square().sum().backward()
    assert all(parameter.grad is not None and parameter.grad.abs().max() > 0 for parameter in classifier.parameters())


@pytest.mark.parametrize("deep", [False, True])
def test_new_classes_start_as_copies_of_the_unknown_class(deep):
    torch.manual_seed(0)
    classifier = IncrementalClassifier(8, (1, 3), reserved=1, deep=deep).eval()
    classifier.grow(2)
    UnknownInit()(classifier.eval())
    embedding = torch.randn(2, 8, 3, 5)
    unknown = classifier.reserved(embedding)
    assert_close(classifier(embedding)[:, 4:], unknown.expand(-1, 2, -1, -1))
    assert classifier.num_reserved == 1


def test_new_classes_take_over_the_channels_that_were_reserved_for_them():
    torch.manual_seed(0)
    classifier = IncrementalClassifier(8, (3,), reserved=4)
    embedding = torch.randn(2, 8, 3, 5)
    before = torch.cat([classifier(embedding), classifier.reserved(embedding)], dim=1)
    for count in (1, 2, 1):
        classifier.grow(count)
        ReservedInit()(classifier)
        parts = [classifier(embedding)]
        parts += [classifier.reserved(embedding)] if classifier.num_reserved else []
        assert_close(torch.cat(parts, dim=1), before)
    assert classifier.counts == (3, 1, 2, 1)
    assert classifier.num_reserved == 0


def test_new_classes_start_as_copies_of_the_auxiliary_channel():
    torch.manual_seed(0)
    classifier = IncrementalClassifier(8, (4,))
    classifier.grow(2)
    AuxiliaryInit()(classifier)
    logits = classifier(torch.randn(2, 8, 3, 5))
    assert_close(logits[:, 4:], logits[:, :1].expand(-1, 2, -1, -1))


def test_the_default_keeps_pytorch_s_initialisation():
    classifier = IncrementalClassifier(8, (4, 2))
    before = {name: value.clone() for name, value in classifier.state_dict().items()}
    DefaultInit()(classifier)
    assert all(torch.equal(value, before[name]) for name, value in classifier.state_dict().items())
