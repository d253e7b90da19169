"""One run of a sweep as a process of its own: how it is started, waited for and stopped, on whatever machine.

A run that needs too much memory, or crashes, ends alone. What is here loads no library, because a worker of a cluster
has nothing else to do.
"""

import os
import signal
import subprocess
import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

import satkit
from satkit.utils.assets import python_command, source_path
from satkit.utils.errors import UsageError
from satkit.utils.interrupts import HANGUP

LOG = "run.log"
POLL_SECONDS = 0.3
STOP_SECONDS = 60.0  # for a run that was stopped, to save a checkpoint
INTERRUPTED = tuple(128 + number for number in (signal.SIGINT, signal.SIGTERM, HANGUP or signal.SIGTERM))


def run_one(
    words: list[str], folder: str, environment: Mapping[str, str], stop: str, version: str, where: str = ""
) -> int:
    """Carry out one run as a process; gives its exit code. The function that every executor is given.

    Args:
        words: What comes after `satkit`, see `SweepRun.words`.
        folder: Of the run; what it prints goes into its log.
        environment: Variables that it gets beside those of this process.
        stop: A file that appears when the sweep is stopped.
        version: Of satkit.
        where: The working directory, if this machine has it; otherwise, and if empty, that of this process.

    Raises:
        UsageError: If satkit is of another version here.
    """
    check_version(version)
    place = Path(folder)
    place.mkdir(parents=True, exist_ok=True)
    command = python_command("-m", "satkit", *words, "--worker")
    environment = {**os.environ, **source_path(os.environ), **environment}
    with (place / LOG).open("ab") as log:
        own = dict(stdin=subprocess.PIPE, stdout=log, stderr=log, start_new_session=True)
        process = subprocess.Popen(command, env=environment, cwd=where if os.path.isdir(where) else None, **own)
        try:
            return _waited_for(process, Path(stop))
        finally:
            process.stdin.close()


def _waited_for(process: subprocess.Popen, stop: Path) -> int:
    """The exit code of a process, which is told to end, once, when a file appears."""
    told = None
    while True:
        with suppress(subprocess.TimeoutExpired):
            return process.wait(POLL_SECONDS)
        if told is None and stop.exists():
            told = time.monotonic()
            process.stdin.close()  # see `end_with_parent`
        if told is not None and time.monotonic() - told > STOP_SECONDS:
            process.kill()


def end_with_parent(source: int = 0) -> None:
    """Let this process end, as at SIGTERM, when whoever has started it closes its input or ends, however it ends.

    Args:
        source: File descriptor of the input. It is read directly: a thread in the middle of a read of `sys.stdin` would
            hold a lock that Python needs to end.
    """

    def watch() -> None:
        while os.read(source, 1024):
            pass
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=watch, daemon=True).start()


def check_version(version: str) -> None:
    """Raise where another version of satkit is at work, which would give the run another name.

    Raises:
        UsageError: If it is another one.
    """
    if version != satkit.__version__:
        raise UsageError(
            f"A sweep needs the same satkit everywhere, but this worker has {satkit.__version__} and the sweep was "
            f"started with {version}. Install the same version."
        )
