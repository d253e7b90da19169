"""Ctrl-C, SIGTERM and a terminal that is closed, without a lost iteration and without being taken for another error.

The training remembers the first signal, calls `requested()` between iterations, saves a checkpoint and then raises; the
second signal acts immediately. Handlers are installed only in the main thread, where Python allows it, and restored
afterwards. A signal that the process was started to ignore stays ignored: SIGHUP under nohup, SIGINT in the background
jobs of a shell script.
"""

import errno
import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

HANGUP = getattr(signal, "SIGHUP", None)  # the terminal was closed; Windows has no such signal
ENDS = (signal.SIGTERM,) if HANGUP is None else (signal.SIGTERM, HANGUP)
STOPS = (signal.SIGINT, *ENDS)


class Terminated(SystemExit):
    """The process was asked to end and has saved its work; exit code 143 for SIGTERM, 129 for SIGHUP."""

    def __init__(self, number: int = signal.SIGTERM):
        super().__init__(128 + number)


class Interrupts:
    """The first signal that has arrived."""

    def __init__(self):
        self.signal: int | None = None
        self.acted = False

    def requested(self) -> bool:
        """Whether a signal has arrived."""
        return self.signal is not None

    def act(self) -> None:
        """Raise the exception of the remembered signal: KeyboardInterrupt or `Terminated`."""
        if self.signal is None:
            return
        self.acted = True
        if self.signal == signal.SIGINT:
            raise KeyboardInterrupt
        raise Terminated(self.signal)


@contextmanager
def remembered() -> Iterator[Interrupts]:
    """Remember SIGINT, SIGTERM and SIGHUP inside the block instead of acting on the first one.

    A second signal acts immediately, unless it is SIGHUP, which shells and systems send in addition. A signal that has
    not been acted on acts at the end of the block, also of one that an error ends, so that none is lost.
    """
    interrupts = Interrupts()

    def handle(number, frame):
        if not interrupts.requested():
            release_terminal(number)
            interrupts.signal = number
        elif number != HANGUP:
            interrupts.act()

    try:
        with _handled(STOPS, lambda usual: handle) as before:
            yield interrupts
    finally:
        if interrupts.requested() and not interrupts.acted:
            usual = before[interrupts.signal]
            if callable(usual):  # which may be that of a block around this one
                usual(interrupts.signal, None)
            else:
                interrupts.act()


@contextmanager
def terminating() -> Iterator[None]:
    """SIGTERM and SIGHUP raise `Terminated` inside the block; SIGHUP only if it is the first of them.

    After the block a process whose terminal was closed ignores SIGHUP: sent again, it would end the cleaning up.
    """
    arrived = []

    def terminate(number, frame):
        if arrived and number == HANGUP:
            return
        arrived.append(number)
        release_terminal(number)
        raise Terminated(number)

    try:
        with _handled(ENDS, lambda usual: terminate):
            yield
    except Terminated as ended:
        if HANGUP is not None and ended.code == 128 + HANGUP:
            signal.signal(HANGUP, signal.SIG_IGN)
        raise


@contextmanager
def interrupts_first() -> Iterator[None]:
    """What a signal raises inside the block is what leaves it, whatever the code inside makes of it.

    Libraries in C may replace an exception that they do not expect: in PyTorch a KeyboardInterrupt raised while a
    tensor is made from a file becomes a ValueError, as from a damaged file.
    """
    raised: list[BaseException] = []

    def noting(usual):
        def handle(number, frame):
            try:
                usual(number, frame)
            except (KeyboardInterrupt, SystemExit) as error:
                raised.append(error)
                raise

        return handle if callable(usual) else usual

    with _handled(STOPS, noting):
        try:
            yield
        except Exception as error:
            if raised:
                raise raised[0] from error
            raise
    if raised:
        raise raised[0]


def release_terminal(number: int) -> None:
    """After SIGHUP, send to nowhere what would be written to a terminal that is gone, where writing is an error."""
    if number != HANGUP:
        return
    import termios  # which Windows lacks, as it lacks the signal

    for stream in (1, 2):
        try:
            termios.tcgetattr(stream)
        except termios.error as error:
            if error.args[0] == errno.EIO:
                os.dup2(os.open(os.devnull, os.O_WRONLY), stream)


@contextmanager
def _handled(numbers: tuple[int, ...], make: Callable) -> Iterator[dict]:
    """Handlers made from the usual ones, which are yielded by signal; none for a signal that is ignored."""
    usual = {}
    if threading.current_thread() is threading.main_thread():
        usual = {number: signal.getsignal(number) for number in numbers}
        usual = {number: handler for number, handler in usual.items() if handler not in (signal.SIG_IGN, None)}
    try:
        for number, handler in usual.items():
            signal.signal(number, make(handler))
        yield usual
    finally:
        for number, handler in usual.items():
            signal.signal(number, handler)
