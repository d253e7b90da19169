"""The rows of a study that trains many runs: what was measured of each, in a file that says whether it is damaged.

A row is all that is left of a run, so a damaged one is noticed, and the run is carried out again. Rows that an earlier
version of satkit wrote hold no hash. They are taken as they are, because nobody can know whether they are sound; only
what is no JSON, or lacks a value, is noticed there.
"""

import warnings
from collections.abc import Iterable
from pathlib import Path

from satkit.utils.files import DamagedFile
from satkit.utils.sealed_json import read_sealed, write_sealed

AGAIN = "Its run is carried out again."


def write_row(path: Path, row: dict) -> None:
    """Write a row with a hash over its values; NaN becomes null."""
    write_sealed(path, row)


def read_row(path: Path, names: Iterable[str]) -> dict | None:
    """The values of a row; None where there is none, or a damaged one, which a warning says.

    Args:
        names: Values that a row must have.
    """
    try:
        row = read_sealed(path, AGAIN, always=False)
        if missing := [name for name in names if name not in row]:
            raise DamagedFile(path, f"is damaged: it lacks {missing[0]!r}", AGAIN)
    except FileNotFoundError:
        return None
    except DamagedFile as error:
        warnings.warn(f"{error}", stacklevel=2)
        return None
    return row
