"""From settings to a finished run: which data, scenario, model and strategy, learnt step by step into a folder.

An `Experiment` is what the notebooks, the study and the command line share: a `Plan`, carried out one step at a time,
with `begin`, `train`, `evaluate`, `save`, or all of them with `learn`. A step that is finished is loaded; one that was
interrupted goes on where it stopped.
"""

import os
import warnings
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch

from satkit.data.batches import evaluation_batches
from satkit.data.exemplars import exemplar_presence
from satkit.data.prefetching import prefetched
from satkit.data.step_images import StepImages, held_out
from satkit.evaluation import metrics
from satkit.evaluation.predict import evaluate
from satkit.experiments.best_weights import BestWeights
from satkit.experiments.checkpoints import Recorder
from satkit.experiments.plan import Plan
from satkit.experiments.run_folder import Run
from satkit.models import Segmenter
from satkit.scenario import Step
from satkit.training import Iteration, begin_step, fit_targets, train_step
from satkit.utils.errors import UsageError
from satkit.utils.files import CheckpointError
from satkit.utils.interrupts import remembered
from satkit.utils.provenance import machine
from satkit.utils.seeding import derive

MOST_WORKERS = 8


@dataclass
class Begun:
    """A step that has begun: what its cells pass along."""

    step: Step
    student: Segmenter
    teacher: Segmenter | None
    images: StepImages
    fitted: dict[str, torch.Tensor]
    finished: bool


class Experiment(Plan):
    """One strategy on one scenario, learnt into a run."""

    @property
    def workers(self) -> int:
        """Threads that make batches ahead; the result does not depend on them. On a CPU training needs all cores."""
        return min(MOST_WORKERS, os.cpu_count() or 1) if self.device.type == "cuda" else 0

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


def _checkpoint(run: Run, step: int) -> dict[str, torch.Tensor] | None:
    try:
        return run.load_checkpoint(step)
    except CheckpointError as error:
        warnings.warn(f"{error} The step starts again from its beginning.", stacklevel=2)
        return None
