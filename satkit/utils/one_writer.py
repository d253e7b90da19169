"""One process at a time writes into a folder."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from satkit.utils.files import try_lock


class RunBusy(RuntimeError):
    """Another process is writing into the folder."""

    exit_code = 1


@contextmanager
def only_writer(folder: Path, patience: float = 0.0) -> Iterator[None]:
    """Hold a folder for writing; released when the process ends, however it ends.

    Args:
        patience: Seconds to wait for another process.

    Raises:
        RunBusy: If another process holds it.
    """
    folder.mkdir(parents=True, exist_ok=True)
    give_up = time.monotonic() + patience
    with (folder / ".lock").open("a+") as lock:
        while not try_lock(lock):
            if time.monotonic() > give_up:
                raise RunBusy(f"Another process is writing into {folder}. Wait for it, or stop it.")
            time.sleep(0.2)
        yield
