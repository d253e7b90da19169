"""A plan carried out into a run, step by step.

An `Experiment` is what the notebooks, the studies and the command line share. One step is `begin`, `train`, `evaluate`
and `save`, or all of them with `learn`. A finished step is loaded; an interrupted one goes on where it stopped.
"""

import os
import warnings
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

import numpy as np
import torch

from satkit.data.batches import evaluation_batches
from satkit.data.exemplars import exemplar_presence
from satkit.data.prefetching import prefetched
from satkit.data.step_images import StepImages, held_out
from satkit.evaluation import metrics
from satkit.evaluation.predict import SILENT, evaluate
from satkit.experiments.best_weights import BestWeights, ScoredByAll
from satkit.experiments.checkpoints import Recorder
from satkit.experiments.configuration import config_hash
from satkit.experiments.equal_models import check_equal, model_from_first, take_from_first
from satkit.experiments.in_progress import Checkpoint, forget_progress, newest_checkpoint
from satkit.experiments.mending import mend_steps
from satkit.experiments.plan import Plan
from satkit.experiments.run_folder import PATIENCE, Run
from satkit.experiments.run_record import recorded, write_record
from satkit.models import Segmenter
from satkit.scenario import Step
from satkit.strategies.step_state import StepState
from satkit.training import Iteration, StepSetup, begin_step, fit_targets, train_step
from satkit.utils import processes
from satkit.utils.errors import UsageError
from satkit.utils.files import DamagedFile
from satkit.utils.interrupts import remembered
from satkit.utils.non_finite import NonFiniteLoss
from satkit.utils.one_writer import RunBusy
from satkit.utils.progress import evaluation_progress
from satkit.utils.provenance import machine, versions_changed
from satkit.utils.seeding import derive

MOST_WORKERS = 8


@dataclass
class StepInProgress(StepSetup):
    """A step that has begun, with its training images, and whether it is finished already."""

    images: StepImages = field(default=None)
    finished: bool = False


class Experiment:
    """A plan and the run that it is carried out into.

    Args:
        plan: What is learnt.
        run: Where it goes; a run that comes with the kit can only be read. None in processes that only help another.
    """

    def __init__(self, plan: Plan, run: Run | None):
        self.plan, self.run = plan, run

    @classmethod
    def open(cls, plan: Plan, folder: str | Path) -> "Experiment":
        """The experiment of a plan in a folder, new or continued; what is damaged there is made again where it can be.

        Raises:
            UsageError: If the folder holds a run of another configuration.
            DamagedFile: If weights or a manifest are damaged.
        """
        experiment = cls(plan, Run.create(folder, plan.config))
        experiment.mend()
        return experiment

    @property
    def workers(self) -> int:
        """Threads that make batches ahead; the result does not depend on them. On a CPU training needs all cores."""
        cores = (os.cpu_count() or 1) // processes.count()
        return min(MOST_WORKERS, max(1, cores)) if self.plan.device.type == "cuda" else 0

    def model(self, step: int) -> Segmenter:
        """The segmenter after a finished step, on the plan's device, in evaluation mode."""
        return model_from_first(lambda: self.run.load_model(step)).to(self.plan.device)

    def begin(self, index: int) -> StepInProgress:
        """Student, teacher and images of a step; a finished step brings its trained student along.

        Raises:
            UsageError: If the scenario has no such step, or the step before is not finished.
            NonFiniteLoss: If the teacher's class scores of some training images are not finite.
        """
        plan, run = self.plan, self.run
        if not 0 <= index < len(plan.steps):
            raise UsageError(f"Task {plan.task} has the steps 0..{len(plan.steps) - 1}, got step {index}.")
        step, images = plan.steps[index], plan.images(plan.steps[index])
        previous = plan.blank() if index == 0 else self.model(index - 1)
        student, teacher = begin_step(previous, step, plan.strategy, plan.settings.seed)
        if processes.is_first() and run.is_done(index):
            state = run.load_state(index)
            student = self.model(index)
            return StepInProgress(step, plan.strategy, student, teacher, state, images=images, finished=True)
        check_equal({"student": student, "teacher": teacher})
        state = StepState.from_tensors(processes.from_first(lambda: self._left_for(index).tensors()))
        started = StepInProgress(step, plan.strategy, student, teacher, state, **plan.computing, images=images)
        started.state.targets = self._fitted(started)
        return started

    def train(self, started: StepInProgress, report: Callable[[Iteration], None] = SILENT) -> Segmenter:
        """Train a step that has begun, from its last checkpoint if it has one; gives the student.

        Args:
            report: Called after every iteration, for progress.

        Raises:
            NonFiniteLoss: Naming the term and the images of the batch; no parameter is changed by that batch.
        """
        if started.finished:
            return started.student
        plan, run, index = self.plan, self.run, started.step.index
        schedule, (best, resume) = plan.schedule(started.step), self._goes_on_from(started)
        snapshot = processes.from_first(lambda: resume.snapshot if resume else {})
        stream = plan.batches(started.step, started.state, processes.part(schedule.batch_size))
        with (
            recorded(run, resume.rows if resume else ()) as record,
            remembered() as interrupts,
            prefetched(stream, self.workers, schedule.iterations) as batches,
        ):
            recorder = Recorder(run, index, resume, interrupts, report, plan.device, record)
            watchers = (best, recorder) if best else (recorder,)  # what is scored must not be skipped by a resume
            try:
                train_step(
                    started,
                    batches,
                    schedule,
                    seed=plan.settings.seed,
                    report=lambda iteration: [watcher(iteration) for watcher in watchers],
                    resume=snapshot or None,
                )
            except NonFiniteLoss as error:
                raise _said_once(_with_images(error, stream.names(error.batch))) from error
        recorder.write()
        if best:
            started.state.best_iteration = best.put_back()
            take_from_first(started.student)
        return started.student

    def checkpoint(self, index: int) -> Checkpoint | None:
        """What a step that is not finished goes on from: its newest sound checkpoint, or None."""
        return newest_checkpoint(self.run, index)

    def judge(self, student: Segmenter, step: Step) -> float:
        """The score that selects the best weights of a step: mean IoU over the images that the protocol selects on."""
        plan = self.plan
        images = plan.tests(step)
        if plan.protocol.validates:
            images = held_out(plan.annotated(step), plan.settings.seed, step.index)[1]
        return metrics.mean_iou(self._evaluated(student, images, step), range(step.num_outputs))

    def remember(self, index: int) -> np.ndarray:
        """The exemplar memory at the beginning of a step: int64 (size, 2), image number and the step it was kept in."""
        plan, ended = self.plan, self.plan.steps[index - 1]
        images, memory = plan.images(ended), plan.strategy.memory
        found = np.stack([images.indices, np.full(len(images), ended.index)], axis=1)
        before = self.run.load_state(ended.index).memory
        kept = np.empty((0, 2), dtype=np.int64) if before is None else before.numpy()
        entries = np.concatenate([kept, found]).astype(np.int64)
        split = plan.data.pool if plan.learnt.by_domain else plan.data.train
        present = exemplar_presence(split, plan.learnt, entries, memory.labels, ended)
        return memory.choose(kept, found, present, derive(plan.settings.seed, "memory", index))

    def confusion(
        self, student: Segmenter, images: StepImages, step: Step, report: Callable[..., None] = SILENT
    ) -> np.ndarray:
        """Confusion matrix on some images, predicted as the protocol says.

        Args:
            images: With labels of the classes seen after the step, see `Plan.tests`.
            report: See `satkit.evaluation.predict.evaluate`.
        """
        batches = evaluation_batches(images, 16, self.plan.crop, (processes.number(), processes.count()))
        found = evaluate(student, batches, step.num_outputs, self.plan.window, report)
        return processes.summed(torch.from_numpy(found)).numpy()

    def evaluate(self, student: Segmenter, step: Step) -> np.ndarray:
        """Confusion matrix on the test images, after a step; where places arrive, one for each place seen so far."""
        plan, tests = self.plan, self.plan.tests(step)
        if not plan.learnt.by_domain:
            return self._evaluated(student, tests, step)
        where = np.array(tests.split.domains)[tests.indices]
        seen = [place for earlier in plan.steps[: step.index + 1] for place in earlier.domains]
        parts = [replace(tests, indices=tests.indices[where == place]) for place in seen]
        return np.stack([self._evaluated(student, part, step) for part in parts])

    def save(self, started: StepInProgress, confusion: np.ndarray) -> dict:
        """Write a finished step, and the run's result once every step is finished. Returns the step's scores."""
        plan, run, index = self.plan, self.run, started.step.index
        scores = self.scores(confusion)
        if not run.is_done(index):
            run.save_step(index, started.student, confusion, scores, started.state)
        if run.steps_done() == len(plan.steps) and run.result() is None:
            run.finish(self.result())
        write_record(run)
        return scores

    def scores(self, confusion: np.ndarray) -> dict:
        """Scores of a step from what `evaluate` gave."""
        plan = self.plan
        if plan.learnt.by_domain:
            return metrics.old_new_all_places(confusion, plan.scenario)
        return metrics.old_new_all(confusion, plan.scenario, plan.protocol.counts_background)

    def mend(self) -> None:
        """Make damaged files that follow from sound ones again; nothing while another process writes.

        Raises:
            DamagedFile: If weights or a manifest are damaged.
        """
        run = self.run
        if not run.is_done(0):
            return
        with suppress(RunBusy), run.writing(patience=0):
            mend_steps(run, lambda step: self.evaluate(self.model(step), self.plan.steps[step]), self.scores)
            try:
                run.result()
            except DamagedFile as error:
                warnings.warn(f"{error} This was done now.", stacklevel=3)
                run.finish(self.result())

    def learn(self, index: int, report: Callable[[Iteration], None] = SILENT, patience: float = PATIENCE) -> Segmenter:
        """Carry out one whole step, by all processes of torchrun, or load it; for `patience` see `Run.writing`."""
        with self.run.writing(patience):
            if self.run.is_done(index):
                started, confusion = self.begin(index), self.run.load_evaluation(index)
            else:
                with processes.leading({"config": config_hash(self.plan.config), "step": index}):
                    started, confusion = self.carry_out(index, report)
            self.save(started, confusion)
        return started.student

    def carry_out(self, index: int, report: Callable[[Iteration], None] = SILENT) -> tuple[StepInProgress, np.ndarray]:
        """Begin, train and evaluate a step; what every process of a training does together with the others."""
        started = self.begin(index)
        return started, self.evaluate(self.train(started, report), started.step)

    def result(self) -> dict:
        """What result.json says: scores with everything that a number needs beside it."""
        plan = self.plan
        evaluations = [self.run.load_evaluation(step.index) for step in plan.steps]
        if plan.learnt.by_domain:
            scores = metrics.summary_of_places(evaluations, plan.scenario)
        else:
            scores = metrics.summary(evaluations, plan.scenario, plan.protocol.counts_background)
        return {
            "strategy": plan.strategy.name,
            "data": plan.settings.data,
            "task": plan.task,
            "setting": plan.settings.setting,
            "preset": plan.preset.name,
            "backbone": plan.backbone,
            "seed": plan.settings.seed,
            "shift": plan.settings.shift,
            "conventions": plan.conventions,
            "machine": self.run.manifest(plan.steps[-1].index).machine,
            **scores,
        }

    def _left_for(self, index: int) -> StepState:
        """What the steps before have left for a step: the exemplar memory, and importances."""
        left, strategy = StepState(), self.plan.strategy
        if strategy.memory and index > 0:
            left.memory = torch.from_numpy(self.remember(index))
        if strategy.importance and index > 0:
            left.importances = self.run.load_state(index - 1).importances
        return left

    def _fitted(self, started: StepInProgress) -> dict[str, torch.Tensor]:
        """What the strategy's targets measure before a step."""
        images, names = started.images, []

        def batches():
            size, turn = self.plan.preset.later.batch_size, (processes.number(), processes.count())
            for *batch, chosen in evaluation_batches(images, size, turn=turn):
                names[:] = [images.split.names[index] for index in images.indices[chosen]]
                yield batch

        try:
            return fit_targets(started, batches)
        except NonFiniteLoss as error:
            raise _with_images(error, names) from error

    def _evaluated(self, student: Segmenter, images: StepImages, step: Step) -> np.ndarray:
        with evaluation_progress(len(images)) as progress:

            def report(done: int, **more) -> None:
                progress.update(min(processes.count() * done, len(images)), **more)

            return self.confusion(student, images, step, report if processes.is_first() else SILENT)

    def _goes_on_from(self, started: StepInProgress):
        """What keeps the best weights, or None, and the checkpoint that a step goes on from, which the first reads."""
        keeps_best, index = self.plan.protocol.checkpoint == "best", started.step.index
        if not processes.is_first():
            score = partial(self.judge, step=started.step)
            return (ScoredByAll(started.student, score) if keeps_best else None), None
        resume = self.checkpoint(index)
        best, resume = self._best_weights(started, resume) if keeps_best else (None, resume)
        self._compare_machines(index, resume)
        return best, resume

    def _best_weights(self, started: StepInProgress, resume: Checkpoint | None):
        """Best weights so far, and the checkpoint that they belong to; neither where one of them is lost."""
        index, total = started.step.index, self.plan.schedule(started.step).iterations
        given = (self.run, index, started.student, partial(self.judge, step=started.step))
        try:
            return BestWeights(*given, resume.iteration if resume else 0, total), resume
        except DamagedFile as error:
            warnings.warn(f"{error} Step {index} starts again from its beginning.", stacklevel=3)
            forget_progress(self.run, index)
            return BestWeights(*given, 0, total), None

    def _compare_machines(self, index: int, resume: Checkpoint | None) -> None:
        """Say that a run goes on with other versions, threads or another device than it was made with so far."""
        if resume is None and index == 0:
            return
        before = resume.machine if resume else self.run.manifest(index - 1).machine
        if changed := versions_changed(before, machine(self.plan.device)):
            warnings.warn(
                f"What is there was made with {changed}. The result is valid, but not equal in every bit to that of a "
                "run on one machine.",
                stacklevel=3,
            )


def _said_once(error: NonFiniteLoss) -> NonFiniteLoss | SystemExit:
    """An error that all processes have in the same iteration: for the first, with what any of them knows of it."""
    said = max(processes.texts(str(error)), key=len)  # one whose own images are not finite says so in addition
    return NonFiniteLoss(said, error.batch) if processes.is_first() else SystemExit(error.exit_code)


def _with_images(error: NonFiniteLoss, names: list[str]) -> NonFiniteLoss:
    """The same error with the names of the images that it came from."""
    return NonFiniteLoss(f"{error} The images of this batch: {', '.join(names)}.", error.batch)
