"""Ctrl-C and SIGTERM without a lost iteration: the first signal is remembered, the second acts immediately.

The training calls `requested()` between iterations, saves a checkpoint and then raises. Handlers are installed only in
the main thread, where Python allows it, and restored afterwards.
"""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager


class Terminated(SystemExit):
    """The process was asked to end (SIGTERM) and has saved its work; exit code 143."""

    def __init__(self):
        super().__init__(143)


class Interrupts:
    """The first signal that has arrived."""

    def __init__(self):
        self.signal: int | None = None

    def requested(self) -> bool:
        """Whether a signal has arrived."""
        return self.signal is not None

    def act(self) -> None:
        """Raise the exception of the remembered signal: KeyboardInterrupt or `Terminated`."""
        if self.signal == signal.SIGTERM:
            raise Terminated
        if self.signal is not None:
            raise KeyboardInterrupt


@contextmanager
def remembered() -> Iterator[Interrupts]:
    """Remember SIGINT and SIGTERM inside the block instead of acting on the first one.

    A signal that has not been acted on acts at the end of the block, so that none is lost.
    """
    interrupts = Interrupts()
    if threading.current_thread() is not threading.main_thread():
        yield interrupts
        return

    def handle(number, frame):
        if interrupts.requested():
            interrupts.act()
        interrupts.signal = number

    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    for number in before:
        signal.signal(number, handle)
    try:
        yield interrupts
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    interrupts.act()
