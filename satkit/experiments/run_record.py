"""What a tracker is told of a run: its configuration, and for every step what `history.csv` and its scores say.

The numbers are those of the files, in the order of the training. The x-axis counts the iterations of the whole run, so
the curves of later steps follow those of earlier ones.
"""

import math
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, contextmanager
from itertools import accumulate

from satkit.experiments.manifest import METRICS
from satkit.experiments.run_folder import Run
from satkit.experiments.step_history import as_written
from satkit.experiments.trackers.choice import opened
from satkit.experiments.trackers.tracker import Tracker
from satkit.utils.files import read_json

Row = dict[str, float]
KEYS = ("step", "iteration", "lr")  # of a row, which are no losses


class RunRecord:
    """The record of a run, with everything about its finished steps."""

    def __init__(self, run: Run, tracker: Tracker):
        self._tracker = tracker
        lengths = [schedule["iterations"] for schedule in run.config["schedules"]]
        self._ends = list(accumulate(lengths, initial=0))  # of the steps before a step, and of it
        tracker.config(run.config)
        for step in range(run.steps_done()):
            for row in run.history(step):
                self.row(row)
            scores = read_json(run.file(step, METRICS))
            self._tell(step, self._ends[step + 1], {f"miou/{name}": value for name, value in scores.items()})

    def row(self, row: Row) -> None:
        """Record a logged iteration of a step."""
        step, losses = int(row["step"]), {name: value for name, value in row.items() if name not in KEYS}
        values = {"lr": row["lr"], **{f"loss/{name}": value for name, value in losses.items()}}
        self._tell(step, self._ends[step] + int(row["iteration"]), as_written(values))

    def _tell(self, step: int, iteration: int, values: dict[str, float | None]) -> None:
        finite = {name: value for name, value in values.items() if value is not None and math.isfinite(value)}
        self._tracker.scalars(step, iteration, finite)


@contextmanager
def recorded(run: Run | None, rows: Iterable[Row] = ()) -> Iterator[Callable[[Row], None]]:
    """A callable for the rows of a step that is trained in the block; they go to the tracker that was asked for.

    Args:
        run: None in a process that helps another one to train, which records nothing.
        rows: What was logged of the step before.

    Raises:
        UsageError: If there is no such tracker, or its package is missing.
    """
    tracker = opened(run.folder) if run else None
    if tracker is None:
        yield lambda row: None
        return
    with closing(tracker):
        record = RunRecord(run, tracker)
        for row in rows:
            record.row(row)
        yield record.row


def write_record(run: Run) -> None:
    """Record the finished steps of a run, if a tracker was asked for."""
    with recorded(run):
        pass
