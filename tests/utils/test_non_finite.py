"""What is not finite is named, and what a forward pass has changed is put back."""

import math

import pytest
import torch

from satkit.utils.non_finite import (
    NonFiniteLoss,
    as_numbers,
    check_gradient,
    check_losses,
    check_scores,
    gradient_norm,
    unchanged_unless_finite,
)


def test_the_first_term_that_is_not_finite_is_named_rather_than_their_sum():
    losses = {"one": 1.0, "total": math.nan, "penalty": -math.inf}
    with pytest.raises(
        NonFiniteLoss, match=r"'penalty' is -inf at step 2, iteration 8 \(one = 1, total = nan"
    ) as caught:
        check_losses(losses, 2, 7)
    assert caught.value.batch == 7
    check_losses({"one": 1.0, "total": 1.0}, 2, 7)


def test_a_sum_that_is_not_finite_by_itself_is_named():
    with pytest.raises(NonFiniteLoss, match="'total' is inf"):
        check_losses({"one": 3e38, "other": 3e38, "total": math.inf}, 0, 0)


def test_a_model_with_scores_that_are_not_finite_is_named_although_every_loss_is_finite():
    with pytest.raises(NonFiniteLoss, match="scores of the teacher must be finite, but some are not at step 1, iter"):
        check_scores({"student": 1.0, "teacher": 0.0}, {"total": 1.0}, 1, 0)
    check_scores({"student": True, "teacher": True}, {"total": 1.0}, 1, 0)


def test_the_norm_of_the_gradient_is_that_of_all_parameters_and_refused_if_it_is_not_finite():
    layer = torch.nn.Linear(2, 1)
    layer.weight.grad = torch.tensor([[3.0, 4.0]])  # the bias has none
    assert gradient_norm(layer) == 5
    check_gradient(5.0, 0, 0)
    with pytest.raises(NonFiniteLoss, match="its norm is nan at step 0, iteration 1"):
        check_gradient(math.nan, 0, 0)


def test_scalars_of_several_groups_keep_their_names_and_are_fetched_at_once(monkeypatch):
    fetched = []
    usual = torch.Tensor.tolist
    monkeypatch.setattr(torch.Tensor, "tolist", lambda tensor: fetched.append(len(tensor)) or usual(tensor))
    losses = {"one": torch.tensor(0.5, requires_grad=True), "total": torch.tensor(2.0)}
    assert as_numbers(losses, {"student": torch.tensor(True)}, {}) == [
        {"one": 0.5, "total": 2.0},
        {"student": 1.0},
        {},
    ]
    assert fetched == [3]


@pytest.mark.parametrize(("value", "says_images"), [(1.0, False), (math.inf, True)])
def test_the_statistics_of_a_batch_are_put_back_and_its_images_are_named_if_they_are_at_fault(value, says_images):
    norm = torch.nn.BatchNorm2d(1)
    norm(torch.randn(2, 1, 3, 3))
    before = {name: buffer.clone() for name, buffer in norm.named_buffers()}
    images = torch.full((2, 1, 3, 3), value)

    def fail():
        with unchanged_unless_finite(norm, images):
            norm(images)
            raise NonFiniteLoss("A loss.", 4)

    with pytest.raises(NonFiniteLoss, match=r"A loss\.$") as caught:
        fail()
    assert str(caught.value).startswith("The images must hold finite numbers") == says_images
    assert caught.value.batch == 4
    assert all(torch.equal(buffer, before[name]) for name, buffer in norm.named_buffers())


def test_without_such_a_value_the_statistics_are_kept():
    norm = torch.nn.BatchNorm2d(1)
    with unchanged_unless_finite(norm, torch.ones(1)):
        norm(torch.full((2, 1, 3, 3), 5.0))
    assert norm.running_mean > 0
