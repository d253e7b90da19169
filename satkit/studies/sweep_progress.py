"""A sweep while it goes on: the runs at work, how far they are, and how long everything still takes.

In a terminal this is a small table that is redrawn in place. Every run that ends leaves a line, also in a log.
"""

import time
from collections.abc import Callable, Iterable

from satkit.studies.sweep_run import DONE, FAILED, State, SweepRun, at_work, progress_of
from satkit.utils.live_block import LiveBlock
from satkit.utils.progress import format_seconds
from satkit.utils.tables import Column, Table, percent

SHOW_SECONDS = 1.0  # between two states of the table
MOST_ROWS = 20
MIOU = "all"  # the score that is shown of a run
NEVER = float("-inf")


class SweepProgress:
    """What is shown of a sweep.

    Args:
        states: Of all runs, at the beginning.
        stream: None for the error stream.
        clock: Monotonic seconds; tests bring their own.
    """

    def __init__(self, states: Iterable[State], stream=None, clock: Callable[[], float] = time.monotonic):
        states = list(states)
        self.total, self.done = len(states), sum(each.state == DONE for each in states)
        self.failed = sum(each.state == FAILED for each in states)
        self.block, self.clock, self.shown_at = LiveBlock(stream), clock, NEVER
        self.began: dict[str, float] = {}  # by the names of the runs at work
        self.took = [each.seconds for each in states if each.state == DONE]

    @property
    def ended_runs(self) -> int:
        """How many runs have come to an end."""
        return self.done + self.failed

    def ended(self, run: SweepRun, state: State) -> None:
        """A run has ended, well or not."""
        self.began.pop(run.name, None)
        self.done += state.state == DONE
        self.failed += state.state == FAILED
        if state.state == DONE:
            self.took.append(state.seconds)
            said = f"took {format_seconds(state.seconds)}" + score_of(state, ", mIoU ")
        else:
            said = state.why or "stopped before its end"
        self.block.say(f"[{self.ended_runs}/{self.total}] {state.state}: {run.label}: {said}")
        self.shown_at = NEVER

    def show(self, given: list[SweepRun]) -> None:
        """Show the table if it is time to; called often.

        Args:
            given: The runs that were given to be carried out, of which some may still wait for a worker.
        """
        if self.block.live and self.clock() - self.shown_at >= SHOW_SECONDS:
            self.shown_at = self.clock()
            self.block.write(self.lines(given))

    def lines(self, given: list[SweepRun]) -> list[str]:
        """The runs at work, and a line about all."""
        running = [run for run in given if at_work(run.folder, run.state)]
        for run in running:
            self.began.setdefault(run.name, self.clock())
        rows = [[run.label, *self._row(run)] for run in running[:MOST_ROWS]]
        table = Table([Column("")] * 3, rows).text().splitlines() if rows else []
        return [*table, self._summary(len(running))]

    def close(self) -> None:
        """Remove the table."""
        self.block.close()

    def _row(self, run: SweepRun) -> list[str]:
        """How far a run at work is, and how long its present piece of work still takes."""
        state, running = progress_of(run.folder), f"running for {format_seconds(self.clock() - self.began[run.name])}"
        if not state:
            return ["", running]
        left = (state["total"] - state["done"]) * (state["seconds_per_unit"] or 0.0)
        where = f"{state['label']}, {state['unit']} {state['done']} of {state['total']}"
        return [where, running + (f", about {format_seconds(left)} left of it" if left else "")]

    def _summary(self, running: int) -> str:
        waiting = self.total - self.ended_runs - running
        parts = [f"{self.done} of {self.total} runs done"]
        parts += [f"{self.failed} failed"] if self.failed else []
        parts += [f"{running} running, {waiting} waiting"]
        left = self.seconds_left(running)
        return ", ".join(parts) + (f"; about {format_seconds(left)} left" if left is not None else "")

    def seconds_left(self, running: int) -> float | None:
        """Until the sweep ends, if the runs that are left take as long as those that are done; None before any."""
        if not self.took:
            return None
        each, now = sum(self.took) / len(self.took), self.clock()
        begun = sum(max(0.0, each - (now - since)) for since in self.began.values())
        waiting = self.total - self.ended_runs - running
        return (begun + waiting * each) / max(1, running)


def score_of(state: State, before: str = "") -> str:
    """The mean IoU of a run in words; "" if it has none."""
    score = state.scores.get(MIOU)
    return f"{before}{percent(score)}" if isinstance(score, int | float) else ""
