"""Importances against slow recomputation, and on a quadratic problem with a known answer."""

import copy

import numpy as np
import pytest
import torch
from torch import nn
from torch.testing import assert_close

from satkit.strategies.parts.importance import EWC, EveryImportance, PathIntegral, RiemannianWalk, scaled
from satkit.utils.errors import UsageError

KINDS = [EWC(2.0), PathIntegral(2.0), PathIntegral(2.0, "current"), RiemannianWalk(2.0, every=3)]
every_kind = pytest.mark.parametrize("kind", KINDS, ids=lambda kind: f"{type(kind).__name__}-{vars(kind)}"[:40])


class Quadratic(nn.Module):
    """One parameter vector with the loss sum of h / 2 * (theta - a) ** 2."""

    def __init__(self, theta, curvature, target):
        super().__init__()
        self.theta = nn.Parameter(torch.tensor(theta, dtype=torch.float64))
        self.curvature, self.target = (torch.tensor(x, dtype=torch.float64) for x in (curvature, target))

    def loss(self) -> torch.Tensor:
        return (self.curvature / 2 * (self.theta - self.target).square()).sum()


def descend(model, kind, steps, lr, before=None, start_at=0, state=None, teacher=None, noise=0.0):
    """Gradient descent as the training loop does it; returns the state and the trajectory [(theta, gradient)]."""
    state = kind.start(model, before or {}) if state is None else state
    trajectory = []
    for number in range(start_at, steps):
        model.zero_grad()
        model.loss().backward()
        if noise:
            shake = torch.Generator().manual_seed(number)
            model.theta.grad += noise * torch.randn(model.theta.shape, generator=shake, dtype=torch.float64)
        kind.observe(state, model, number)
        trajectory.append((model.theta.detach().clone(), model.theta.grad.clone()))
        if teacher is not None:
            kind.penalty(state, model, teacher).backward()
        with torch.no_grad():
            model.theta -= lr * model.theta.grad
    return state, trajectory


def problem() -> Quadratic:
    return Quadratic([3.0, -2.0, 1.0], [1.0, 4.0, 0.5], [0.0, 1.0, 1.5])


def test_fisher_information_is_the_running_mean_of_squared_gradients():
    kind, model = EWC(momentum=0.6), problem()
    state, trajectory = descend(model, kind, 7, 0.1, noise=0.5)
    expected = [1.0, 1.0, 1.0]
    for _, gradient in trajectory:
        expected = [0.6 * float(g) ** 2 + 0.4 * float(f) for g, f in zip(gradient, expected, strict=True)]
    assert kind.finish(state, model)["ewc.fisher.theta"].tolist() == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("gradient", ["previous", "current"])
def test_the_path_integral_equals_a_loop_over_the_trajectory(gradient):
    kind, model = PathIntegral(gradient=gradient), problem()
    first = model.theta.detach().clone()
    state, trajectory = descend(model, kind, 9, 0.1, noise=0.5)
    thetas = [theta for theta, _ in trajectory] + [model.theta.detach()]
    for index in range(3):
        path = 0.0
        for t in range(len(thetas) - 1):
            moved = float(thetas[t][index] - thetas[t + 1][index])
            if gradient == "previous":
                path += float(trajectory[t][1][index]) * moved
            elif t + 1 < len(trajectory):  # the last update is not followed by a gradient
                path += float(trajectory[t + 1][1][index]) * moved
        score = max(0.0, path / (float(model.theta.detach()[index] - first[index]) ** 2 + 1e-20))
        assert float(kind.finish(state, model)["pi.score.theta"][index]) == pytest.approx(score, rel=1e-9)


def test_along_gradient_descent_the_path_integral_is_what_the_loss_has_fallen():
    for gradient in ("previous", "current"):
        kind, model = PathIntegral(gradient=gradient), problem()
        start = model.theta.detach().clone()
        state, _ = descend(model, kind, 2000, 0.001)
        curvature, target, end = model.curvature, model.target, model.theta.detach()
        fallen = curvature / 2 * ((start - target).square() - (end - target).square())
        found = kind.finish(state, model)["pi.score.theta"] * (end - start).square()
        assert_close(found, fallen, rtol=0.01, atol=1e-6)


def test_path_integrals_of_steps_add_up():
    kind, model = PathIntegral(), problem()
    first = kind.finish(descend(model, kind, 20, 0.05)[0], model)
    model.target = torch.tensor([1.0, 0.0, 0.0], dtype=torch.float64)
    alone = copy.deepcopy(model)
    second = kind.finish(descend(model, kind, 20, 0.05, before=first)[0], model)
    only = kind.finish(descend(alone, kind, 20, 0.05)[0], alone)
    assert_close(second["pi.score.theta"], first["pi.score.theta"] + only["pi.score.theta"])


def test_the_riemannian_walk_equals_a_loop_over_the_trajectory():
    kind, model = RiemannianWalk(every=3, momentum=0.9), problem()
    state, trajectory = descend(model, kind, 10, 0.1, noise=0.5)
    fisher, score, before = np.ones(3), np.zeros(3), trajectory[0][0].numpy()
    for number, (theta, gradient) in enumerate(trajectory):
        theta, gradient = theta.numpy(), gradient.numpy()
        if number and number % 3 == 0:
            score += gradient * (before - theta) / (0.5 * fisher * (theta - before) ** 2 + 1e-8)
            before = theta
        fisher = 0.9 * gradient**2 + 0.1 * fisher
    left = kind.finish(state, model)
    np.testing.assert_allclose(left["rw.score.theta"].numpy(), np.maximum(score, 0), rtol=1e-9)
    np.testing.assert_allclose(left["rw.fisher.theta"].numpy(), fisher, rtol=1e-9)


def test_the_riemannian_walk_of_a_straight_path_has_a_closed_form():
    gradient, lr, every = torch.tensor([0.5, -1.5, 2.0], dtype=torch.float64), 0.1, 4
    kind, model = RiemannianWalk(every=every, momentum=0.9), problem()
    model.loss = lambda: (gradient * model.theta).sum()
    left = kind.finish(descend(model, kind, 13, lr)[0], model)
    moved = every * lr * gradient  # the same between any two of the three measurements
    expected = torch.zeros(3, dtype=torch.float64)
    for number in (4, 8, 12):
        fisher = gradient**2 + 0.1**number * (1 - gradient**2)
        expected += gradient * moved / (fisher / 2 * moved**2 + 1e-8)
    assert_close(left["rw.score.theta"], expected)
    uphill = problem()
    uphill.loss = lambda: (gradient * uphill.theta).sum()
    assert kind.finish(descend(uphill, kind, 13, -lr)[0], uphill)["rw.score.theta"].tolist() == [0, 0, 0]


def test_the_importance_of_the_riemannian_walk_is_scaled_fisher_information_plus_scaled_score():
    before = {"rw.fisher.theta": torch.tensor([2.0, 4.0, 3.0]), "rw.score.theta": torch.tensor([8.0, 0.0, 4.0])}
    importance = RiemannianWalk().start(problem(), before)["rw.importance.theta"]
    assert_close(importance, torch.tensor([1.0, 1.0, 1.0], dtype=torch.float64))
    before["rw.score.theta"] = torch.tensor([0.0, 4.0, 4.0])
    importance = RiemannianWalk().start(problem(), before)["rw.importance.theta"]
    assert_close(importance, torch.tensor([0.0, 2.0, 1.5], dtype=torch.float64))


def test_the_riemannian_walk_averages_its_score_with_that_of_the_step_before():
    kind, model = RiemannianWalk(every=2), problem()
    first = kind.finish(descend(model, kind, 9, 0.1)[0], model)
    again = copy.deepcopy(model)
    alone = kind.finish(descend(again, kind, 9, 0.1, before={"rw.fisher.theta": first["rw.fisher.theta"]})[0], again)
    both = kind.finish(descend(model, kind, 9, 0.1, before=first)[0], model)
    assert_close(both["rw.score.theta"], 0.5 * (alone["rw.score.theta"] + first["rw.score.theta"]))


@every_kind
def test_the_penalised_problem_ends_in_the_weighted_mean_of_old_and_new(kind):
    model = problem()
    left = kind.finish(descend(model, kind, 40, 0.1, noise=0.3)[0], model)
    teacher = copy.deepcopy(model)
    model.target = torch.tensor([-1.0, 2.0, 5.0], dtype=torch.float64)
    state = kind.start(model, left)
    importance = next(value for key, value in state.items() if ".importance." in key).clone()
    assert float(importance.max()) > 0.9
    descend(model, kind, 4000, 0.05, state=state, teacher=teacher)
    pull = 2 * 2.0 * importance  # weight 2, and the derivative of a square
    wanted = (model.curvature * model.target + pull * teacher.theta.detach()) / (model.curvature + pull)
    assert_close(model.theta.detach(), wanted, rtol=1e-6, atol=1e-6)


@every_kind
def test_a_step_that_is_resumed_ends_in_the_same_state(kind):
    whole, halved = problem(), problem()
    state, _ = descend(whole, kind, 12, 0.1)
    part, _ = descend(halved, kind, 5, 0.1)
    again = {key: value.clone() for key, value in part.items()}
    descend(halved, kind, 12, 0.1, start_at=5, state=again)
    one, other = kind.finish(state, whole), kind.finish(again, halved)
    assert one.keys() == other.keys()
    assert all(torch.equal(one[key], other[key]) for key in one)


@every_kind
def test_old_parameters_are_penalised_and_new_ones_are_not(kind):
    torch.manual_seed(0)
    teacher = nn.Sequential(nn.Linear(3, 2))
    student = nn.Sequential(copy.deepcopy(teacher[0]), nn.Linear(2, 4))
    state = kind.start(teacher, {})
    teacher(torch.randn(5, 3)).square().sum().backward()
    kind.observe(state, teacher, 0)
    with torch.no_grad():
        for parameter in teacher.parameters():
            parameter -= 0.1 * parameter.grad
    teacher(torch.randn(5, 3)).square().sum().backward()
    kind.observe(state, teacher, 3)
    state = kind.start(student, kind.finish(state, teacher))
    assert any(key.endswith(".1.weight") for key in state)  # measured, for the step after
    with torch.no_grad():
        student[0].weight += 0.5
    kind.penalty(state, student, teacher).backward()
    assert student[0].weight.grad.abs().max() > 0
    assert student[1].weight.grad is None


@every_kind
def test_the_penalty_equals_a_loop_over_all_elements(kind):
    torch.manual_seed(0)
    student, teacher = nn.Linear(3, 2), nn.Linear(3, 2)
    state = {kind.prefix + name: torch.rand_like(parameter) for name, parameter in student.named_parameters()}
    expected = 0.0
    for name, parameter in student.named_parameters():
        old = teacher.get_parameter(name).flatten().tolist()
        importance = state[kind.prefix + name].flatten().tolist()
        expected += sum(m * (a - b) ** 2 for m, a, b in zip(importance, parameter.flatten().tolist(), old, strict=True))
    penalty = kind.penalty(state, student, teacher)
    assert float(penalty.detach()) == pytest.approx(2.0 * expected, rel=1e-5)
    penalty.backward()
    assert all(parameter.grad is None for parameter in teacher.parameters())


@every_kind
def test_the_penalty_is_zero_without_a_trainable_parameter_in_common(kind):
    model = problem()
    teacher = copy.deepcopy(model)
    state = kind.start(model, {})
    model.theta.requires_grad_(False)
    penalty = kind.penalty(state, model, teacher)
    penalty.backward()
    assert float(penalty.detach()) == 0


@every_kind
def test_frozen_parameters_and_buffers_are_not_measured(kind):
    model = nn.Sequential(nn.Linear(2, 2), nn.BatchNorm1d(2))
    model[0].requires_grad_(False)
    measured = {key.split(".", 2)[2] for key in kind.start(model, {})}
    assert measured == {"1.weight", "1.bias"}


@every_kind
def test_the_result_of_a_step_does_not_change_while_training_goes_on(kind):
    model = problem()
    state, _ = descend(model, kind, 7, 0.1)
    left = kind.finish(state, model)
    kept = {key: value.clone() for key, value in left.items()}
    descend(model, kind, 14, 0.1, start_at=7, state=state)
    descend(model, kind, 7, 0.1, before=left)
    assert all(torch.equal(left[key], kept[key]) and not left[key].requires_grad for key in left)


@every_kind
def test_a_model_that_does_not_move_or_has_no_gradient_gives_finite_numbers(kind):
    model = problem()
    state = kind.start(model, {})
    for number in range(4):
        kind.observe(state, model, number)
    left = kind.finish(state, model)
    assert all(value.isfinite().all() for value in left.values())
    again = kind.start(model, left)
    assert float(kind.penalty(again, model, copy.deepcopy(model)).detach()) == 0


def test_scaling_is_to_zero_and_one_within_a_tensor_and_survives_equal_values():
    assert_close(scaled(torch.tensor([1.0, 2.0, 5.0])), torch.tensor([0, 0.25, 1]))
    assert scaled(torch.ones(3)).tolist() == [0, 0, 0]


@pytest.mark.parametrize("kind", [EWC(), PathIntegral(), RiemannianWalk()], ids=lambda kind: kind.prefix)
def test_an_importance_reads_its_own_state_after_a_base_step_that_measured_all_three(kind):
    model, everything = problem(), EveryImportance()
    left = everything.finish(descend(model, everything, 25, 0.05)[0], model)
    own = {key: value for key, value in left.items() if key.startswith(kind.prefix.split(".")[0])}
    from_all, from_own = kind.start(model, left), kind.start(model, own)
    assert from_all.keys() == from_own.keys()
    assert all(torch.equal(from_all[key], from_own[key]) for key in from_all)
    assert float(from_all[kind.prefix + "theta"].max()) > 0.9


def test_a_score_of_its_first_step_is_not_halved_for_a_new_parameter():
    kind, model = RiemannianWalk(every=2), problem()
    first = kind.finish(descend(model, kind, 9, 0.1)[0], model)
    renamed = {key.replace("theta", "another"): value for key, value in first.items()}
    again = copy.deepcopy(model)
    new = kind.finish(descend(model, kind, 9, 0.1, before=renamed)[0], model)
    fresh = kind.finish(descend(again, kind, 9, 0.1)[0], again)
    assert_close(new["rw.score.theta"], fresh["rw.score.theta"])


def test_every_importance_measures_what_each_measures_alone():
    model = problem()
    state, _ = descend(model, EveryImportance(), 25, 0.05)
    left = EveryImportance().finish(state, model)
    for kind in (EWC(), PathIntegral(), RiemannianWalk()):
        again = problem()
        alone = kind.finish(descend(again, kind, 25, 0.05)[0], again)
        assert all(torch.equal(left[key], alone[key]) for key in alone)
    with pytest.raises(RuntimeError, match="measures a base step, which has no penalty. Choose EWC, PI or RW"):
        EveryImportance().penalty(state, model, model)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: EWC(-1), "EWC needs weight >= 0, got -1"),
        (lambda: EWC(momentum=0), "above 0 and at most 1, got 0"),
        (lambda: PathIntegral(gradient="next"), "Unknown gradient of the path integral 'next'"),
        (lambda: PathIntegral(epsilon=-1), "PathIntegral needs epsilon > 0, got -1"),
        (lambda: PathIntegral(epsilon=0), "PathIntegral needs epsilon > 0, got 0"),
        (lambda: PathIntegral(-2), "PathIntegral needs weight >= 0, got -2"),
        (lambda: RiemannianWalk(momentum=1.5), "above 0 and at most 1, got 1.5"),
        (lambda: RiemannianWalk(-3), "RiemannianWalk needs weight >= 0, got -3"),
        (lambda: RiemannianWalk(every=0), "needs every >= 1 iterations, got 0"),
    ],
)
def test_settings_that_mean_nothing_are_refused(make, message):
    with pytest.raises(UsageError, match=message):
        make()
