"""The training loop: one step of a scenario, from its first iteration or from any later one.

The loop knows no data set and no run folder. It draws batches by number, sums the strategy's losses, and reports to its
caller through one callable. Its state can be taken out after any iteration (`snapshot`) and put back in, bit for bit:
the order of the data is a function of the iteration's number, and the state of the random generator is part of it.
"""

import copy
import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import partial
from typing import Protocol

import torch
from torch import Tensor

from satkit.models import Segmenter, SegmenterOutput
from satkit.models.gradient_checkpointing import gradient_checkpointing
from satkit.models.one_batch import as_one_batch
from satkit.scenario import Step
from satkit.strategies import LossInputs, Strategy
from satkit.strategies.parts.importance import observe_gradients
from satkit.strategies.step_state import StepState
from satkit.strategies.whole_batch import added_up
from satkit.utils.errors import unknown
from satkit.utils.non_finite import (
    NonFiniteLoss,
    as_numbers,
    check_gradient,
    check_losses,
    check_scores,
    gradient_norm,
    unchanged_unless_finite,
)
from satkit.utils.processes import summed
from satkit.utils.seeding import derive, seed_everything
from satkit.utils.snapshots import put_back, taken_out

OPTIMISERS = ("adamw", "sgd")
SCHEDULES = ("one-cycle", "poly")


class Batches(Protocol):
    """Batches by number."""

    def batch(self, iteration: int) -> tuple[Tensor, Tensor]:
        """Normalised images (batch, 3, height, width) and labels uint8 (batch, height, width)."""


@dataclass(frozen=True)
class Schedule:
    """How long and how fast a step is learnt.

    Attributes:
        iterations: Optimiser updates in the step.
        lr: Highest learning rate.
        optimiser: "adamw", or "sgd" with momentum 0.9 and Nesterov.
        schedule: "one-cycle" rises over the first tenth of the iterations and falls as a cosine; "poly" is
            lr * (1 - iteration / iterations) ** 0.9.
        classifier_lr_factor: Factor of the learning rate for the classifier.
        weight_decay: For all parameters.
        clip: Largest norm of the gradient; 0 leaves it alone.
        batch_size: Images in an iteration.
    """

    iterations: int
    lr: float
    optimiser: str = "adamw"
    schedule: str = "one-cycle"
    classifier_lr_factor: float = 1.0
    weight_decay: float = 0.01
    clip: float = 0.0
    batch_size: int = 16

    def __post_init__(self):
        if self.optimiser not in OPTIMISERS:
            raise unknown("optimiser", self.optimiser, OPTIMISERS)
        if self.schedule not in SCHEDULES:
            raise unknown("schedule", self.schedule, SCHEDULES)

    def factor(self, iteration: int) -> float:
        """Share of the highest learning rate at an iteration."""
        if self.schedule == "poly":
            return (1 - iteration / self.iterations) ** 0.9
        rise = max(1, self.iterations // 10)
        if iteration < rise:
            return (iteration + 1) / rise
        progress = (iteration - rise) / max(1, self.iterations - rise)
        return 0.5 * (1 + math.cos(math.pi * progress))


@dataclass(frozen=True)
class Iteration:
    """What the loop reports after each iteration.

    Attributes:
        step: Index of the step.
        number: Iterations done, 1 .. total.
        total: Iterations in the step.
        lr: Learning rate that was used.
        losses: Every term by name, and "total".
        snapshot: Call it for the state to resume from; only valid before the next iteration.
        stops: Whether a signal ends the training after this iteration; a checkpoint is written.
    """

    step: int
    number: int
    total: int
    lr: float
    losses: dict[str, float]
    snapshot: Callable[[], dict[str, Tensor]]
    stops: bool = False


def begin_step(previous: Segmenter, step: Step, strategy: Strategy, seed: int) -> tuple[Segmenter, Segmenter | None]:
    """Student and teacher of a step.

    Args:
        previous: At step 0 a segmenter without classes; later the model of the step before. It stays as it is.

    Returns:
        The student, grown by the step's classes, if it has new ones, and initialised; the teacher, frozen and in
        evaluation mode, or None at step 0.
    """
    student = copy.deepcopy(previous).requires_grad_(True)
    seed_everything(derive(seed, "classifier", step.index))
    if step.index == 0:
        heads = (1, len(step.new)) if strategy.head.background_apart else (1 + len(step.new),)
        for count in heads:
            student.classifier.grow(count)
        student.classifier.reserve({"nothing": 0, "unknown": 1, "future": len(step.future)}[strategy.head.reserves])
        return student, None
    if step.new:
        student.classifier.grow(len(step.new))
        strategy.classifier(student.classifier)
    if strategy.freezing:
        strategy.freezing(student)
    teacher = copy.deepcopy(previous).eval().requires_grad_(False)
    return student, teacher


@dataclass
class StepSetup:
    """Everything that a step is trained from.

    Attributes:
        step: Which classes are old and new.
        strategy: How the step is learnt.
        student: Already grown by the step's classes; trained in place.
        teacher: Frozen model of the step before; None at step 0.
        state: What was measured before the step; its importances become those that the step leaves.
        autocast: "bfloat16" for forward passes of student and teacher in it; "" for all in float32.
        gradient_checkpointing: Whether the student computes activations again instead of keeping them.
    """

    step: Step
    strategy: Strategy
    student: Segmenter
    teacher: Segmenter | None = None
    state: StepState = field(default_factory=StepState)
    autocast: str = ""
    gradient_checkpointing: bool = False

    def seen(self, model: Segmenter, images: Tensor, attention: bool) -> SegmenterOutput:
        """What a model says about images, in float32."""
        if not self.autocast:
            return model(images, attention=attention)
        with torch.autocast(images.device.type, getattr(torch, self.autocast)):
            found = model(images, attention=attention)
        return found.full()


@torch.no_grad()
def fit_targets(setup: StepSetup, batches: Callable[[], Iterable[tuple]]) -> dict[str, Tensor]:
    """What the strategy's targets measure on the training images before the step begins; {} without a teacher.

    Args:
        batches: Makes an iterator over (images, labels, ...) of the step's training images, unaugmented.

    Raises:
        NonFiniteLoss: If the teacher's class scores of a batch are not finite.
    """
    teacher = setup.teacher
    if teacher is None or not setup.strategy.targets.needs_teacher:
        return {}
    device = next(teacher.parameters()).device

    def seen():
        for number, (images, labels, *_) in enumerate(batches()):
            taught = teacher(images.to(device))
            if not taught.coarse.isfinite().all():
                raise NonFiniteLoss(
                    f"The class scores of the teacher must be finite, but some are not before step {setup.step.index}. "
                    "Nothing was trained. Train the step before again.",
                    number,
                )
            yield labels.to(device), taught.logits

    return setup.strategy.targets.fit(seen, setup.step, summed)


def train_step(
    setup: StepSetup,
    batches: Batches,
    schedule: Schedule,
    *,
    seed: int,
    report: Callable[[Iteration], None] = lambda iteration: None,
    resume: dict[str, Tensor] | None = None,
) -> Segmenter:
    """Train the student of a step, in place, and give it back in evaluation mode.

    Args:
        batches: Training batches by number.
        seed: Of the run; dropout and drop-path derive theirs from it.
        report: Called after every iteration.
        resume: A snapshot to go on from.

    Raises:
        NonFiniteLoss: In the iteration in which it happens, naming the term; the student is as before it.
        ValueError: If the targets need a teacher and have not been fitted.
    """
    step, strategy, student = setup.step, setup.strategy, setup.student
    if setup.teacher is not None and strategy.targets.needs_teacher and setup.state.targets is None:
        raise ValueError("Targets that need a teacher are fitted before the step: state.targets = fit_targets(...).")
    optimiser = make_optimiser(student, schedule, strategy)
    measured = strategy.importance.start(student, setup.state.importances) if strategy.importance else {}
    seed_everything(derive(seed, "train", step.index))
    first = put_back(resume, student, optimiser, measured) if resume else 0
    student.train()

    for number in range(first, schedule.iterations):
        lr = _set_rate(optimiser, schedule, number)
        batch = batches.batch(number)
        with unchanged_unless_finite(student, batch[0]):
            losses = learn_batch(setup, see_batch(setup, batch), optimiser, schedule.clip, measured, number)
        done = number + 1
        snapshot = partial(taken_out, done, student, optimiser, measured)
        report(Iteration(step.index, done, schedule.iterations, lr, losses, snapshot))

    if strategy.importance:
        setup.state.importances = strategy.importance.finish(measured, student)
    if strategy.fusion and setup.teacher is not None:
        strategy.fusion(student, setup.teacher, step)
    return student.eval()


def see_batch(setup: StepSetup, batch: tuple[Tensor, Tensor]) -> LossInputs:
    """What the loss terms see of a batch: labels, targets, and the outputs of student and teacher."""
    step, strategy, teacher = setup.step, setup.strategy, setup.teacher
    device = next(setup.student.parameters()).device
    images, labels = (tensor.to(device, non_blocking=True) for tensor in batch)
    taught, targets = None, labels
    if teacher is not None and strategy.needs_teacher:
        with torch.no_grad():
            taught = setup.seen(teacher, images, strategy.needs_attention)
    if taught is not None or strategy.targets.in_base_step:
        targets = strategy.targets(labels, taught, step, setup.state.targets or {}, images)
    saving = gradient_checkpointing(setup.student.backbone, setup.gradient_checkpointing)
    with saving, as_one_batch(images):  # of which this process may have a part
        learnt = setup.seen(setup.student, images, strategy.needs_attention and taught is not None)
    return LossInputs(step, labels, targets, learnt, taught)


def learn_batch(
    setup: StepSetup,
    inputs: LossInputs,
    optimiser: torch.optim.Optimizer,
    clip: float,
    measured: dict[str, Tensor],
    number: int,
) -> dict[str, float]:
    """Update the student once; gives every loss term by name, and "total".

    Args:
        clip: Largest norm of the gradient; 0 leaves it alone.
        measured: What the strategy's importance measures, changed in place.
        number: Iterations done before.
    """
    step, student, teacher, importance = setup.step.index, setup.student, setup.teacher, setup.strategy.importance
    losses, models = setup.strategy.losses(inputs), {"student": inputs.student, "teacher": inputs.teacher}
    finite = {name: output.coarse.isfinite().all() for name, output in models.items() if output is not None}
    losses = {**losses, "total": sum(losses.values())}
    optimiser.zero_grad(set_to_none=True)
    losses["total"].backward()
    losses, finite = added_up(student, losses, finite)  # over the processes of torchrun, if there are any
    of_data = None  # a copy of the gradient of the data's loss, where the penalty is added to it
    if importance and teacher is not None:
        of_data = [None if each.grad is None else each.grad.clone() for each in student.parameters()]
        losses[importance.name] = importance.penalty(measured, student, teacher)
        losses[importance.name].backward()
    norm = gradient_norm(student)
    losses, finite, of_gradient = as_numbers(losses, finite, {"norm": norm})
    if of_data:
        losses["total"] += losses[importance.name]
    check_scores(finite, losses, step, number)
    check_losses(losses, step, number)
    check_gradient(of_gradient["norm"], step, number)  # from here on everything is finite, and things may change
    if importance:
        observe_gradients(importance, measured, student, number, of_data)
    if clip > 0:
        torch.nn.utils.clip_grads_with_norm_(student.parameters(), clip, norm, foreach=True)
    optimiser.step()
    return losses


def _set_rate(optimiser: torch.optim.Optimizer, schedule: Schedule, number: int) -> float:
    """Set the learning rate of every group; gives that of the backbone."""
    factor = schedule.factor(number)
    for group in optimiser.param_groups:
        group["lr"] = factor * group["highest_lr"]
    return factor * schedule.lr


def make_optimiser(student: Segmenter, schedule: Schedule, strategy: Strategy | None = None) -> torch.optim.Optimizer:
    """An optimiser over everything that is not frozen.

    The classifier may learn faster, and the strategy's freezing may slow down parts.
    """
    slower = strategy.freezing.rates(student) if strategy and strategy.freezing else []
    rates = dict.fromkeys(student.parameters(), 1.0)
    rates |= dict.fromkeys(student.classifier.parameters(), schedule.classifier_lr_factor)
    for module, factor in slower:
        rates |= {parameter: factor * rates[parameter] for parameter in module.parameters()}
    members: dict[float, list] = {}
    for parameter, rate in rates.items():
        if parameter.requires_grad:
            members.setdefault(rate, []).append(parameter)
    groups = [{"params": group, "highest_lr": schedule.lr * rate} for rate, group in members.items()]
    if schedule.optimiser == "sgd":
        options = dict(momentum=0.9, nesterov=True, weight_decay=schedule.weight_decay)
        return torch.optim.SGD(groups, lr=schedule.lr, **options)
    return torch.optim.AdamW(groups, lr=schedule.lr, weight_decay=schedule.weight_decay, fused=True)
