"""One line that says what of a study is running, for how long, and how long the whole study still takes."""

import time
from collections.abc import Callable
from pathlib import Path

from satkit.studies.jobs import Job
from satkit.utils.live_line import LiveLine
from satkit.utils.progress import format_seconds, read_progress

NOTEBOOK_SECONDS = 9.0  # a kernel's start and a few figures, until one has been measured
ITERATION_SECONDS = 0.06  # until one has been measured
NEVER = float("-inf")


class StudyProgress:
    """The progress line of a study.

    In a terminal it is rewritten in place. In a log a line is written only when something has changed. The estimate
    adds up the jobs that are left: a notebook costs what the notebooks so far cost beside training, an iteration what
    the iterations so far cost, weighted by whether a teacher runs along.

    Args:
        jobs: All jobs of the study.
        done: Which of them are finished.
    """

    def __init__(self, jobs: list[Job], done: list[bool], stream=None, clock: Callable[[], float] = time.monotonic):
        self.jobs, self.done = jobs, list(done)
        self.on_screen, self.clock = LiveLine(stream), clock
        self.shown_at, self.shown = NEVER, None
        self.per_iteration, self.per_notebook = ITERATION_SECONDS, NOTEBOOK_SECONDS
        self.number, self.began, self.trained, self.iterations = 0, clock(), 0.0, 0

    def begin(self, number: int) -> None:
        """A job starts."""
        self.number, self.began, self.trained, self.iterations = number, self.clock(), 0.0, 0
        self.shown_at, self.shown = NEVER, None

    def end(self, number: int) -> None:
        """A job has ended well."""
        self.done[number] = True
        self.per_notebook = max(1.0, self.clock() - self.began - self.trained)

    def seconds_left(self, state: dict | None) -> float:
        """Estimated seconds until the study is finished."""
        left = 0.0
        for number, job in enumerate(self.jobs):
            if self.done[number]:
                continue
            iterations, notebook = job.iterations, self.per_notebook
            if number == self.number:
                iterations -= state["done"] if _trains(state) else self.iterations
                notebook = max(1.0, notebook - (self.clock() - self.began - self.trained))
            left += notebook + iterations * job.effort * self.per_iteration
        return left

    def show(self, file: Path) -> None:
        """Show the line if it is time to; called often.

        Args:
            file: Where the notebook writes how far it is, see `read_progress`.
        """
        state, job = read_progress(file), self.jobs[self.number]
        if _trains(state):
            self.iterations = state["done"]
        if _trains(state) and state["seconds_per_unit"]:
            self.per_iteration = state["seconds_per_unit"] / job.effort
            self.trained = state["seconds"]
        if self.clock() - self.shown_at < self.on_screen.seconds:
            return
        now = (self.number, (state["unit"], state["done"], state["values"].get("window")) if state else None)
        if now == self.shown and not self.on_screen.live:
            return
        self.shown_at, self.shown = self.clock(), now
        self.on_screen.write(self.line(state))

    def line(self, state: dict | None) -> str:
        """What is running, how far it is, for how long, and how long everything still takes."""
        line = f"[{self.number + 1}/{len(self.jobs)}] {self.jobs[self.number].label}"
        if state:
            line += f": {state['unit']} {state['done']} of {state['total']}"
            line += f", loss {state['values']['loss']:.3f}" if "loss" in state["values"] else ""
            line += f", window {state['values']['window']}" if "window" in state["values"] else ""
        running = self.clock() - self.began
        line += f", running for {format_seconds(running)}" if running >= 1 else ""
        return f"{line}; about {format_seconds(self.seconds_left(state))} left"

    def close(self) -> None:
        """End the line."""
        self.on_screen.close()


def _trains(state: dict | None) -> bool:
    return state is not None and state["unit"] == "iteration"
