"""All studies in a folder: their scores, or how far they have come."""

import textwrap
from pathlib import Path

from satkit.experiments.run_folder import Run
from satkit.utils.json_form import SCORE, must_hold
from satkit.utils.tables import RIGHT, Column, Table, in_percent

SCORES = ("old", "new", "all", "forgetting", "kept")


def overview(root: str | Path) -> str:
    """All studies in a folder with the scores of their runs in percent, as text.

    Raises:
        UsageError: If a file of a run holds something else than it must.
    """
    folders = {path.parent.parent for name in ("base*", "joint") for path in Path(root).glob(f"*/{name}/config.json")}
    shown = "\n\n".join(map(one_study, sorted(folders)))
    return shown or f"No runs in {root}. Start with: satkit study --preset smoke"


def one_study(folder: Path) -> str:
    """A study as text: its name and state, and a table of its runs."""
    state = "finished" if (folder / "result.json").exists() else "not finished"
    runs = [Run.open(config.parent) for config in sorted(folder.glob("*/config.json"))]
    columns = [Column("run"), Column("steps"), *(Column(name, RIGHT, form=in_percent) for name in SCORES)]
    table = Table(columns, [[run.name, _steps(run), *_scores(run)] for run in runs])
    return f"{folder.name}  ({state})\n{textwrap.indent(table.text(), '    ')}"


def _steps(run: Run) -> str:
    must_hold(run.folder / "config.json", run.config, {"schedules": list})
    steps = 1 if run.name.split("-")[0] == "base" else len(run.config["schedules"])
    return f"{run.steps_done()} of {steps}"


def _scores(run: Run) -> list[float | None]:
    scores = {name: value for name, value in (run.result() or {}).items() if name in SCORES}
    must_hold(run.folder / "result.json", scores, {str: SCORE})
    return [scores.get(name) for name in SCORES]
