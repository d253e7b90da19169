"""All studies in a folder: their scores, or how far they have come."""

from pathlib import Path

from satkit.experiments.run_folder import Run

SHOWN = ("old", "new", "all", "forgetting", "kept")


def overview(root: str | Path) -> str:
    """All studies in a folder with the scores of their runs, as text."""
    folders = {path.parent.parent for name in ("base*", "joint") for path in Path(root).glob(f"*/{name}/config.json")}
    lines = [line for folder in sorted(folders) for line in study_lines(folder)]
    return "\n".join(lines) or f"No runs in {root}. Start with: satkit study --preset smoke"


def study_lines(folder: Path) -> list[str]:
    """A line for a study, and one for each of its runs."""
    state = "finished" if (folder / "result.json").exists() else "not finished"
    runs = [Run.open(config.parent) for config in sorted(folder.glob("*/config.json"))]
    return [f"{folder.name}  ({state})", *(f"    {run.name:32s} {_described(run)}" for run in runs)]


def _described(run: Run) -> str:
    result = run.result()
    if result is None:
        steps = 1 if run.name.split("-")[0] == "base" else len(run.config["schedules"])
        return f"{run.steps_done()} of {steps} steps"
    return "  ".join(f"{key} {'-' if result[key] is None else format(100 * result[key], '.1f')}" for key in SHOWN)
