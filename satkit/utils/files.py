"""Files that are complete or absent: written under a temporary name, then renamed; weights are checked by a hash.

Neither torch nor safetensors detects a changed bit in a file of weights. So the header holds a sha256 over names,
shapes and values, which is compared when the file is read.
"""

import errno
import hashlib
import json
import math
import os
import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from satkit.utils.errors import UsageError
from satkit.utils.interrupts import interrupts_first

if TYPE_CHECKING:  # torch is loaded where tensors are read or written, so that commands without any answer at once
    from torch import Tensor

DEEPEST = 100  # levels of a JSON file; those of satkit have fewer than ten

TRAIN_AGAIN = "Delete it and train the step again."
UNTOUCHED = 60.0
NO_DAMAGE = (errno.EACCES, errno.EPERM, errno.EIO)  # the file may be sound, but cannot be read now


class DamagedFile(UsageError):
    """A file that is damaged, missing, or not the one that belongs in its place.

    Args:
        path: The file or folder.
        reason: What is wrong with it, after its name: "is missing".
        remedy: What to do, as a sentence.
    """

    def __init__(self, path: Path, reason: str, remedy: str):
        super().__init__(f"{path} {reason}. {remedy}")


def save_tensors(path: Path, tensors: dict[str, "Tensor"], header: dict) -> str:
    """Write tensors and a plain header as safetensors, with a hash over both; returns the hash."""
    import safetensors.torch

    tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    text = json.dumps(header, sort_keys=True)
    digest = tensors_digest(tensors, text)
    data = safetensors.torch.save(tensors, metadata={"header": text, "sha256": digest})
    with replacing(path) as temporary:
        temporary.write_bytes(data)
    return digest


def load_tensors(path: Path, remedy: str = TRAIN_AGAIN) -> tuple[dict[str, "Tensor"], dict]:
    """Tensors and header of a file that `save_tensors` wrote.

    A signal that arrives meanwhile is raised as such, and never taken for damage.

    Args:
        remedy: What to do where it is damaged, as a sentence.

    Raises:
        DamagedFile: If the file is missing, not of this kind, or not what was written.
        OSError: If the system does not let it be read.
    """
    import safetensors

    try:
        with naming(path), Path(path).open("rb") as file:  # safetensors hides what the system says
            file.read(1)
        with interrupts_first(), safetensors.safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (not a dict)
    except FileNotFoundError as error:
        raise DamagedFile(path, "is missing", remedy) from error
    except (safetensors.SafetensorError, OSError, ValueError) as error:
        if getattr(error, "errno", None) in NO_DAMAGE:
            raise
        raise DamagedFile(path, f"is damaged ({error})", remedy) from error
    if "header" not in metadata or metadata.get("sha256") != tensors_digest(tensors, metadata["header"]):
        raise DamagedFile(path, "is damaged: its content does not match its hash", remedy)
    try:
        return tensors, json.loads(metadata["header"])
    except ValueError as error:
        raise DamagedFile(path, f"holds no header of satkit ({error})", remedy) from error


def save_plain_tensors(path: Path, tensors: dict[str, "Tensor"]) -> str:
    """Write tensors as plain safetensors, which every program reads, with no header of satkit; returns their hash."""
    import safetensors.torch

    tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    with replacing(path) as temporary:
        temporary.write_bytes(safetensors.torch.save(tensors, metadata={"format": "pt"}))
    return tensors_digest(tensors)


def tensors_digest(tensors: dict[str, "Tensor"], text: str = "") -> str:
    """The sha256 over a text and over names, shapes, kinds and values of tensors, in whatever file they lie."""
    import torch

    digest = hashlib.sha256(text.encode())
    for name in sorted(tensors):
        tensor = tensors[name].detach().cpu()
        digest.update(f"{name} {tuple(tensor.shape)} {tensor.dtype}".encode())
        digest.update(tensor.contiguous().reshape(-1).view(torch.uint8).numpy())
    return digest.hexdigest()


def write_json(path: Path, value: object) -> None:
    """Write plain values as JSON; NaN becomes null, because JSON has no NaN."""
    text = json.dumps(plain(value), indent=2, allow_nan=False) + "\n"
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def read_json(path: Path, remedy: str = "Restore the file.") -> dict:
    """Read plain values.

    Args:
        remedy: What to do where the file is damaged, as a sentence.

    Raises:
        DamagedFile: If the file holds no JSON object, or one that is nested deeper than `DEEPEST`.
        OSError: If it cannot be read.
    """
    try:
        with naming(path):
            text = Path(path).read_text(encoding="utf-8")
        value = json.loads(text, parse_constant=_refuse, parse_float=_finite)
        if "\\ud" in text.lower():  # maybe half of a character, which no text in UTF-8 can hold
            json.dumps(value, ensure_ascii=False).encode()
        reason = "" if isinstance(value, dict) else f"it is of type {type(value).__name__}"
        reason = reason or (f"it is nested deeper than {DEEPEST}" if _deeper(value, DEEPEST) else "")
    except (ValueError, RecursionError) as error:  # also text that is no UTF-8, and numbers of thousands of digits
        reason = str(error)
    if reason:
        raise DamagedFile(path, f"must hold a JSON object, got something else ({reason})", remedy)
    return value


def sha256_of(path: Path) -> str:
    """The sha256 of a file's bytes."""
    with naming(path), Path(path).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A temporary file beside `path` that replaces it, atomically and durably, when the block ends without an error."""
    path = Path(path)
    temporary = path.with_name(f"{path.name}.tmp-{os.getpid()}-{secrets.token_hex(3)}")
    try:
        with naming(path):
            yield temporary
            with temporary.open("rb") as file:
                os.fsync(file.fileno())
            os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)
    if hasattr(os, "O_DIRECTORY"):
        folder = os.open(path.parent, os.O_DIRECTORY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


def is_abandoned(temporary: Path) -> bool:
    """Whether no other process is writing a temporary file of `replacing`: its process has ended, or let it lie.

    The number of a process may be given to another one later, so a file that nobody has touched for `UNTOUCHED` seconds
    counts as abandoned too.
    """
    try:
        owner, age = int(temporary.name.rsplit("-", 2)[-2]), time.time() - temporary.stat().st_mtime
        if age > UNTOUCHED or owner == os.getpid() or os.name != "posix":
            return True
        os.kill(owner, 0)
    except PermissionError:  # another user's
        return False
    except (ValueError, IndexError, OverflowError, OSError):
        return True
    return False


@contextmanager
def naming(path: Path) -> Iterator[None]:
    """An error of the disk in the block says at which file, which the system does not say of one that is open."""
    try:
        yield
    except OSError as error:
        if error.errno is not None and error.filename is None:
            error.filename = str(path)
        raise


def _refuse(name: str) -> None:
    raise ValueError(f"{name} is no number of JSON")


def _finite(text: str) -> float:
    number = float(text)
    return number if math.isfinite(number) else _refuse(text)


def _deeper(value: object, levels: int) -> bool:
    """Whether a value is nested deeper than so many levels; without recursion."""
    level = [value]
    for _ in range(levels):
        level = [
            part
            for each in level
            if isinstance(each, (dict, list))
            for part in (each.values() if isinstance(each, dict) else each)
        ]
    return bool(level)


def plain(value):
    """A value as JSON has it: tuples become lists, NumPy's numbers plain ones, NaN and infinity None."""
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    if isinstance(value, (float, np.floating)):
        return float(value) if math.isfinite(value) else None
    return int(value) if isinstance(value, np.integer) else value


def try_lock(file) -> bool:
    """Lock an open file for this process until it is closed; False if another process holds it."""
    try:
        import fcntl
    except ImportError:  # Windows
        import msvcrt

        try:
            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        return True
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True
