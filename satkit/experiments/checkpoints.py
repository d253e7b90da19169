"""History and checkpoints of a step while it is trained.

The training loop reports to a `Recorder`. It writes a checkpoint every few seconds, after a signal, and when a report
raises KeyboardInterrupt; the history is written first, and rows after the checkpoint are dropped when the step goes on
from it.
"""

import time
from collections.abc import Callable
from dataclasses import replace

from torch import Tensor

from satkit.experiments.run_folder import Run
from satkit.training import Iteration
from satkit.utils.interrupts import Interrupts

CHECKPOINT_SECONDS = 15.0
LOGGED_ITERATIONS = 100  # rows of history in a step, about


class Recorder:
    """Keeps a step's history and checkpoints while it is trained, and stops it when a signal has arrived."""

    def __init__(
        self,
        run: Run,
        step: int,
        resume: dict[str, Tensor] | None,
        interrupts: Interrupts,
        report: Callable[[Iteration], None],
    ):
        done = int(resume["iteration"]) if resume else 0
        self.run, self.step = run, step
        self.interrupts, self.report = interrupts, report
        self.rows = [row for row in run.history(step) if row["iteration"] <= done]
        self.saved_at = time.monotonic()

    def __call__(self, iteration: Iteration) -> None:
        every = max(1, iteration.total // LOGGED_ITERATIONS)
        if iteration.number % every == 0 or iteration.number in (1, iteration.total):
            row = {"step": self.step, "iteration": iteration.number, "lr": iteration.lr}
            self.rows.append({**row, **iteration.losses})
        stop = self.interrupts.requested()
        if stop or time.monotonic() - self.saved_at > CHECKPOINT_SECONDS:
            self.save(iteration)
        try:
            self.report(replace(iteration, stops=stop))
        except KeyboardInterrupt:  # whoever watches stops the training
            self.save(iteration)
            raise
        if stop:
            self.interrupts.act()

    def save(self, iteration: Iteration) -> None:
        """Write the history so far, and a checkpoint to go on from."""
        self.write()
        self.run.save_checkpoint(self.step, iteration.snapshot())
        self.saved_at = time.monotonic()

    def write(self) -> None:
        """Write the history so far."""
        self.run.write_history(self.step, self.rows)
