"""What `satkit runs` shows: studies and sweeps one by one, or the runs of all of them in one table to be compared."""

import textwrap
from collections.abc import Sequence
from pathlib import Path

from satkit.data.reading.problems import counted
from satkit.studies.overview import overview, study_folders
from satkit.studies.run_rows import DONE, all_rows, rows_of_sweep, sort, sweep_folders, where
from satkit.studies.run_table import failures, mean_table, run_table, write_rows
from satkit.studies.sweep_run import FAILED, is_sweep
from satkit.utils.disk_places import expanded
from satkit.utils.names import printable

NONE = "No runs there meet these conditions. Without --where, satkit runs lists all."


def listing(root: str | Path) -> str:
    """All sweeps and studies in a folder, one after the other, as text.

    Raises:
        UsageError: If it is a file, or a file of a run holds something else than it must.
    """
    parts = [one_sweep(folder) for folder in sweep_folders(root)]
    if not parts or (study_folders(root) and not is_sweep(Path(root))):
        parts.append(overview(root))
    return "\n\n".join(parts)


def one_sweep(folder: Path) -> str:
    """A sweep as text: its name, how far it is, and a table of its runs."""
    rows = rows_of_sweep(folder)
    counts = [(sum(row.state == state for row in rows), state) for state in (DONE, FAILED)]
    state = ", ".join(f"{number} {name}" for number, name in counts if number or name == DONE)
    lines = [run_table(rows).text(), *map(printable, failures(rows))]
    size, indented = counted(len(rows), "run"), textwrap.indent("\n".join(lines), "    ")
    return f"{folder.name}  (sweep of {size}: {state})\n{indented}"


def comparison(
    root: str | Path, conditions: Sequence[str] = (), by: str = "", means: bool = False, file: str = ""
) -> str:
    """The runs of all studies and sweeps in a folder in one table, as text.

    Args:
        conditions: Which runs, such as "strategy=sats,mib" and "seed=0-2"; all must be met.
        by: The column to sort by; empty for the order of the folders.
        means: Means over seeds and orders instead of single runs.
        file: Where the runs go as CSV too; empty for nowhere.

    Raises:
        UsageError: For what is no condition, or a column that there is not.
    """
    rows = all_rows(root)
    if not rows:
        return listing(root)
    rows = where(rows, conditions)
    if not rows:
        return NONE
    rows = sort(rows, by) if by else rows
    text = (mean_table if means else run_table)(rows).text()
    if file:
        path = expanded(file)
        path.parent.mkdir(parents=True, exist_ok=True)
        write_rows(path, rows)
        text += f"\n\nWritten: {path}, {counted(len(rows), 'run')}"
    return text
