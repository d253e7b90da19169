"""All studies in a folder: their scores, or how far they have come."""

import textwrap
from contextlib import suppress
from pathlib import Path

from satkit.evaluation.conventions import sentence
from satkit.experiments.run_folder import Run
from satkit.studies.study_result import CONVENTIONS
from satkit.utils.disk_places import no_file
from satkit.utils.files import DamagedFile
from satkit.utils.json_form import SCORE, must_hold
from satkit.utils.tables import RIGHT, Column, Table, in_percent

SCORES = ("old", "new", "all", "forgetting", "kept")
MEANING = "Scores in %; all is the mean IoU over all classes after the last step."


def overview(root: str | Path) -> str:
    """All studies in a folder with the scores of their runs in percent, as text.

    Raises:
        UsageError: If it is a file, or a file of a run holds something else than it must.
    """
    shown = "\n\n".join(map(one_study, study_folders(root)))
    return shown or f"No runs in {root}. Start with: satkit study --preset smoke"


def study_folders(root: str | Path) -> list[Path]:
    """The folders of the studies in a folder, or the folder itself where it is a study.

    Raises:
        UsageError: If it is a file.
    """
    no_file(Path(root), "Name the folder that the studies are in.")
    patterns = [f"{above}{run}/config.json" for above in ("", "*/") for run in ("base*", "joint")]
    return sorted({path.parent.parent for pattern in patterns for path in Path(root).glob(pattern)})


def one_study(folder: Path) -> str:
    """A study as text: its name and state, and a table of its runs."""
    state = "finished" if (folder / "result.json").exists() else "not finished"
    columns = [Column("run"), Column("steps"), *(Column(name, RIGHT, form=in_percent) for name in SCORES)]
    rows = [_row(config.parent) for config in sorted(folder.glob("*/config.json"))]
    text = f"{folder.name}  ({state})\n{textwrap.indent(Table(columns, rows, _conventions(folder)).text(), '    ')}"
    damaged = any("damaged" in row for row in rows)
    return f"{text}\n    What is damaged says: satkit runs --verify {folder}" if damaged else text


def _conventions(folder: Path) -> str:
    """The conventions that the scores of a study follow; "" while there are no scores, or they cannot be read."""
    for place in sorted(path.parent for path in folder.glob("*/result.json")):
        with suppress(DamagedFile):
            config = Run.open(place).config
            must_hold(place / "config.json", config, {"conventions": CONVENTIONS})
            return f"{MEANING} {sentence(config['conventions'])}"
    return ""


def _row(folder: Path) -> list:
    """Name, steps and scores of a run."""
    try:
        run = Run.open(folder)
        result = {name: value for name, value in (run.result() or {}).items() if name in SCORES}
    except DamagedFile:
        return [folder.name, "damaged", *[None] * len(SCORES)]
    must_hold(folder / "config.json", run.config, {"schedules": list})
    must_hold(folder / "result.json", result, {str: SCORE})
    steps = 1 if run.name.split("-")[0] == "base" else len(run.config["schedules"])
    return [run.name, f"{run.steps_done()} of {steps}", *(result.get(name) for name in SCORES)]
