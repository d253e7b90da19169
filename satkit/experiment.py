"""From settings to a finished run: which data, scenario, model and strategy, learnt step by step into a folder.

An `Experiment` is what the notebooks, the study and the command line share. It turns plain settings, the parameters of
a notebook, into objects, and carries out one step at a time: `begin`, `train`, `evaluate`, `save`, or all of them with
`learn`. A step that is finished is loaded; one that was interrupted goes on where it stopped.
"""

import os
import warnings
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np
import torch

from satkit import metrics
from satkit.choices import UsageError
from satkit.custom import find_strategy
from satkit.data import SegmentationData, label_table, load_data
from satkit.data.loading import (
    BatchStream,
    Exemplars,
    StepImages,
    evaluation_batches,
    exemplar_presence,
    exemplars,
    held_out,
    test_images,
    training_images,
)
from satkit.data.prefetching import prefetched
from satkit.data.transforms import CentreCrop, ResizedCrop, SimpleAugment
from satkit.evaluation import evaluate
from satkit.files import CheckpointError
from satkit.interrupts import remembered
from satkit.machine import machine
from satkit.models import BackboneError, Segmenter, build_segmenter
from satkit.presets import Preset, preset
from satkit.protocol import protocol
from satkit.recorder import Recorder
from satkit.runs import Run
from satkit.scenario import DOMAIN_SETTINGS, Scenario, Step, scenario, usual_tasks
from satkit.seeding import best_device, derive, seed_everything
from satkit.selection import BestWeights
from satkit.strategies import Strategy
from satkit.strategies.contradictions import contradicts_domains
from satkit.training import Iteration, begin_step, fit_targets, train_step

MOST_WORKERS = 8


@dataclass(frozen=True)
class Settings:
    """What a user chooses; empty texts take the preset's choice.

    Attributes:
        data: Name of the data set.
        root: Its folder, where it is on disk.
        task: E.g. "15-5".
        setting: One of `satkit.scenario.SETTINGS`, e.g. "overlapped".
        order: Data set labels in the order of learning; empty for the data set's own.
        protocol: The conventions of the scores, as `satkit.protocol.protocol` takes them; empty for the preset's.
        backbone: A timm name.
        preset: "smoke", "quick", "full" or "published".
        seed: Of everything random.
        shift: How much the training images of every later step differ from those of the base step and from the test
            images, 0 (not at all) to 1: another illumination in every step.
    """

    data: str = "scenes"
    root: str = ""
    task: str = ""
    setting: str = "overlapped"
    order: tuple[int, ...] = ()
    backbone: str = ""
    preset: str = "quick"
    seed: int = 0
    shift: float = 0.0
    protocol: str = ""

    def __post_init__(self):
        object.__setattr__(self, "order", tuple(self.order))
        if not 0 <= self.shift <= 1:
            raise UsageError(f"The shift must be between 0 (none) and 1, got {self.shift}.")


@dataclass
class Begun:
    """A step that has begun: what its cells pass along."""

    step: Step
    student: Segmenter
    teacher: Segmenter | None
    images: StepImages
    fitted: dict[str, torch.Tensor]
    finished: bool


class Experiment:
    """One strategy on one scenario.

    Args:
        settings: What the user chose.
        learning: A strategy, or the name of one.
    """

    def __init__(self, settings: Settings, learning: str | Strategy = "fine-tuning"):
        self.settings = settings
        self.preset: Preset = preset(settings.data, settings.preset)
        self.strategy = self.preset.adapt(find_strategy(learning))
        self.protocol = protocol(settings.protocol or self.preset.protocol)
        self.backbone = settings.backbone or self.preset.backbone
        self.device = best_device()

    @property
    def workers(self) -> int:
        """Threads that make batches ahead; the result does not depend on them. On a CPU training needs all cores."""
        return min(MOST_WORKERS, os.cpu_count() or 1) if self.device.type == "cuda" else 0

    @cached_property
    def data(self) -> SegmentationData:
        """The data set, loaded once."""
        return load_data(self.settings.data, self.settings.root, **self.preset.data)

    @cached_property
    def task(self) -> str:
        """The task that was asked for, the preset's, or the first that divides the classes."""
        by_domain = self.settings.setting in DOMAIN_SETTINGS
        chosen = self.settings.task or (self.preset.domain_task if by_domain else self.preset.task)
        return chosen or usual_tasks(len(self.data.class_names) - 1)[0]

    @cached_property
    def scenario(self) -> Scenario:
        """Which classes are old and new, also where they are learnt jointly."""
        chosen = self.settings
        return scenario(self.data.class_names, self.task, chosen.setting, chosen.order, self.data.domains)

    @property
    def learnt(self) -> Scenario:
        """The scenario as it is learnt: all at once for joint training."""
        return self.scenario.joint() if self.strategy.joint else self.scenario

    @property
    def steps(self) -> tuple[Step, ...]:
        """The steps to learn."""
        return self.learnt.steps

    @cached_property
    def config(self) -> dict:
        """Everything that decides the result, and the machine it is made on."""
        settings = {**asdict(self.settings), "task": self.task, "backbone": self.backbone}
        settings["order"] = list(self.scenario.order)
        for left_out in ("root", "protocol"):  # another place is the same data; conventions are listed one by one
            settings.pop(left_out)
        augment = {k: list(v) if isinstance(v, tuple) else v for k, v in self.preset.augment.items()}
        return {
            **settings,
            "data_fingerprint": self.data.fingerprint,
            "strategy": self.strategy.describe(),
            "model": self.preset.model,
            "data_options": self.preset.data,
            "augment": augment,
            "schedules": [asdict(self.schedule(step)) for step in self.steps],
            "conventions": self.conventions,
            "machine": machine(self.device),
        }

    @property
    def conventions(self) -> dict[str, str | bool]:
        """The conventions of the protocol, in words."""
        return self.protocol.describe(self.preset.augment["size"])

    def schedule(self, step: Step):
        """The schedule of a step."""
        first = self.preset.base if step.index == 0 else self.preset.later
        images = len(self.images(step))
        return self.preset.schedule(step.index, max(1, images // first.batch_size), self.task)

    def check(self) -> None:
        """Find out before training what would fail: names, data, images of every step, attention of the backbone."""
        _ = self.config
        self.try_backbone(attention=self.strategy.needs_attention)
        if self.scenario.by_domain and (reason := contradicts_domains(self.strategy)):
            raise UsageError(f"{self.strategy.name} cannot learn place by place: {reason}")
        if self.strategy.fusion and self.protocol.checkpoint == "best":
            raise UsageError(
                f"{self.strategy.name} fuses teacher and student at the end of a step, so it has no best weights to "
                "choose from. Take checkpoint=last."
            )
        memory, first = self.strategy.memory, len(self.images(self.steps[0]))
        if memory and memory.size > first:
            raise UsageError(
                f"A memory must fit into the data: {memory.size} images are asked for, but the base step has {first}. "
                "Choose a smaller memory."
            )

    @torch.no_grad()
    def try_backbone(self, attention: bool) -> None:
        """Run the untrained network once, at the size of a training crop.

        Raises:
            BackboneError: If the backbone cannot take images of this size, or has no attention to tap.
        """
        segmenter = self.blank().eval()
        segmenter.classifier.grow(1)
        size = self.preset.augment["size"]
        try:
            segmenter(torch.zeros(1, 3, size, size, device=self.device), attention=attention)
        except (AssertionError, RuntimeError) as error:
            raise BackboneError(
                f"Backbone {self.backbone!r} cannot take images of {size} x {size} pixels ({str(error).rstrip('.')}). "
                "Choose a MiT (mit_b0 .. mit_b5), a PVTv2 or a plain ViT."
            ) from error

    def blank(self) -> Segmenter:
        """A segmenter without classes, initialised from the seed."""
        seed_everything(derive(self.settings.seed, "network"))
        head = self.strategy.head
        spec = {**self.preset.model, "deep_heads": head.deep, "readout": head.readout}
        return build_segmenter(self.backbone, **spec).to(self.device)

    def images(self, step: Step) -> StepImages:
        """The training images of a step, as its annotator labelled them, without those that are held out."""
        images, seed = self.annotated(step), self.settings.seed
        return held_out(images, seed, step.index)[0] if self.protocol.validates else images

    def annotated(self, step: Step) -> StepImages:
        """All images that belong to a step, as its annotator labelled them."""
        chosen = self.settings
        return training_images(self.data, self.learnt, step, chosen.shift, chosen.seed, self.protocol.void)

    def open(self, folder: Path) -> Run:
        """The run in this folder, new or continued.

        Raises:
            UsageError: If the folder holds a run of another configuration.
        """
        return Run.create(folder, self.config)

    def begin(self, run: Run, index: int) -> Begun:
        """Student, teacher and images of a step; a finished step brings its trained student along.

        Raises:
            UsageError: If the scenario has no such step, or the step before is not finished.
        """
        if not 0 <= index < len(self.steps):
            raise UsageError(f"Task {self.task} has the steps 0..{len(self.steps) - 1}, got step {index}.")
        step = self.steps[index]
        images = self.images(step)
        previous = self.blank() if index == 0 else run.load_model(index - 1).to(self.device)
        student, teacher = begin_step(previous, step, self.strategy, self.settings.seed)
        if run.is_done(index):
            student = run.load_model(index).to(self.device)
            return Begun(step, student, teacher, images, run.load_fitted(index), finished=True)
        fitted = {}
        if teacher is not None and self.strategy.targets.needs_teacher:
            batches = lambda: evaluation_batches(images, self.preset.later.batch_size)  # noqa: E731
            fitted = fit_targets(self.strategy, teacher, step, batches)
        if self.strategy.memory and index > 0:
            fitted["memory"] = torch.from_numpy(self.remember(run, index))
        return Begun(step, student, teacher, images, fitted, finished=False)

    def train(self, run: Run, begun: Begun, report: Callable[[Iteration], None] = lambda _: None) -> Segmenter:
        """Train a step that has begun, from its last checkpoint if it has one.

        Args:
            report: Called after every iteration, for progress.
        """
        if begun.finished:
            return begun.student
        index, schedule = begun.step.index, self.schedule(begun.step)
        resume = _checkpoint(run, index)
        importances = run.load_fitted(index - 1) if self.strategy.importance and index else {}
        best = None
        if self.protocol.checkpoint == "best":
            best = BestWeights(run, index, begun.student, lambda student: self.judge(student, begun.step))
        stream = self.batches(begun.step, begun.fitted)
        with remembered() as interrupts, prefetched(stream, self.workers, schedule.iterations) as batches:
            recorder = Recorder(run, index, resume, interrupts, report)
            watchers = (best, recorder) if best else (recorder,)  # what is scored must not be skipped by a resume
            train_step(
                begun.student,
                begun.teacher,
                begun.step,
                self.strategy,
                batches,
                schedule,
                seed=self.settings.seed,
                fitted=begun.fitted,
                importances=importances,
                report=lambda iteration: [watcher(iteration) for watcher in watchers],
                resume=resume,
            )
        recorder.write()
        if best:
            begun.fitted["best_iteration"] = torch.tensor(best.put_back())
        begun.fitted |= importances if self.strategy.importance else {}
        return begun.student

    def judge(self, student: Segmenter, step: Step) -> float:
        """What the best weights of a step have most of: mean IoU over the images that the protocol selects on."""
        images = self.tests(step)
        if self.protocol.validates:
            images = held_out(self.annotated(step), self.settings.seed, step.index)[1]
        return metrics.mean_iou(self._confusion(student, images, step), range(step.num_outputs))

    def remember(self, run: Run, index: int) -> np.ndarray:
        """The exemplar memory at the beginning of a step: int64 (size, 2), image number and the step it was kept in."""
        ended = self.steps[index - 1]
        found = np.stack([self.images(ended).indices, np.full(len(self.images(ended)), ended.index)], axis=1)
        kept = run.load_fitted(ended.index).get("memory", torch.empty(0, 2, dtype=torch.int64)).numpy()
        memory, entries = self.strategy.memory, np.concatenate([kept, found]).astype(np.int64)
        split = self.data.pool if self.learnt.by_domain else self.data.train
        present = exemplar_presence(split, self.learnt, entries, memory.labels, ended)
        return memory.choose(kept, found, present, derive(self.settings.seed, "memory", index))

    def exemplars(self, step: Step, fitted: dict) -> Exemplars | None:
        """The exemplars that a step trains on beside its own images."""
        if "memory" not in fitted:
            return None
        memory, chosen = self.strategy.memory, self.settings
        entries = fitted["memory"].numpy()
        look = (chosen.shift, chosen.seed, self.protocol.void)
        return exemplars(self.data, self.learnt, entries, memory.labels, step, memory.share, *look)

    def batches(self, step: Step, fitted: dict | None = None) -> BatchStream:
        """The training batches of a step, by number; with the exemplars that `begin` has fitted, if there are any."""
        images = self.images(step)
        crop = dict(self.preset.augment)
        augment = (ResizedCrop if crop.pop("kind", "simple") == "resized" else SimpleAugment)(**crop)
        kept = self.exemplars(step, fitted or {})
        return BatchStream(images, self.schedule(step).batch_size, augment, self.settings.seed, step.index, kept)

    def complete(self, images: StepImages) -> StepImages:
        """The same images with their whole annotation, as class indices; nobody trains on it."""
        return replace(images, table=label_table(self.scenario.test_table(self.scenario.steps[-1])))

    @property
    def crop(self) -> CentreCrop | None:
        """What is taken of each test image; None for all of it."""
        return CentreCrop(self.preset.augment["size"]) if self.protocol.evaluation == "centre" else None

    def tests(self, step: Step) -> StepImages:
        """The test images of a step, labelled with every class seen so far."""
        return test_images(self.data, self.learnt, step, self.protocol.future, self.protocol.test_images)

    def evaluate(self, student: Segmenter, step: Step) -> np.ndarray:
        """Confusion matrix on the test images, after a step; where places arrive, one for each place seen so far."""
        tests = self.tests(step)
        if not self.learnt.by_domain:
            return self._confusion(student, tests, step)
        where = np.array(tests.split.domains)[tests.indices]
        seen = [place for earlier in self.steps[: step.index + 1] for place in earlier.domains]
        parts = [replace(tests, indices=tests.indices[where == place]) for place in seen]
        return np.stack([self._confusion(student, part, step) for part in parts])

    def _confusion(self, student: Segmenter, images: StepImages, step: Step) -> np.ndarray:
        return evaluate(student, evaluation_batches(images, 16, self.crop), step.num_outputs)

    def save(self, run: Run, begun: Begun, confusion: np.ndarray) -> dict:
        """Write a finished step, and the run's result once every step is finished. Returns the step's scores."""
        index = begun.step.index
        if self.learnt.by_domain:
            scores = metrics.old_new_all_places(confusion, self.scenario)
        else:
            scores = metrics.old_new_all(confusion, self.scenario, self.protocol.counts_background)
        if not run.is_done(index):
            run.save_step(index, begun.student, confusion, scores, begun.fitted)
        if run.steps_done() == len(self.steps) and run.result() is None:
            run.finish(self.result(run))
        return scores

    def learn(self, run: Run, index: int, report: Callable[[Iteration], None] = lambda _: None) -> Segmenter:
        """Carry out one whole step, or load it if it is finished."""
        with run.writing():
            begun = self.begin(run, index)
            student = self.train(run, begun, report)
            self.save(
                run,
                begun,
                run.load_evaluation(index) if begun.finished else self.evaluate(student, begun.step),
            )
        return student

    def result(self, run: Run) -> dict:
        """What result.json says: scores with everything that a number needs beside it."""
        evaluations = [run.load_evaluation(step.index) for step in self.steps]
        if self.learnt.by_domain:
            scores = metrics.summary_of_places(evaluations, self.scenario)
        else:
            scores = metrics.summary(evaluations, self.scenario, self.protocol.counts_background)
        return {
            "strategy": self.strategy.name,
            "data": self.settings.data,
            "task": self.task,
            "setting": self.settings.setting,
            "preset": self.preset.name,
            "backbone": self.backbone,
            "seed": self.settings.seed,
            "shift": self.settings.shift,
            "conventions": self.conventions,
            "machine": machine(self.device),
            **scores,
        }


def following(progress) -> Callable[[Iteration], None]:
    """What a training loop reports to so that a `Progress` follows it."""
    return lambda iteration: progress.update(iteration.number, loss=iteration.losses["total"])


def slug(name: str) -> str:
    """A strategy's name as the name of a folder."""
    return "-".join("".join(c if c.isalnum() else " " for c in name.lower()).split())


def _checkpoint(run: Run, step: int) -> dict[str, torch.Tensor] | None:
    try:
        return run.load_checkpoint(step)
    except CheckpointError as error:
        warnings.warn(f"{error} The step starts again from its beginning.", stacklevel=2)
        return None
