"""A sweep: the runs of a grid, several at a time, here or on a cluster, in a folder that says how far each of them is.

A run that is finished is skipped, one that has failed is kept, and neither stops the others: started again, the same
sweep does what is left. Runs that share a base step wait until one of them has trained it. Whatever a study is made of
can be a sweep: every run leaves a row of parameters and results, and all rows are in one file, `runs.csv`.
"""

import hashlib
import os
import time
from collections.abc import Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from dataclasses import replace
from pathlib import Path

from satkit.experiments.run_places import run_folder
from satkit.experiments.study_folder import is_study
from satkit.studies.run_process import INTERRUPTED, LOG, STOP_SECONDS
from satkit.studies.run_rows import RunRow, row_of
from satkit.studies.run_table import failures, has_several, mean_table, run_table, write_rows
from satkit.studies.sweep_progress import SweepProgress
from satkit.studies.sweep_run import DONE, FAILED, RUNNING, WAITING, State, SweepRun, at_work
from satkit.studies.sweep_targets import Target
from satkit.studies.sweep_workers import Workers
from satkit.utils.errors import UsageError
from satkit.utils.names import printable
from satkit.utils.one_writer import only_writer
from satkit.utils.progress import format_seconds

TABLE = "runs.csv"
LOOK_SECONDS = 0.3  # between two looks at which runs have ended
MOST_LISTED = 60  # runs, in the tables at the end
LAST = 4000  # bytes of a log in which the reason of a failure is looked for


class Sweep:
    """The runs of a grid in a folder.

    Args:
        target: What is run.
        grid: The parameters of every run; those that mean the same are one run.
        out: Name or folder of the sweep; empty for one that is named by its runs.

    Raises:
        UsageError: If the folder is that of a study.
    """

    def __init__(self, target: Target, grid: Sequence[dict], out: str = ""):
        runs = {run.name: run for run in (SweepRun(target, target.everywhere(values), Path.cwd()) for values in grid)}
        name = f"sweep-{hashlib.sha256(repr(sorted(runs)).encode()).hexdigest()[:10]}"
        self.folder = run_folder(out or name).absolute()
        if is_study(self.folder):
            raise UsageError(
                f"{self.folder} is the folder of a study. Give the sweep another name or folder with --out."
            )
        self.target = target
        self.runs = [SweepRun(target, run.values, self.folder) for run in runs.values()]

    def check(self) -> None:
        """Raise for a run that would be refused, before anything is run.

        Raises:
            UsageError: Naming its parameters.
        """
        for run in self.runs:
            try:
                self.target.check(run.values)
            except UsageError as error:
                raise UsageError(f"{run.label}: {error}") from error

    def lines(self, retry_failed: bool = False) -> list[str]:
        """A line for a shell for every run, to be carried out in any order."""
        return [run.line + (" --retry-failed" if retry_failed else "") for run in self.runs]

    def rows(self) -> list[RunRow]:
        """Parameters, state and results of every run."""
        return [row_of(run.folder, run.state) for run in self.runs]

    def carry_out(self, workers: Workers, retry_failed: bool = False) -> bool:
        """Carry out the runs that are left; whether all are done now.

        Args:
            retry_failed: Also those that have failed before.

        Raises:
            RunBusy: If another sweep is at work in the folder.
        """
        began = time.monotonic()
        with only_writer(self.folder):
            left = self._begin(retry_failed)
            show(f"Sweep of {self.target.called} in {self.folder}: {_count(len(self.runs))}, {len(left)} to do")
            progress = SweepProgress([run.state for run in self.runs if run not in left] + [run.new for run in left])
            try:
                Turn(left, workers, self.folder, progress, retry_failed).work()
            finally:
                progress.close()
                rows = self.rows()
                write_rows(self.folder / TABLE, rows)
        show(self.summary(rows, time.monotonic() - began))
        return all(row.state == DONE for row in rows)

    def _begin(self, retry_failed: bool) -> list[SweepRun]:
        """The runs that are left to do; those that nobody has begun get their file."""
        left = []
        for run in self.runs:
            state = run.state
            if not (run.folder / "run.json").exists():
                run.write(state)
            if state.state != DONE and (state.state != FAILED or retry_failed):
                left.append(run)
        return left

    def summary(self, rows: list[RunRow], seconds: float) -> str:
        """Tables of all runs, where these are not too many, and what was written."""
        listed = len(rows) <= MOST_LISTED
        parts = [run_table(rows).text()] if listed else []
        means = listed and has_several(rows) and any(row.scores for row in rows)
        parts += [mean_table(rows).text()] if means else []
        bad, done = failures(rows), sum(row.state == DONE for row in rows)
        parts += ["\n".join(map(printable, bad))] if bad else []
        end = [f"{done} of {_count(len(rows))} done, took {format_seconds(seconds)}. Table: {self.folder / TABLE}"]
        end += [f"Compare: satkit runs {self.folder} --mean"] if done else []
        end += ["Failed runs are kept: the same command with --retry-failed tries them again."] if bad else []
        unfinished = len(rows) - done - len(bad)
        end += [f"{_count(unfinished)} stopped before the end: the same command goes on."] if unfinished else []
        return "\n" + "\n\n".join([*parts, "\n".join(end)])


class Turn:
    """One time that runs are carried out: which of them starts next, and what becomes of each.

    Args:
        left: The runs that are to be done.
        workers: What carries them out.
        folder: Of the sweep.
        progress: Is told and shows how far they are.
        retry_failed: Whether they include runs that have failed before.
    """

    def __init__(
        self, left: list[SweepRun], workers: Workers, folder: Path, progress: SweepProgress, retry_failed: bool
    ):
        self.left, self.workers, self.progress, self.retry_failed = list(left), workers, progress, retry_failed
        self.given: dict[Future, SweepRun] = {}
        self.stop = folder / f".stop-{os.getpid()}-{time.time_ns()}"

    def work(self) -> None:
        """Carry all of them out. Ctrl-C and SIGTERM stop those at work, which save a checkpoint."""
        try:
            while self.left or self.given:
                self.start()
                ended, _ = wait(self.given, LOOK_SECONDS, FIRST_COMPLETED)
                for future in ended:
                    run = self.given.pop(future)
                    self.progress.ended(run, settled(run, future))
                self.progress.show(list(self.given.values()))
        finally:
            if self.given:
                self.end()

    def start(self) -> None:
        """Give to the workers what they can do now."""
        while len(self.given) < self.workers.slots and (run := self.next()):
            self.left.remove(run)
            self.given[self.workers.submit(run, self.stop, self.retry_failed)] = run

    def next(self) -> SweepRun | None:
        """The first run whose base step is there, or is trained by no other run; None if there is none."""
        trained = {run.needs_base() for run in self.given.values()} - {None}
        return next((run for run in self.left if not trained or run.needs_base() not in trained), None)

    def end(self) -> None:
        """Stop the runs at work, and wait until they have saved what they have."""
        self.progress.block.say("Stopping: the runs at work save a checkpoint ...")
        self.stop.touch()
        try:
            for future in self.given:
                future.cancel()
            give_up = time.monotonic() + STOP_SECONDS
            while any(at_work(run.folder, run.state) for run in self.given.values()) and time.monotonic() < give_up:
                time.sleep(LOOK_SECONDS)
            wait([future for future in self.given if not future.cancelled()], STOP_SECONDS)
        finally:
            self.stop.unlink(missing_ok=True)


def settled(run: SweepRun, future: Future) -> State:
    """The state of a run whose process has ended, also of one that could not say itself why it failed."""
    state, reason = run.state, ""
    if future.cancelled():
        reason = "It was cancelled: the scheduler has dropped it, or does not answer any more."
    elif error := future.exception():
        reason = f"It could not be started ({type(error).__name__}: {' '.join(str(error).split())})."
    elif state.state in (RUNNING, WAITING) and (code := future.result()) not in INTERRUPTED:
        reason = f"Its process ended with exit code {code}. {last_words(run.folder / LOG)}".strip()
    if reason and state.state not in (DONE, FAILED):
        state = replace(state, state=FAILED, error=reason)
        run.write(state)
    return state


def last_words(log: Path) -> str:
    """The last thing that a run has said, from its log; "" if there is none."""
    if not log.exists():
        return ""
    with log.open("rb") as file:
        file.seek(max(0, log.stat().st_size - LAST))
        lines = [line.strip() for line in file.read().decode(errors="replace").splitlines() if line.strip()]
    said = [line for line in lines if line.startswith("satkit: ")] or lines
    return said[-1].removeprefix("satkit: ") if said else ""


def show(text: str) -> None:
    """Print for the user, at once."""
    print(text, flush=True)


def _count(number: int) -> str:
    return f"{number} run{'' if number == 1 else 's'}"
