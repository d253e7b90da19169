"""One process at a time writes into a folder."""

import math
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path

from satkit.utils.files import try_lock
from satkit.utils.saying import saying

FOREVER = math.inf  # seconds to wait for a process whose result will do as well as one's own
LOCK = ".lock"


class RunBusy(RuntimeError):
    """Another process is writing into the folder."""

    exit_code = 1


@contextmanager
def only_writer(folder: Path, patience: float = 0.0) -> Iterator[None]:
    """Hold a folder for writing; released when the process ends, however it ends.

    Args:
        patience: Seconds to wait for another process; with `FOREVER` it is said that one is waited for.

    Raises:
        RunBusy: If another process holds it.
    """
    folder.mkdir(parents=True, exist_ok=True)
    give_up = time.monotonic() + patience
    with (folder / LOCK).open("a+") as lock:
        waits = saying(f"Waiting for another process, which is writing into {folder} ...")
        with waits if patience == FOREVER else nullcontext():
            while not try_lock(lock):
                if time.monotonic() > give_up:
                    raise RunBusy(f"Another process is writing into {folder}. Wait for it, or stop it.")
                time.sleep(0.2)
        yield


def is_held(folder: Path) -> bool:
    """Whether a process holds a folder for writing."""
    if not (folder / LOCK).exists():
        return False
    with (folder / LOCK).open("a+") as lock:
        return not try_lock(lock)
