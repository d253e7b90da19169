"""JSON files that hold a hash of their own values, so that damage is noticed when they are read.

The hash is over the values and not over the text: a file that an editor has only laid out anew is still sound.
"""

import hashlib
import json
from pathlib import Path

from satkit.utils.files import DamagedFile, plain, read_json, write_json

SEAL = "sha256"  # the last entry of the file


def write_sealed(path: Path, values: dict) -> None:
    """Write plain values as JSON with a hash over them; NaN becomes null."""
    values = plain(values)
    write_json(path, {**values, SEAL: _digest(values)})


def read_sealed(path: Path, remedy: str) -> dict:
    """The values of a file that `write_sealed` wrote, without the hash.

    Args:
        remedy: What to do where the file is damaged, as a sentence.

    Raises:
        DamagedFile: If it holds no JSON, no hash, or other values than were written.
        FileNotFoundError: If it is not there.
    """
    values = read_json(path, remedy)
    seal = values.pop(SEAL, None) if isinstance(values, dict) else None
    if seal is None:
        raise DamagedFile(path, "is damaged, or of an earlier version of satkit: it holds no hash", remedy)
    if seal != _digest(values):
        raise DamagedFile(path, "is damaged: its values do not match its hash", remedy)
    return values


def _digest(values: dict) -> str:
    return hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()
