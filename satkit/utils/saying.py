"""A line for work that cannot tell how far it is, shown only if it takes longer than two seconds."""

import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from satkit.utils.launched import rank
from satkit.utils.progress import QUIET_SECONDS

LIBRARIES = "Loading the libraries ..."


@contextmanager
def saying(text: str, stream=None, seconds: float | None = None) -> Iterator[None]:
    """Say what is being done if the block takes long; nothing is shown of one that is done before.

    Of several processes of torchrun the first says it.

    Args:
        text: What is being done.
        stream: Where the line goes; None for the error stream.
        seconds: After which it is shown; None for two.
    """

    def say() -> None:
        with suppress(OSError, ValueError):  # nobody reads the stream any more
            print(text, file=stream or sys.stderr, flush=True)

    timer = threading.Timer(QUIET_SECONDS if seconds is None else seconds, say)
    timer.daemon = True
    if rank() == 0:
        timer.start()
    try:
        yield
    finally:
        timer.cancel()
