"""Importance of every parameter for the old classes, and the penalty for changing important ones.

EWC, path integral (PI, also called synaptic intelligence) and Riemannian walk (RW) differ in how they measure
importance while a step is trained. In the next step each adds

    weight * sum over parameters of importance * (parameter - parameter of the teacher) ** 2

with importances scaled to [0, 1] within each tensor, as in the code of MiB, PLOP and SATS; RW adds two such
importances. New channels of the classifier have no penalty.

An importance holds settings only. What it measures is a flat dict of tensors that belongs to the training loop and is
saved with the run: "ewc.fisher.decoder.fuse.weight", for example.
"""

from abc import abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor, nn

from satkit.strategies.contracts import Part, one_of, positive
from satkit.utils.errors import UsageError

State = dict[str, Tensor]

GRADIENTS = ("previous", "current")
TINY = 1e-8


class Importance(Part):
    """The contract of an importance; in the log, the penalty of each is called "importance"."""

    role: ClassVar[str] = "importance"
    name: ClassVar[str] = "importance"
    weight: float

    @abstractmethod
    def start(self, student: nn.Module, before: State) -> State:
        """The state at the beginning of a step, from what `finish` returned for the step before ({} for none)."""

    @abstractmethod
    def observe(self, state: State, student: nn.Module, iteration: int) -> None:
        """Measure one iteration, in place: the gradient of the data's loss, before the optimiser's update.

        The penalty of the iteration has been taken before, and everything in the iteration is finite.
        """

    @abstractmethod
    def penalty(self, state: State, student: nn.Module, teacher: nn.Module) -> Tensor:
        """The penalty, weight included."""

    @abstractmethod
    def finish(self, state: State, student: nn.Module) -> State:
        """What the next step needs."""


@dataclass(frozen=True)
class QuadraticPenalty(Importance):
    """The penalty that EWC, PI and RW share.

    Attributes:
        weight: Factor of the penalty.
        prefix: Where in the state `start` puts the importance of each parameter.
    """

    weight: float = 100.0

    prefix: ClassVar[str]

    def __post_init__(self):
        positive(self, "weight", self.weight)

    def penalty(self, state: State, student: nn.Module, teacher: nn.Module) -> Tensor:
        return self.weight * weighted_distance(state, self.prefix, student, teacher)


@dataclass(frozen=True)
class EWC(QuadraticPenalty):
    """Elastic weight consolidation: the squared gradient, the diagonal of the Fisher information.

    Source: Kirkpatrick et al., PNAS 2017. As in MiB's code the Fisher information starts as ones and is a running
    mean, F <- momentum * gradient ** 2 + (1 - momentum) * F, so that with 0.9 it depends on little more than the last
    batch. A parameter without a gradient keeps its F.

    Attributes:
        weight: Factor of the penalty; 500 in MiB, 100 in PLOP and SATS.
        momentum: Share of the newest gradient, in (0, 1].
    """

    momentum: float = 0.9

    prefix: ClassVar[str] = "ewc.importance."

    def __post_init__(self):
        super().__post_init__()
        _check_momentum(self.momentum)

    def start(self, student: nn.Module, before: State) -> State:
        state = {}
        for name, parameter in trainable(student):
            state[f"ewc.fisher.{name}"] = _carried(before, f"ewc.fisher.{name}", torch.ones_like(parameter))
            state[f"ewc.importance.{name}"] = scaled(state[f"ewc.fisher.{name}"])
        return state

    @torch.no_grad()
    def observe(self, state: State, student: nn.Module, iteration: int) -> None:
        for name, parameter in trainable(student):
            _update_fisher(state[f"ewc.fisher.{name}"], parameter, self.momentum)

    def finish(self, state: State, student: nn.Module) -> State:
        return _part(state, "ewc.fisher.")


@dataclass(frozen=True)
class PathIntegral(QuadraticPenalty):
    """Path integral: how much the changes of a parameter have lowered the loss, per squared distance.

    path <- path - gradient * displacement in every iteration, and at the end of a step

        score <- score + relu(path / (distance ** 2 + epsilon)).

    Source: Zenke et al., ICML 2017. The paper multiplies a displacement by the gradient that led to it; the released
    code of MiB, PLOP and SATS by the one after it. Its epsilon of 1e-20 gives a parameter that hardly moved a score
    so large that the scaling leaves all others near zero.

    Attributes:
        weight: Factor of the penalty; 500 in MiB, 100 in PLOP and SATS.
        gradient: "previous", as in the paper, or "current", as released.
        epsilon: Added to the squared distance, above 0.
    """

    gradient: str = "previous"
    epsilon: float = 1e-20

    prefix: ClassVar[str] = "pi.importance."

    def __post_init__(self):
        super().__post_init__()
        if not self.epsilon > 0:
            raise UsageError(f"PathIntegral needs epsilon > 0, got {self.epsilon}; 1e-20 is the released value.")
        one_of("gradient of the path integral", self.gradient, GRADIENTS)

    def start(self, student: nn.Module, before: State) -> State:
        state = {}
        for name, parameter in trainable(student):
            state[f"pi.score.{name}"] = _carried(before, f"pi.score.{name}", torch.zeros_like(parameter))
            state[f"pi.importance.{name}"] = scaled(state[f"pi.score.{name}"])
            state[f"pi.path.{name}"] = torch.zeros_like(parameter)
            state[f"pi.gradient.{name}"] = torch.zeros_like(parameter)
            state[f"pi.begin.{name}"] = parameter.detach().clone()
            state[f"pi.before.{name}"] = parameter.detach().clone()
        return state

    @torch.no_grad()
    def observe(self, state: State, student: nn.Module, iteration: int) -> None:
        for name, parameter in trainable(student):
            earlier, before = state[f"pi.gradient.{name}"], state[f"pi.before.{name}"]
            gradient = earlier if self.gradient == "previous" else _gradient(parameter)
            state[f"pi.path.{name}"].addcmul_(gradient, before - parameter)
            earlier.copy_(_gradient(parameter))
            before.copy_(parameter)

    @torch.no_grad()
    def finish(self, state: State, student: nn.Module) -> State:
        left = {}
        for name, parameter in trainable(student):
            path = state[f"pi.path.{name}"].clone()
            if self.gradient == "previous":  # the last update has not been seen yet
                path += state[f"pi.gradient.{name}"] * (state[f"pi.before.{name}"] - parameter)
            distance = (parameter - state[f"pi.begin.{name}"]).square()
            score = torch.where(path > 0, path / (distance + self.epsilon), 0.0)
            left[f"pi.score.{name}"] = state[f"pi.score.{name}"] + score
        return left


@dataclass(frozen=True)
class RiemannianWalk(QuadraticPenalty):
    """Riemannian walk: Fisher information, and the loss lowered per distance in its metric.

    Every few iterations score <- score + gradient * (before - now) / (F / 2 * (now - before) ** 2 + 1e-8), with F as
    in `EWC`; at the end of a step the positive part, averaged with the score of the step before if there is one.
    Importance is the sum of both, each scaled. Source: Chaudhry et al., ECCV 2018, as in the code of MiB, PLOP and
    SATS.

    Attributes:
        weight: Factor of the penalty.
        momentum: Share of the newest gradient in F, in (0, 1].
        every: Iterations between two measurements.
    """

    momentum: float = 0.9
    every: int = 10

    prefix: ClassVar[str] = "rw.importance."

    def __post_init__(self):
        super().__post_init__()
        _check_momentum(self.momentum)
        if self.every < 1:
            raise UsageError(f"RiemannianWalk needs every >= 1 iterations, got {self.every}.")

    def start(self, student: nn.Module, before: State) -> State:
        state = {}
        for name, parameter in trainable(student):
            state[f"rw.fisher.{name}"] = _carried(before, f"rw.fisher.{name}", torch.ones_like(parameter))
            state[f"rw.importance.{name}"] = scaled(state[f"rw.fisher.{name}"])
            if f"rw.score.{name}" in before:
                state[f"rw.earlier.{name}"] = _carried(before, f"rw.score.{name}", parameter)
                state[f"rw.importance.{name}"] += scaled(state[f"rw.earlier.{name}"])
            state[f"rw.walk.{name}"] = torch.zeros_like(parameter)
            state[f"rw.before.{name}"] = parameter.detach().clone()
        return state

    @torch.no_grad()
    def observe(self, state: State, student: nn.Module, iteration: int) -> None:
        for name, parameter in trainable(student):
            fisher, before = state[f"rw.fisher.{name}"], state[f"rw.before.{name}"]
            if iteration and iteration % self.every == 0:
                moved = parameter - before
                lowered = -_gradient(parameter) * moved
                state[f"rw.walk.{name}"] += lowered / (0.5 * fisher * moved.square() + TINY)
                before.copy_(parameter)
            _update_fisher(fisher, parameter, self.momentum)

    def finish(self, state: State, student: nn.Module) -> State:
        left = _part(state, "rw.fisher.")
        for name, _ in trainable(student):
            score, earlier = state[f"rw.walk.{name}"].clamp(min=0), state.get(f"rw.earlier.{name}")
            left[f"rw.score.{name}"] = score if earlier is None else 0.5 * (score + earlier)
        return left


@dataclass(frozen=True)
class EveryImportance(Importance):
    """All three with their default settings: for a base step that several strategies share."""

    weight: ClassVar[float] = 0.0

    @property
    def measured(self) -> tuple[Importance, ...]:
        """The importances that are measured."""
        return EWC(), PathIntegral(), RiemannianWalk()

    def start(self, student: nn.Module, before: State) -> State:
        return {key: value for one in self.measured for key, value in one.start(student, before).items()}

    def observe(self, state: State, student: nn.Module, iteration: int) -> None:
        for one in self.measured:
            one.observe(state, student, iteration)

    def penalty(self, state: State, student: nn.Module, teacher: nn.Module) -> Tensor:
        raise RuntimeError("EveryImportance measures a base step, which has no penalty. Choose EWC, PI or RW.")

    def finish(self, state: State, student: nn.Module) -> State:
        return {key: value for one in self.measured for key, value in one.finish(state, student).items()}


def observe_gradients(
    importance: Importance, state: State, student: nn.Module, iteration: int, gradients: list[Tensor | None] | None
) -> None:
    """Let an importance measure other gradients than those that the parameters hold, in their order; None: these."""
    parameters = list(student.parameters())
    held = [parameter.grad for parameter in parameters]
    for parameter, gradient in zip(parameters, gradients or held, strict=True):
        parameter.grad = gradient
    importance.observe(state, student, iteration)
    for parameter, gradient in zip(parameters, held, strict=True):
        parameter.grad = gradient


def trainable(module: nn.Module) -> Iterator[tuple[str, nn.Parameter]]:
    """The parameters that are trained, by name."""
    return ((name, parameter) for name, parameter in module.named_parameters() if parameter.requires_grad)


def weighted_distance(state: State, prefix: str, student: nn.Module, teacher: nn.Module) -> Tensor:
    """Sum of importance * (parameter - teacher's) ** 2 over the parameters that the teacher has too; 0 for none."""
    old = dict(teacher.named_parameters())
    moved = [
        (state[prefix + name] * (parameter - old[name].detach()).square()).sum()
        for name, parameter in trainable(student)
        if name in old and prefix + name in state
    ]
    return torch.stack(moved).sum() if moved else torch.zeros((), requires_grad=True)


def scaled(values: Tensor) -> Tensor:
    """Values of one tensor scaled to [0, 1]; zeros where all are equal."""
    lowest, highest = values.min(), values.max()
    return (values - lowest) / (highest - lowest + TINY)


def _carried(before: State, key: str, default: Tensor) -> Tensor:
    found = before.get(key)
    return default.detach().clone() if found is None else found.to(default).clone()


def _gradient(parameter: nn.Parameter) -> Tensor:
    return torch.zeros_like(parameter) if parameter.grad is None else parameter.grad


def _update_fisher(fisher: Tensor, parameter: nn.Parameter, momentum: float) -> None:
    if parameter.grad is not None:
        fisher.mul_(1 - momentum).addcmul_(parameter.grad, parameter.grad, value=momentum)


def _part(state: State, prefix: str) -> State:
    return {key: value.detach().clone() for key, value in state.items() if key.startswith(prefix)}


def _check_momentum(value: float) -> None:
    if not 0 < value <= 1:
        raise UsageError(f"The momentum of the Fisher information must be above 0 and at most 1, got {value}.")
