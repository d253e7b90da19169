"""A step while it is trained: loss terms, scores of old and new classes, and a button that stops it."""

import asyncio
import time
from dataclasses import replace

import ipywidgets
import numpy as np
import torch
from IPython.display import display

from satkit.evaluation.metrics import mean_iou
from satkit.experiments.experiment import Experiment, StepInProgress
from satkit.models import Segmenter
from satkit.plots.training_view import TrainingView
from satkit.training import Iteration
from satkit.utils.errors import UsageError
from satkit.widgets.explorer import Explorer

LABEL = "Training, live: terms of the loss, and mean IoU of old and new classes."
DRAW_SECONDS = 1.0  # at most one picture in this time
DRAW_SHARE = 0.1  # of the time, at most, goes into pictures


async def watch_training(experiment: Experiment, step: int, **choices) -> "TrainingWatch":
    """Train a step as `Experiment.learn` does, with live curves and a button to stop it.

    Write `watch = await watch_training(...)` in a cell: while it waits, the kernel hears the button (ipykernel 7; with
    an older one, interrupt the kernel instead). A stopped step leaves a checkpoint; the same call goes on from it.
    Watching changes nothing in the result.

    Args:
        experiment: Its run gets the trained step.
        step: From 0.
        **choices: `every`, iterations between two measurements of the scores (by default a twentieth of the step);
            `images`, how many test images they are measured on (80).

    Raises:
        ValueError: If there is no such step, the step before is not finished, or a number is below 1.
    """
    watch = TrainingWatch(experiment, step, **choices)
    shown = display(watch, display_id=True)
    await watch.train()
    if shown:
        shown.update(watch)  # with the last picture, for readers without a front end
    return watch


class TrainingWatch(Explorer):
    """See `watch_training`.

    Attributes:
        student: The trained student; None while it is not finished.
        stopped: Whether it was stopped.
    """

    def __init__(self, experiment: Experiment, step: int, *, every: int | None = None, images: int = 80):
        plan = experiment.plan
        if step not in range(len(plan.steps)):
            raise UsageError(f"Task {plan.task} has the steps 0..{len(plan.steps) - 1}, got step {step}.")
        self.experiment, self.run, self.step = experiment, experiment.run, plan.steps[step]
        self.total = plan.schedule(self.step).iterations
        self.every = max(1, self.total // 20) if every is None else every
        if self.every < 1 or images < 1:
            raise UsageError(f"Both `every` and `images` must be at least 1, got {self.every} and {images}.")
        tests = plan.tests(self.step)
        self._tests = replace(tests, indices=tests.indices[:images])
        self.stop_button = ipywidgets.Button(
            description="stop", icon="stop", tooltip="stop after this iteration and keep a checkpoint"
        )
        self.stop_button.on_click(lambda _: self.stop())
        self.student: Segmenter | None = None
        self.stopped = self._stopping = False
        self._rows: list[dict[str, float]] = []
        self._measured: list[tuple[int, dict[str, float]]] = []
        self._drawn_at, self._draw_seconds = 0.0, 0.0
        super().__init__(LABEL, [self.stop_button])
        self._view = TrainingView(self.total)
        self.draw("not begun")

    def stop(self) -> None:
        """Stop after the iteration that is running now."""
        self._stopping = True
        self.stop_button.disabled = True

    def arrays(self) -> dict[str, np.ndarray]:
        """The curves: "iteration" and every term of the loss, "measured at" and the scores."""
        names = self._measured[0][1] if self._measured else {}
        scores = {name: np.array([scores[name] for _, scores in self._measured]) for name in names}
        losses = {name: np.array(values) for name, values in self._history().items()}
        return losses | {"measured at": np.array([iteration for iteration, _ in self._measured])} | scores

    async def train(self) -> None:
        """Train the step, or go on with it, in a thread of its own; until it is finished, or stopped by the button.

        Raises:
            KeyboardInterrupt: If the kernel was interrupted; a checkpoint is kept, and cells below do not run.
        """
        work = asyncio.create_task(asyncio.to_thread(self._train, torch.get_num_threads()))
        try:
            await asyncio.shield(work)
        except (asyncio.CancelledError, KeyboardInterrupt):
            self.stop()
            await work  # which saves a checkpoint
            raise

    def _train(self, threads: int) -> None:
        torch.set_num_threads(threads)  # a new thread would take the machine's number, and add up in another order
        experiment, index = self.experiment, self.step.index
        try:
            with self.run.writing():
                started = experiment.begin(index)
                self._rows = self.run.history(index)
                if not started.finished:
                    self._measure(0, started)
                student = experiment.train(started, lambda iteration: self._follow(iteration, started))
                done = started.finished
                scores = experiment.save(
                    started, self.run.load_evaluation(index) if done else experiment.evaluate(student, self.step)
                )
        except KeyboardInterrupt:  # from `_follow`
            self.stopped = True
            at = f"{self._rows[-1]['iteration']:.0f} of {self.total}"
            self.draw(f"stopped after iteration {at}; a checkpoint is kept, the same call goes on")
            return
        finally:
            self.stop_button.disabled = True
        self.student = student
        words = ", ".join(f"{name} {100 * value:.1f} %" for name, value in scores.items() if value == value)
        self.draw(f"finished: mean IoU on all test images {words}")

    def refresh(self) -> None:
        """Nothing is chosen here; see `draw`."""

    def draw(self, text: str) -> None:
        """Draw the curves as they are now, with a line of text."""
        began = time.monotonic()
        names = self._measured[0][1] if self._measured else {}
        scores = {name: [scores[name] for _, scores in self._measured] for name in names}
        self._view.show(self._history(), [iteration for iteration, _ in self._measured], scores)
        text = f"{self.experiment.plan.strategy.name}, step {self.step.index} \N{MIDDLE DOT} {text}"
        self.show(self._view.figure, text, f"Loss terms and scores of a training. {text}")
        self._drawn_at = time.monotonic()
        self._draw_seconds = self._drawn_at - began

    def _follow(self, iteration: Iteration, started: StepInProgress) -> None:
        """What the training loop reports to."""
        keep = max(1, self.total // 200)
        if iteration.number % keep == 0 or iteration.number in (1, self.total):
            self._rows.append({"iteration": iteration.number, **iteration.losses})
        if iteration.number % self.every == 0 or iteration.number == self.total:
            self._measure(iteration.number, started)
        patience = max(DRAW_SECONDS, self._draw_seconds / DRAW_SHARE)
        if time.monotonic() - self._drawn_at > patience:
            self.draw(f"iteration {iteration.number} of {self.total}, loss {iteration.losses['total']:.3g}")
        if self._stopping:
            self._rows.append({"iteration": iteration.number, **iteration.losses})
            raise KeyboardInterrupt

    def _measure(self, iteration: int, started: StepInProgress) -> None:
        confusion = self.experiment.confusion(started.student, self._tests, self.step)
        groups = {"old classes": self.step.old, "new classes": self.step.new}
        self._measured.append(
            (iteration, {name: mean_iou(confusion, group) for name, group in groups.items() if group})
        )

    def _history(self) -> dict[str, list[float]]:
        rows = {row["iteration"]: row for row in self._rows}
        names = [name for name in next(iter(rows.values()), {}) if name not in ("step", "lr")]
        return {name: [row.get(name, float("nan")) for row in rows.values()] for name in names}
