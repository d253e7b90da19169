"""How far a piece of work is and how long it still takes, in a terminal, a notebook and a log.

The training loop knows nothing of this: it calls a callable. A terminal and a notebook in a live front end
get a bar of tqdm, everything else one plain line every few seconds. When the environment variable SATKIT_PROGRESS
names a file, the state is written there too, so that a process that has started a notebook can see how far a training
inside its kernel is.
"""

import json
import math
import os
import shutil
import sys
import time
import warnings
from collections.abc import Callable
from pathlib import Path

from satkit.utils.launched import rank

LINE_SECONDS = 0.2  # between two states of a line in a terminal
BAR_SECONDS = 0.25  # between two states of a bar in a notebook
FILE_SECONDS = 0.25  # between two states in the progress file
GOES_ON = "A checkpoint is kept; the same cell or command goes on from this iteration."
WIDEST = 100  # characters of a bar in a terminal
QUIET_SECONDS = 2.0  # of an evaluation, before it says anything
KEYS = {"label", "unit", "done", "total", "seconds", "seconds_per_unit", "values", "time"}


class Progress:
    """Reports units of work done out of a known total, with the time left.

    The first unit, often slower than the rest, only ends the warm-up. From then on the seconds per unit are
    averaged with weights that fade over a tenth of the work, so that the estimate follows a machine that gets
    slower. Work done before (`update(500)` as the first call of a continued training) is not taken for speed.

    Args:
        total: Units of work, 0 or more.
        label: What is being done, in a few words.
        stream: Where text goes; None for stdout in a kernel and stderr elsewhere.
        interval: Seconds between two lines where lines cannot be rewritten.
        quiet: Seconds in which nothing is shown; work that ends within them never is.
        unit: What one unit of work is, for whoever reads the progress file.
        clock: Monotonic seconds; tests bring their own.

    Raises:
        ValueError: If the total is negative.
    """

    def __init__(
        self,
        total: int,
        label: str,
        *,
        stream=None,
        interval: float = 10.0,
        quiet: float = 0.0,
        unit: str = "iteration",
        clock: Callable[[], float] = time.monotonic,
    ):
        if total < 0:
            raise ValueError(f"total must be 0 or more units of work, got {total}.")
        self.total, self.label, self.unit, self._quiet = int(total), label, unit, quiet
        self.done, self.values = 0, {}
        self.seconds_per_unit: float | None = None
        self._clock, self._began = clock, clock()
        self._measured: tuple[float, int] | None = None  # clock and units when the last unit was finished
        self._weighted_seconds = self._weighted_units = 0.0
        self._finished = False
        file = os.environ.get("SATKIT_PROGRESS")
        self._outlets = [_outlet(stream, interval)] + ([_File(Path(file), self)] if file else [])
        if rank():  # of several processes of torchrun the first shows how far they are
            self._outlets = []
        self._shown_at = [-math.inf] * len(self._outlets)

    def __enter__(self) -> "Progress":
        return self

    def __exit__(self, *_) -> None:
        self.close()

    def update(self, done: int, **values: float) -> None:
        """Report how much is done.

        Args:
            done: Units finished so far, those before an interruption included.
            values: A few numbers worth seeing, such as `loss=0.3`.

        Raises:
            ValueError: If `done` is not within 0 .. total.
        """
        if not 0 <= done <= self.total:
            raise ValueError(f"done must be within 0 and the total of {self.total}, got {done}.")
        self._measure(int(done))
        self.values = {name: _plain(value) for name, value in values.items()}
        self._show(last=self.done == self.total)

    def close(self, note: str = "") -> None:
        """Show the last state; says so if the work has stopped before its end. Work that never began shows nothing.

        Args:
            note: A line to show below, if the work has stopped before its end.
        """
        if self._measured is not None or self.total == 0:
            stopped = not self._finished
            self._show(last=True)
            if note and stopped and self._outlets:
                print(note, file=self._outlets[0].stream, flush=True)

    @property
    def seconds(self) -> float:
        """Seconds since the work began."""
        return max(0.0, self._clock() - self._began)

    @property
    def seconds_left(self) -> float | None:
        """Estimated seconds until the end, never negative; None while nothing has been measured."""
        if self.seconds_per_unit is None:
            return None
        return (self.total - self.done) * self.seconds_per_unit

    @property
    def percent(self) -> int:
        """Whole percent, rounded down: 100 only when everything is done."""
        return 100 * self.done // self.total if self.total else 100

    def line(self, closed: bool = False) -> str:
        """The state in one line of text."""
        values = "".join(f", {name} {_short(value)}" for name, value in self.values.items())
        count = f"{self.done} of {self.total}"
        if self.done == self.total:
            return f"{self.label}: {count}{values}, took {format_seconds(self.seconds)}"
        if closed:
            return f"{self.label}: stopped at {count}{values}, after {format_seconds(self.seconds)}"
        left = self.seconds_left
        remaining = "" if left is None else f", about {format_seconds(max(1.0, left))} left"
        return f"{self.label}: {self.percent} % ({count}){values}{remaining}"

    def _measure(self, done: int) -> None:
        now = self._clock()
        if self._measured is None:
            self._measured = (now, done)
        elif done > self._measured[1]:
            before, finished = self._measured
            units = done - finished
            fading = math.exp(-units / max(20.0, self.total / 10))
            self._weighted_seconds = self._weighted_seconds * fading + max(0.0, now - before)
            self._weighted_units = self._weighted_units * fading + units
            self.seconds_per_unit = self._weighted_seconds / self._weighted_units
            self._measured = (now, done)
        self.done = done

    def _show(self, last: bool) -> None:
        now = self._clock()
        if self._finished or now - self._began < self._quiet:
            return
        self._finished = last
        for number, outlet in enumerate(self._outlets):
            if last or now - self._shown_at[number] >= outlet.seconds:
                self._shown_at[number] = now
                outlet.show(self.line(closed=last), self.done, self.total, last)


def read_progress(path: str | Path) -> dict | None:
    """What a `Progress` has written last: label, unit, done, total, seconds, seconds_per_unit, values, time.

    None if there is no such file, or it holds something else. `seconds_per_unit` is None while nothing has
    been measured; `time` is seconds since 1970.
    """
    try:
        state = json.loads(Path(path).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return state if isinstance(state, dict) and state.keys() >= KEYS else None


def format_seconds(seconds: float) -> str:
    """A duration as people say it: "45 s", "2 min 10 s", "1 h 5 min". Below zero counts as zero."""
    whole = round(max(0.0, seconds))
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return _joined(whole // 60, "min", whole % 60, "s")
    minutes = round(whole / 60)
    return _joined(minutes // 60, "h", minutes % 60, "min")


def live_front_end() -> bool:
    """Whether this is a kernel with a live front end, so that output can be updated in place.

    SATKIT_STATIC=1 says no and SATKIT_STATIC=0 says yes for any kernel. For looks only, never for results.
    """
    shell = _kernel_shell()
    static = os.environ.get("SATKIT_STATIC", "")
    if shell is None or static not in ("", "0"):
        return False
    known = "JPY_SESSION_NAME" in os.environ or "COLAB_RELEASE_TAG" in os.environ
    return known or static == "0" or "__vsc_ipynb_file__" in shell.user_ns


def training_progress(total: int, label: str, resumes: bool = True) -> Callable:
    """A callable for the reports of a training loop, which shows how far it is, and where a signal has stopped it.

    Args:
        total: Iterations of the training.
        label: What is trained.
        resumes: Whether doing the same again goes on from a checkpoint, in a run that is kept.
    """
    progress = Progress(total, label)

    def report(iteration) -> None:
        progress.update(iteration.number, loss=iteration.losses["total"])
        if iteration.stops:
            progress.close(GOES_ON if resumes else "")

    return report


def evaluation_progress(images: int) -> Progress:
    """Progress of an evaluation, which is shown if it takes longer than two seconds.

    Args:
        images: How many images are predicted.
    """
    return Progress(images, "images evaluated", quiet=QUIET_SECONDS, unit="image")


class _Log:
    """Plain lines, one after the other."""

    def __init__(self, stream, seconds: float):
        self.stream, self.seconds = stream, seconds

    def show(self, line: str, done: int, total: int, last: bool) -> None:
        self.stream.write(line + "\n")
        self.stream.flush()


class _Bar:
    """A bar of tqdm with our line of text: in a terminal, or in a notebook, where it needs no stream."""

    def __init__(self, stream, seconds: float):
        self.stream, self.seconds, self.bar = stream, seconds, None

    def show(self, line: str, done: int, total: int, last: bool) -> None:
        if self.bar is None:
            self.bar = self._make(total)
        self.bar.n = done
        self.bar.set_description_str(line)
        if last:
            self.bar.close()

    def _make(self, total: int):
        if self.stream is None:
            from tqdm.notebook import tqdm
        else:
            from tqdm import tqdm
        width = None if self.stream is None else min(WIDEST, shutil.get_terminal_size().columns - 1)
        return tqdm(total=max(1, total), file=self.stream, bar_format="{desc} {bar}", ncols=width)


class _File:
    """The progress file: replaced in one go, so that a reader never sees half of it."""

    seconds = FILE_SECONDS

    def __init__(self, path: Path, progress: Progress):
        self.path, self.progress, self.warned = path, progress, False

    def show(self, line: str, done: int, total: int, last: bool) -> None:
        state = {
            "label": self.progress.label,
            "unit": self.progress.unit,
            "done": done,
            "total": total,
            "seconds": self.progress.seconds,
            "seconds_per_unit": self.progress.seconds_per_unit,
            "values": self.progress.values,
            "time": time.time(),
        }
        temporary = self.path.with_name(f"{self.path.name}.tmp-{os.getpid()}")
        try:
            temporary.write_text(json.dumps(state), encoding="utf-8")
            os.replace(temporary, self.path)
        except OSError as error:
            if not self.warned:
                self.warned = True
                warnings.warn(f"Progress cannot be written to {self.path} ({error}).", stacklevel=5)


def _outlet(stream, interval: float) -> _Bar | _Log:
    if stream is None and live_front_end():
        return _Bar(None, BAR_SECONDS)
    if stream is None:
        stream = sys.stderr if _kernel_shell() is None else sys.stdout
    return _Bar(stream, LINE_SECONDS) if stream.isatty() else _Log(stream, interval)


def _kernel_shell():
    module = sys.modules.get("IPython")
    shell = module.get_ipython() if module else None
    return shell if hasattr(shell, "kernel") else None


def _plain(value):
    return value if isinstance(value, (str, bool, int, float)) else float(value)


def _short(value) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _joined(large: int, large_unit: str, small: int, small_unit: str) -> str:
    return f"{large} {large_unit}" + (f" {small} {small_unit}" if small else "")
