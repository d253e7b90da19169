"""One run of a sweep: its folder, named by a hash of code, parameters and version, and its state, kept in a file there.

    run.json          parameters, state, scores, and why it failed if it did
    run.log           what it printed, where a sweep has started it
    notebook.ipynb    the executed notebook, if it is one
    progress.json     how far it is

Whoever carries a run out holds its folder, so that two processes, also of two machines on one disk, never do the same:
the second waits for the first and takes what it has done.
"""

import hashlib
import json
import os
import platform
import shlex
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, fields, replace
from datetime import datetime
from functools import cached_property
from pathlib import Path
from types import NoneType

import satkit
from satkit.studies.sweep_targets import PROGRESS, Meaning, Target
from satkit.utils.files import DamagedFile
from satkit.utils.interrupts import Terminated
from satkit.utils.json_form import NUMBER, must_hold
from satkit.utils.one_writer import FOREVER, is_held, only_writer
from satkit.utils.progress import read_progress
from satkit.utils.sealed_json import read_sealed, write_sealed

FILE = "run.json"
WAITING, RUNNING, DONE, FAILED = "waiting", "running", "done", "failed"
CUT = 300  # characters of an error that are kept


class RunFailed(RuntimeError):
    """A run that has failed before; it is kept."""

    exit_code = 1


@dataclass(frozen=True)
class State:
    """How far a run is.

    Attributes:
        state: WAITING, RUNNING, DONE or FAILED.
        target: What is run, for people.
        parameters: Those that were given.
        values: All of them, those left at their default included.
        seconds: That the run took; of an interrupted one, only since it went on.
        began: When, as text.
        machine: Where.
        error: Why it failed, as a sentence.
        cell: Number of the failing cell of a notebook.
        source: Its first line.
        scores: What was measured: numbers in [0, 1] by name, and the conventions that they follow.
    """

    state: str
    target: str
    parameters: dict
    values: dict
    seconds: float = 0.0
    began: str = ""
    machine: str = ""
    error: str = ""
    cell: int | None = None
    source: str = ""
    scores: dict = field(default_factory=dict)

    @property
    def why(self) -> str:
        """Why the run failed, with its failing cell."""
        where = f"cell In [{self.cell}] ({self.source}): " if self.cell else ""
        return f"{where}{self.error}"


FORM = {"state": str, "target": str, "parameters": {}, "values": {}, "seconds": NUMBER, "began": str, "machine": str}
FORM |= {"error": str, "cell": (int, NoneType), "source": str, "scores": {}}


@dataclass(frozen=True)
class SweepRun:
    """One run of a sweep.

    Attributes:
        target: What is run.
        values: Its parameters, as they are given.
        out: The folder of the sweep.
    """

    target: Target
    values: dict
    out: Path

    @cached_property
    def meaning(self) -> Meaning:
        """What the parameters stand for."""
        return self.target.meaning(self.values, self.out)

    @cached_property
    def name(self) -> str:
        """A short hash of code, parameters and version."""
        decides = {**self.meaning.identity, "satkit": satkit.__version__}
        return hashlib.sha256(json.dumps(decides, sort_keys=True).encode()).hexdigest()[:10]

    @property
    def folder(self) -> Path:
        """Where its own files are."""
        return self.out / self.name

    @property
    def label(self) -> str:
        """Its parameters, for people."""
        return ", ".join(f"{name} {as_text(value)}" for name, value in self.values.items()) or self.target.called

    @property
    def words(self) -> list[str]:
        """What comes after `satkit` to carry out this run alone."""
        given = [word for name, value in self.values.items() for word in ("-p", f"{name}={as_text(value)}")]
        return ["sweep", self.target.word, *given, "--out", str(self.out)]

    @property
    def line(self) -> str:
        """The same as a line for a shell."""
        return shlex.join(["satkit", *self.words])

    @property
    def new(self) -> State:
        """The state of a run that nobody has begun."""
        return State(WAITING, self.target.called, self.values, self.meaning.values)

    @property
    def state(self) -> State:
        """How far it is."""
        return read_state(self.folder) or self.new

    def write(self, state: State) -> None:
        """Keep a state."""
        self.folder.mkdir(parents=True, exist_ok=True)
        write_sealed(self.folder / FILE, asdict(state))

    def needs_base(self) -> Path | None:
        """The folder of the base step that the run would train; None if it needs none, or that is finished."""
        base = self.meaning.base
        return None if base is None or (base / "steps" / "0" / "manifest.json").exists() else base


def carry_out(run: SweepRun, retry_failed: bool = False) -> State:
    """Carry out a run in this process, unless it is done, or has failed; its new state.

    Raises:
        RunFailed: If it has failed before and is not retried.
        Exception: Whatever the run raises, when its state is kept.
    """
    run.folder.mkdir(parents=True, exist_ok=True)
    with only_writer(run.folder, FOREVER):
        before = run.state
        if before.state == DONE:
            return before
        if before.state == FAILED and not retry_failed:
            raise RunFailed(
                f"This run has failed before: {before.why} It is kept in {run.folder}. Add --retry-failed to try again."
            )
        return _carried_out(run)


def _carried_out(run: SweepRun) -> State:
    started = time.monotonic()
    now = datetime.now().astimezone().isoformat(timespec="seconds")
    state = replace(run.new, state=RUNNING, began=now, machine=platform.node())
    run.write(state)

    def ended(how: str, **more) -> State:
        found = replace(state, state=how, seconds=round(time.monotonic() - started, 1), **more)
        run.write(found)
        return found

    try:
        with _progress_in(run.folder / PROGRESS):
            scores = run.target.carry_out(run.values, run.out, run.folder)
    except Exception as error:
        ended(FAILED, **_reason(error))
        raise
    except (KeyboardInterrupt, Terminated):  # the training has kept a checkpoint
        ended(WAITING)
        raise
    return ended(DONE, scores=scores)


def _reason(error: Exception) -> dict:
    """What is kept of an error: of a notebook the failing cell, and a sentence."""
    if getattr(error, "cell", None):
        said = {"cell": error.cell, "source": error.source}
        text = f"{error.error}: {error.reason}"
    else:
        said, text = {}, f"{error}" if hasattr(error, "exit_code") else f"{type(error).__name__}: {error}"
    return {**said, "error": f"{' '.join(text.split())[:CUT].rstrip('. ')}."}


@contextmanager
def _progress_in(file: Path) -> Iterator[None]:
    """Note in a file how far the work in the block is; it is removed at the end."""
    before = os.environ.get("SATKIT_PROGRESS")
    os.environ["SATKIT_PROGRESS"] = str(file)
    try:
        yield
    finally:
        file.unlink(missing_ok=True)
        os.environ.pop("SATKIT_PROGRESS", None)  # a run in another thread of a Dask worker may have done so
        if before is not None:
            os.environ["SATKIT_PROGRESS"] = before


def read_state(folder: Path) -> State | None:
    """The state of the run in a folder; None if there is none. One whose process was killed is waiting again.

    Raises:
        UsageError: If its file holds something else.
    """
    path = folder / FILE
    try:
        values = read_sealed(path, "Its run is carried out again.")
    except FileNotFoundError:
        return None
    except DamagedFile as error:
        warnings.warn(f"{error}", stacklevel=2)
        return None
    must_hold(path, values, FORM)
    return State(**{each.name: values[each.name] for each in fields(State)})


def at_work(folder: Path, state: State) -> bool:
    """Whether a process is carrying out the run in a folder: one that was killed has left its state behind."""
    return state.state == RUNNING and is_held(folder)


def progress_of(folder: Path) -> dict | None:
    """How far the run in a folder is, see `read_progress`; None where that is not known."""
    return read_progress(folder / PROGRESS)


def as_text(value: object) -> str:
    """A value as `-p NAME=VALUE` takes it."""
    if isinstance(value, bool | list | dict):
        return json.dumps(value, ensure_ascii=False)
    return str(value)


def is_sweep(folder: Path) -> bool:
    """Whether a folder is that of a sweep."""
    return any(folder.glob(f"*/{FILE}"))


def runs_in(folder: Path) -> dict[Path, State]:
    """The runs of a sweep by their folders.

    Raises:
        UsageError: If a file of a run holds something else than a state.
    """
    found = {path.parent: read_state(path.parent) for path in sorted(folder.glob(f"*/{FILE}"))}
    return {place: state for place, state in found.items() if state is not None}
