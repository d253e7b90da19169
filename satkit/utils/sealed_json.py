"""JSON files that hold a hash of their own values, so that damage is noticed when they are read.

The hash is over the values and not over the text: a file that an editor has only laid out anew is still sound.
"""

import hashlib
import json
import re
from pathlib import Path

from satkit.utils.files import DamagedFile, plain, read_json, write_json

SEAL = "sha256"  # the last entry of the file


def write_sealed(path: Path, values: dict) -> None:
    """Write plain values as JSON with a hash over them; NaN becomes null."""
    values = plain(values)
    write_json(path, {**values, SEAL: _digest(values)})


def read_sealed(path: Path, remedy: str, always: bool = True) -> dict:
    """The values of a file that `write_sealed` wrote, without the hash.

    Args:
        remedy: What to do where the file is damaged, as a sentence.
        always: Whether every such file has a hash. If not, one without is taken as it is, as long as it is JSON: it is
            of a version of satkit that wrote none, and whether its values are those that were written cannot be known.
            A file that holds a hash under another name has lost the name of it, and is damaged.

    Raises:
        DamagedFile: If it holds no JSON, no hash, or other values than were written.
        FileNotFoundError: If it is not there.
    """
    values = read_json(path, remedy)
    seal = values.pop(SEAL, None) if isinstance(values, dict) else None
    if seal is None and not always and not any(map(_is_digest, values.values())):
        return values
    if seal is None:
        raise DamagedFile(path, "is damaged, or of an earlier version of satkit: it holds no hash", remedy)
    if seal != _digest(values):
        raise DamagedFile(path, "is damaged: its values do not match its hash", remedy)
    return values


def _is_digest(value: object) -> bool:
    return isinstance(value, str) and bool(re.fullmatch("[0-9a-f]{64}", value))


def _digest(values: dict) -> str:
    return hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()
