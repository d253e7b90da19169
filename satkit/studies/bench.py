"""What attention transfer and distillation cost, as ratios that are measured in one run.

A time on one machine says little about another; how much longer one training step takes than another on the same
machine, in turn with it, says more. Besides times, two things are counted exactly: the operators that the attention
term dispatches, and what the graph saves for the backward pass.

Models have random weights, and images are drawn scenes at the size of the model: neither changes how long a step takes.
The targets are the complete label maps, so that there are as many regions as in a real step.
"""

import subprocess
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

from satkit.data.batches import to_input
from satkit.data.datasets.scenes import CLASS_NAMES, draw_scene
from satkit.evaluation.predict import evaluate
from satkit.experiments.presets import preset
from satkit.models import AttentionTap, build_segmenter
from satkit.scenario import scenario
from satkit.strategies import AttentionTransfer, LossInputs, Strategy
from satkit.strategies.lookup import find_strategy
from satkit.studies.attention_by_loops import attention_by_loops
from satkit.training import Schedule, StepSetup, begin_step, learn_batch, make_optimiser, see_batch
from satkit.utils.assets import python_command
from satkit.utils.errors import UsageError, choose
from satkit.utils.timing import Ratio, compare_times

SCHEDULE = Schedule(10**6, 1e-4, clip=1.0)
FINE_TUNING, DISTILLATION, SATS = "fine-tuning", "pseudo+distillation", "sats"
SILENT: Callable[[str], object] = lambda what: None  # noqa: E731
STARTS = 5  # how often an import is timed


@dataclass(frozen=True)
class Size:
    """A model and what it sees, and what its times should be.

    Attributes:
        backbone, pixels, batch, decoder_width: Model and images.
        term: Largest ratio of a step with attention transfer to one without.
        loops: Smallest ratio of the attention term by loops to ours; None without a target.
    """

    backbone: str
    pixels: int
    batch: int
    decoder_width: int
    term: float
    loops: float | None = None


SIZES = {
    "quick": Size("mit_quick", 64, 16, 64, term=1.04),
    "full": Size("mit_scenes", 96, 16, 96, term=1.05, loops=8.0),
    "mit_b2": Size("mit_b2", 512, 2, 256, term=1.02, loops=4.0),
}


@dataclass(frozen=True)
class Measurement:
    """One line of the table.

    Attributes:
        what: What is divided by what, or what is counted.
        size: Model and size of the images; empty where there is none.
        value: The ratio, count or time.
        low, high: The interval of a ratio; None for what is counted.
        target: The value should not be above it, or not below it where `at_least`.
        at_least: Whether a larger value is better.
        unit: Of the value; empty for ratios and counts.
        seconds: Median times that a ratio was taken from; empty for others.
    """

    what: str
    size: str
    value: float
    low: float | None = None
    high: float | None = None
    target: float | None = None
    at_least: bool = False
    unit: str = ""
    seconds: tuple[float, ...] = ()

    @property
    def met(self) -> bool | None:
        """Whether the target is met; None without one."""
        if self.target is None:
            return None
        return self.value >= self.target if self.at_least else self.value <= self.target


class Trainer:
    """Training steps of several strategies at one size, all on the same batch.

    Args:
        size: Model and images.
        device: Where they are.
    """

    def __init__(self, size: Size, device: torch.device):
        self.size, self.device = size, device
        self.step = scenario(CLASS_NAMES, "15-5").steps[1]
        drawn = [draw_scene("train", index, size.pixels, 0) for index in range(size.batch)]
        images, labels = (np.stack(each) for each in zip(*drawn, strict=True))
        self.images, self.labels = to_input(torch.from_numpy(images)).to(device), torch.from_numpy(labels).to(device)
        torch.manual_seed(0)
        self.base = build_segmenter(size.backbone, (1 + len(self.step.old),), decoder_width=size.decoder_width)
        self.base = self.base.to(device).eval()

    def setup(self, strategy: str, **computing) -> StepSetup:
        """A step that can be trained at once; computing: options of `StepSetup`."""
        found: Strategy = preset("scenes").adapt(find_strategy(strategy))
        student, teacher = begin_step(self.base, self.step, found, seed=0)
        with torch.no_grad():  # a student that has moved away from its teacher
            for parameter in student.parameters():
                parameter.mul_(1 + 0.01 * torch.randn_like(parameter))
        return StepSetup(self.step, found, student.to(self.device).train(), teacher, **computing)

    def inputs(self, setup: StepSetup) -> LossInputs:
        """What the loss terms see, with the complete labels as targets."""
        return replace(see_batch(setup, (self.images, self.labels)), targets=self.labels)

    def one(self, strategy: str, **computing) -> Callable[[], object]:
        """A call that trains one step; computing: options of `StepSetup`."""
        setup = self.setup(strategy, **computing)
        optimiser = make_optimiser(setup.student, SCHEDULE, setup.strategy)
        return lambda: learn_batch(setup, self.inputs(setup), optimiser, SCHEDULE.clip, {}, 0)

    def one_with_known_teacher(self, strategy: str) -> Callable[[], object]:
        """The same where the teacher's output is at hand already."""
        setup = self.setup(strategy)
        optimiser, known = make_optimiser(setup.student, SCHEDULE, setup.strategy), self.inputs(setup)

        def call():
            student = setup.student(self.images, attention=setup.strategy.needs_attention)
            return learn_batch(setup, replace(known, student=student), optimiser, SCHEDULE.clip, {}, 0)

        return call

    @cached_property
    def taps(self) -> tuple[LossInputs, list[Tensor]]:
        """What the attention term sees, and the student's queries and keys as leaves of the graph."""
        setup = self.setup(SATS)
        inputs, leaves = self.inputs(setup), []
        for tap in inputs.student.attention:
            leaves += [each.detach().requires_grad_() for each in (tap.queries, tap.keys)]
        taps = zip(inputs.student.attention, leaves[::2], leaves[1::2], strict=True)
        student = replace(
            inputs.student, attention=tuple(replace(tap, queries=queries, keys=keys) for tap, queries, keys in taps)
        )
        return replace(inputs, student=student), leaves

    def term(self, term: Callable[[LossInputs], Tensor]) -> Callable[[], object]:
        """A call that computes an attention term and its gradient, and nothing else."""
        inputs, leaves = self.taps
        return lambda: torch.autograd.grad(term(inputs), leaves)

    def evaluation(self) -> tuple[Callable[[], object], Callable[[], object]]:
        """Calls that evaluate the batch, and that only run the model on it."""
        model = self.setup(FINE_TUNING).student.eval()
        batches = [(self.images, self.labels)]

        @torch.no_grad()
        def bare():
            return model(self.images).coarse

        return lambda: evaluate(model, batches, self.step.num_outputs), bare


class _Counted(TorchDispatchMode):
    """Counts operators."""

    def __init__(self):
        super().__init__()
        self.operators = 0

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        self.operators += 1
        return function(*args, **(kwargs or {}))


def operators(trainer: Trainer, term: Callable[[LossInputs], Tensor]) -> int:
    """How many operators an attention term and its gradient dispatch on a device that works on its own.

    They are counted on the meta device, which computes no values: waiting for one would be an error there.
    """
    inputs, _ = trainer.taps

    def without_values(tap: AttentionTap) -> AttentionTap:
        return replace(tap, queries=tap.queries.detach().to("meta"), keys=tap.keys.detach().to("meta"))

    student, teacher = (
        replace(each, attention=tuple(map(without_values, each.attention))) for each in (inputs.student, inputs.teacher)
    )
    leaves = [leaf.requires_grad_() for tap in student.attention for leaf in (tap.queries, tap.keys)]
    labels, targets = (each.to("meta") for each in (inputs.labels, inputs.targets))
    away = replace(inputs, labels=labels, targets=targets, student=student, teacher=teacher)
    with _Counted() as counted:
        torch.autograd.grad(term(away), leaves)
    return counted.operators


def saved_bytes(trainer: Trainer, strategy: str) -> int:
    """Bytes that the graph of a step keeps for the backward pass, each storage once, parameters left out."""
    setup, kept = trainer.setup(strategy), {}
    parameters = {parameter.untyped_storage().data_ptr() for parameter in setup.student.parameters()}

    def keep(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in parameters:
            kept[storage.data_ptr()] = storage.nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        inputs = trainer.inputs(setup)
        losses = setup.strategy.losses(inputs)
    assert losses  # the graph, and with it every storage that was counted, lives until here
    return sum(kept.values())


def measure(
    sizes: Iterable[str] = SIZES, device: str = "cpu", pairs: int = 9, say: Callable[[str], object] = SILENT
) -> Iterator[Measurement]:
    """Every line of the table, one after the other.

    Args:
        sizes: Keys of `SIZES`.
        device: "cpu" or "cuda".
        pairs: How often each ratio is timed, at least 1.
        say: Called with what is measured next.

    Raises:
        UsageError: For an unknown size or device, a device that is not there, or a number of pairs below 1.
    """
    chosen = {name: choose("size", name, SIZES) for name in sizes}
    choose("device", device, dict.fromkeys(("cpu", "cuda")))
    if device == "cuda" and not torch.cuda.is_available():
        raise UsageError("There is no CUDA device here. Measure with --device cpu.")
    if pairs < 1:
        raise UsageError(f"A ratio must be timed at least once, got {pairs} pairs.")
    return _measured(chosen, torch.device(device), pairs, say)


def _measured(sizes: dict[str, Size], device: torch.device, pairs: int, say: Callable) -> Iterator[Measurement]:
    wait = torch.cuda.synchronize if device.type == "cuda" else lambda: None
    for name, size in sizes.items():
        label = f"{name}, {size.pixels} px"
        say(f"models of {label}")
        trainer = Trainer(size, device)
        yield from _ratios(trainer, label, lambda *calls: compare_times(*calls, pairs, wait=wait), say)
        say(f"operators and memory, {label}")
        yield from _counts(trainer, label)
    say("how long satkit takes to start")
    yield from _starts()


def _ratios(trainer: Trainer, label: str, compare: Callable[..., Ratio], say: Callable) -> Iterator[Measurement]:
    steps, size = {name: trainer.one(name) for name in (FINE_TUNING, DISTILLATION, SATS)}, trainer.size
    known, saving = trainer.one_with_known_teacher(SATS), trainer.one(SATS, gradient_checkpointing=True)
    for what, first, second, target in (
        ("SATS step / distillation step", steps[SATS], steps[DISTILLATION], size.term),
        ("distillation step / fine-tuning step", steps[DISTILLATION], steps[FINE_TUNING], 1.30),
        ("SATS step / fine-tuning step", steps[SATS], steps[FINE_TUNING], 1.35),
        ("SATS step with known teacher / fine-tuning step", known, steps[FINE_TUNING], 1.08),
        ("SATS step in bfloat16 / in float32", trainer.one(SATS, autocast="bfloat16"), steps[SATS], None),
        ("SATS step with gradient checkpointing / without", saving, steps[SATS], None),
        ("evaluation / forward passes", *trainer.evaluation(), 1.20),
    ):
        say(f"{what}, {label}")
        yield _line(what, label, compare(first, second), target)
    calls = (trainer.term(attention_by_loops), trainer.term(AttentionTransfer(1.0)))
    what = "attention term by loops / ours"
    say(f"{what}, {label}")
    yield _line(what, label, compare(*calls), size.loops, True)


def _counts(trainer: Trainer, label: str) -> Iterator[Measurement]:
    count = operators(trainer, AttentionTransfer(1.0))
    yield Measurement("operators of the attention term, none of which waits", label, count, target=400)
    kept = {name: saved_bytes(trainer, name) for name in (SATS, DISTILLATION)}
    yield Measurement("saved for backward, SATS / distillation", label, kept[SATS] / kept[DISTILLATION], target=1.02)


def _line(what: str, label: str, ratio: Ratio, target: float | None, at_least: bool = False) -> Measurement:
    times = (ratio.first, ratio.second)
    return Measurement(what, label, ratio.median, ratio.low, ratio.high, target, at_least, seconds=times)


def _starts() -> Iterator[Measurement]:
    def run(*words: str) -> Callable[[], object]:
        return lambda: subprocess.run(python_command(*words), check=True, capture_output=True)

    timm = "from satkit.utils import _torchvision; _torchvision.ensure(); import timm"
    found = compare_times(run("-c", "import satkit"), run("-c", timm), STARTS, warm_up=1)
    yield _line("import satkit / import timm", "", found, 1.1)
    call, times = run("-m", "satkit", "--help"), []
    for _ in range(STARTS):
        began = time.perf_counter()
        call()
        times.append(time.perf_counter() - began)
    yield Measurement("satkit --help", "", float(np.median(times)), target=0.3, unit="s")
