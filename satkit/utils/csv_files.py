"""Files of rows: comma-separated values, written and read with types.

One pair for rows that are dicts (`write_csv`, `read_csv`), and on top of it one for rows that are dataclasses
(`write_records`, `read_records`). What was written is read as it was, and writing it again gives the same file.
"""

import csv
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import fields
from pathlib import Path
from types import NoneType
from typing import TypeVar, get_args, get_type_hints

from satkit.utils.errors import UsageError
from satkit.utils.files import naming, replacing

Record = TypeVar("Record")
TRUTH = {"true": True, "false": False}


def write_csv(
    path: str | Path,
    rows: Iterable[Mapping[str, object]],
    names: Sequence[str] = (),
    digits: int = 6,
    ends: str = "\n",
) -> None:
    """Write rows, whole or not at all.

    Args:
        rows: Values by the name of the column; what a row lacks, and None, is an empty cell.
        names: Of the columns, in order; empty: as the rows have them.
        digits: Of a float.
        ends: What ends a line.
    """
    rows = list(rows)
    names = names or list(dict.fromkeys(name for row in rows for name in row))
    with replacing(Path(path)) as temporary, temporary.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, names, lineterminator=ends)
        writer.writeheader()
        writer.writerows({name: _cell(value, digits) for name, value in row.items()} for row in rows)


def read_csv(path: str | Path, kinds: Mapping[str, type] | None = None, default: type = str) -> list[dict]:
    """Rows of a file, as dicts in the order of its lines.

    Args:
        kinds: str, int, float or bool by the name of the column, or one of these and None, as in `int | None`. An empty
            cell is None where that is allowed, and NaN where a plain float is asked for.
        default: The kind of all other columns.

    Raises:
        UsageError: If a line has too many or too few cells, or a cell is not of its kind.
        FileNotFoundError: If the file is not there.
    """
    kinds = kinds or {}
    rows = []
    with naming(path), Path(path).open(newline="", encoding="utf-8") as file:
        for line in (reader := csv.DictReader(file, strict=True)):
            if None in line or None in line.values():
                raise UsageError(f"{path}, line {reader.line_num}: must have {len(reader.fieldnames)} cells.")
            try:
                rows.append({name: _value(text, kinds.get(name, default)) for name, text in line.items()})
            except (ValueError, KeyError) as error:
                raise UsageError(f"{path}, line {reader.line_num}: a cell cannot be read ({error}).") from error
    return rows


def write_records(path: str | Path, kind: type, records: Iterable[object], digits: int = 6) -> None:
    """Write objects of a dataclass, a column for each field; NaN is an empty cell.

    A field with the metadata "head" has another name in the file than in the code.
    """
    heads = _heads(kind)
    rows = [{head: _none_for_nan(getattr(record, name)) for name, head in heads.items()} for record in records]
    write_csv(path, rows, list(heads.values()), digits)


def read_records(path: str | Path, kind: type[Record]) -> list[Record]:
    """Objects of a dataclass from a file with a column for each of its fields; see `write_records` and `read_csv`.

    Raises:
        UsageError: If a column is missing or unknown, or a cell is not of its field's type.
    """
    heads, types = _heads(kind), get_type_hints(kind)
    rows = read_csv(path, {head: types[name] for name, head in heads.items()})
    for row in rows[:1]:
        if set(row) != set(heads.values()):
            raise UsageError(f"{path} must have the columns {', '.join(heads.values())}; it has {', '.join(row)}.")
    return [kind(**{name: row[head] for name, head in heads.items()}) for row in rows]


def _heads(kind: type) -> dict[str, str]:
    """Names in the file by the names of the fields."""
    return {field.name: field.metadata.get("head", field.name) for field in fields(kind)}


def _none_for_nan(value: object) -> object:
    return None if isinstance(value, float) and math.isnan(value) else value


def _cell(value: object, digits: int) -> object:
    if isinstance(value, bool):
        return str(value).lower()
    return f"{value:.{digits}g}" if isinstance(value, float) else value


def _value(text: str, kind: type) -> object:
    kinds = get_args(kind) or (kind,)
    if text == "" and NoneType in kinds:
        return None
    if text == "" and kind is float:
        return math.nan
    return TRUTH[text] if kinds[0] is bool else kinds[0](text)
