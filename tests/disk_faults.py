"""Faults of a disk at one file: in this process, writing, syncing, renaming, making or reading it ends in an error."""

import builtins
import io
import os
from contextlib import contextmanager
from pathlib import Path

import pytest


@contextmanager
def failing(root, operation, name, number):
    """Inside the block an operation on a file or folder of this name fails; yields how often it did, as a list.

    Args:
        root: Folder in which temporary files are looked for.
        operation: One of `OPERATIONS`. Writing fails in the middle; like a system, it does not say at which file.
        number: Of the error, as in `errno`.
    """
    fault = _Fault(Path(root), name, number)
    with pytest.MonkeyPatch.context() as patch:
        OPERATIONS[operation](fault, patch)
        yield fault.hits


class _Fault:
    def __init__(self, root, name, number):
        self.root, self.name, self.number, self.hits = root, name, number, []

    def meets(self, path):
        """Whether a path is the file, or the temporary one that is to take its place."""
        found = Path(os.fsdecode(path)).name
        return found == self.name or found.startswith(f"{self.name}.tmp-")

    def error(self, *paths):
        self.hits.append(self.name)
        return OSError(self.number, os.strerror(self.number), *paths)


class _FailingFile(io.FileIO):
    fault: _Fault

    def write(self, data):
        super().write(data[: len(data) // 2])
        raise self.fault.error()

    def readinto(self, buffer):
        raise self.fault.error()

    def readall(self):
        raise self.fault.error()


def _opening(writes):
    def install(fault, patch):
        usual = io.open

        def opened(file, mode="r", buffering=-1, encoding=None, errors=None, newline=None, **rest):
            asked = bool(set(mode) & set("wxa+")) == writes and isinstance(file, str | os.PathLike)
            if not asked or not fault.meets(file):
                return usual(file, mode, buffering, encoding, errors, newline, **rest)
            raw = _FailingFile(file, mode.replace("b", "").replace("t", ""))
            raw.fault = fault
            binary = io.BufferedWriter(raw) if writes else io.BufferedReader(raw)
            return binary if "b" in mode else io.TextIOWrapper(binary, encoding, errors, newline)

        patch.setattr(io, "open", opened)
        patch.setattr(builtins, "open", opened)

    return install


def _syncing(fault, patch):
    usual = os.fsync

    def fsync(number):
        if any(os.path.samestat(os.fstat(number), path.stat()) for path in fault.root.rglob(f"{fault.name}.tmp-*")):
            raise fault.error()
        usual(number)

    patch.setattr(os, "fsync", fsync)


def _renaming(fault, patch):
    def install(usual):
        def rename(source, target, **rest):
            if fault.meets(target):
                raise fault.error(os.fspath(source), None, os.fspath(target))
            usual(source, target, **rest)

        return rename

    patch.setattr(os, "replace", install(os.replace))
    patch.setattr(os, "rename", install(os.rename))


def _making(fault, patch):
    usual = os.mkdir

    def mkdir(path, *rest, **more):
        if fault.meets(path):
            raise fault.error(os.fspath(path))
        usual(path, *rest, **more)

    patch.setattr(os, "mkdir", mkdir)


OPERATIONS = {
    "write": _opening(writes=True),
    "read": _opening(writes=False),
    "fsync": _syncing,
    "rename": _renaming,
    "mkdir": _making,
}
