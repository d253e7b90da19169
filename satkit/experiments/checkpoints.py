"""History and checkpoints of a step while it is trained.

The training loop reports to a `Recorder`. It writes a checkpoint every few seconds, after a signal, and when a report
raises KeyboardInterrupt. A step that goes on from a checkpoint takes the history from there.
"""

import time
from collections.abc import Callable
from dataclasses import replace

import torch

from satkit.experiments.in_progress import Checkpoint, save_checkpoint
from satkit.experiments.run_folder import Run
from satkit.training import Iteration
from satkit.utils import processes
from satkit.utils.interrupts import Interrupts

CHECKPOINT_SECONDS = 15.0
LOGGED_ITERATIONS = 100  # rows of history in a step, about


class Recorder:
    """Keeps a step's history and checkpoints while it is trained, and stops it when a signal has arrived.

    Of several processes the first writes them, and all stop after the same iteration.

    Args:
        record: Called with every row of the history as it is logged, for a tracker.
    """

    def __init__(
        self,
        run: Run,
        step: int,
        resume: Checkpoint | None,
        interrupts: Interrupts,
        report: Callable[[Iteration], None],
        device: torch.device,
        record: Callable[[dict], None] = lambda row: None,
    ):
        self.run, self.step, self.device = run, step, device
        self.interrupts, self.report, self.record = interrupts, report, record
        self.rows = list(resume.rows) if resume else []
        self.writes = processes.is_first()
        self.saved_at = time.monotonic()

    def __call__(self, iteration: Iteration) -> None:
        every = max(1, iteration.total // LOGGED_ITERATIONS)
        if iteration.number % every == 0 or iteration.number in (1, iteration.total):
            row = {"step": self.step, "iteration": iteration.number, "lr": iteration.lr}
            self.rows.append({**row, **iteration.losses})
            self.record(self.rows[-1])
        self.interrupts.signal = processes.any_signal(self.interrupts.signal)
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
        if not self.writes:
            return
        self.write()
        save_checkpoint(self.run, self.step, iteration.snapshot(), self.rows, self.device)
        self.saved_at = time.monotonic()

    def write(self) -> None:
        """Write the history so far."""
        if self.writes:
            self.run.write_history(self.step, self.rows)
