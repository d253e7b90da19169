"""Folders for temporary files that do not stay for good: what a killed process has left, a later one removes.

The owner of such a folder holds a lock on a file in it. The system releases the lock when the process ends, however it
ends. A folder is removed only if it has the name and the file of these folders, belongs to this user, and nobody holds
its lock.
"""

import os
import re
import shutil
import stat
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from satkit.utils.files import try_lock

OWNER = ".satkit-owner"  # holds the number of the process; empty until it is locked
NAME = re.compile(r"satkit-(?:[a-z]+-)?[a-z0-9_]{8}")
LOCK_TRIES = 20  # while another process looks whether the lock is held


@contextmanager
def temporary_folder(kind: str = "", parent: str | Path = "") -> Iterator[Path]:
    """A new folder, its absolute path, that is removed at the end of the block; abandoned ones beside it are removed.

    Args:
        kind: What it is for, a word of small letters in its name.
        parent: Where it is made; by default where the system keeps temporary files.
    """
    parent = Path(parent or tempfile.gettempdir()).absolute()
    remove_abandoned(parent)
    folder = Path(tempfile.mkdtemp(prefix=f"satkit-{kind}-" if kind else "satkit-", dir=parent))
    try:
        with (folder / OWNER).open("w") as owner:
            for _ in range(LOCK_TRIES):
                if try_lock(owner):
                    owner.write(str(os.getpid()))
                    owner.flush()
                    break
                time.sleep(0.01)
            yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def remove_abandoned(parent: Path) -> None:
    """Remove the temporary folders in a folder whose owners are gone."""
    with os.scandir(parent) as entries:
        found = [Path(entry.path) for entry in entries if NAME.fullmatch(entry.name)]
    for folder in found:
        try:
            if _is_own(folder, stat.S_IFDIR) and _is_own(folder / OWNER, stat.S_IFREG):
                _remove_unless_held(folder)
        except OSError:  # another process was faster
            continue


def _is_own(path: Path, kind: int) -> bool:
    """Whether a path is of this kind, no link, and belongs to this user."""
    facts = path.lstat()
    return stat.S_IFMT(facts.st_mode) == kind and (not hasattr(os, "getuid") or facts.st_uid == os.getuid())


def _remove_unless_held(folder: Path) -> None:
    with (folder / OWNER).open("r+") as owner:
        abandoned = try_lock(owner) and owner.read(1)
        if abandoned and os.name == "posix":  # with the lock held, so that no two processes remove it
            shutil.rmtree(folder, ignore_errors=True)
    if abandoned:  # Windows removes no file that is open
        shutil.rmtree(folder, ignore_errors=True)
