"""A training goes on from what was taken out of it as if nothing had happened."""

import copy

import torch

from satkit.utils.snapshots import put_back, taken_out


def parts(seed):
    torch.manual_seed(seed)
    student = torch.nn.Sequential(torch.nn.Linear(3, 3), torch.nn.BatchNorm1d(3), torch.nn.Dropout(0.5))
    return student, torch.optim.AdamW(student.parameters(), lr=0.1), {"weight": torch.zeros(3)}


def go(student, optimiser, importances, iterations):
    for _ in range(iterations):
        optimiser.zero_grad()
        student(torch.randn(4, 3)).square().sum().backward()
        importances["weight"] += student[0].bias.grad.abs()
        optimiser.step()


def test_weights_optimiser_importance_and_random_numbers_go_on_bit_for_bit():
    student, optimiser, importances = parts(0)
    go(student, optimiser, importances, 2)
    state = copy.deepcopy(taken_out(2, student, optimiser, importances))
    go(student, optimiser, importances, 3)

    other, again, measured = parts(1)
    assert put_back(state, other, again, measured) == 2
    go(other, again, measured, 3)
    assert all(map(torch.equal, student.state_dict().values(), other.state_dict().values()))
    assert torch.equal(importances["weight"], measured["weight"])


def test_what_was_put_back_is_not_changed_by_the_training_that_goes_on():
    student, optimiser, importances = parts(0)
    go(student, optimiser, importances, 1)
    state = copy.deepcopy(taken_out(1, student, optimiser, importances))
    before = copy.deepcopy(state)
    put_back(state, student, optimiser, importances)
    go(student, optimiser, importances, 2)
    assert all(torch.equal(state[name], before[name]) for name in state)
