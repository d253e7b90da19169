"""The logged iterations of a step as a file: one row per iteration, one column per term of the loss."""

import csv
from pathlib import Path

from satkit.utils.csv_files import read_csv, write_csv
from satkit.utils.errors import UsageError
from satkit.utils.files import DamagedFile

FIRST = ("step", "iteration", "lr", "total")
DIGITS = 8
Rows = list[dict[str, float]]


def read_history(path: Path, remedy: str) -> Rows:
    """Rows of a history; a row lacks the terms that it was logged without.

    Raises:
        DamagedFile: If it cannot be read.
    """
    try:
        rows = read_csv(path, default=float | None)
    except (UsageError, UnicodeDecodeError, csv.Error) as error:
        raise DamagedFile(path, f"is damaged ({error})", remedy) from error
    return [{key: value for key, value in row.items() if value is not None} for row in rows]


def write_history(path: Path, rows: Rows) -> None:
    """Write rows in the order of their iterations."""
    rows = sorted(rows, key=lambda row: (row["step"], row["iteration"]))
    columns = dict.fromkeys([*FIRST, *(key for row in rows for key in row)])
    write_csv(path, rows, list(columns), digits=DIGITS, ends="\r\n")


def as_written(row: dict[str, float]) -> dict[str, float]:
    """The numbers of a row as a file gives them back."""
    return {name: float(f"{value:.{DIGITS}g}") for name, value in row.items()}
