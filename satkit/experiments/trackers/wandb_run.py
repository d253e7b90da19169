"""Records as runs of wandb: offline, in the folder of each run, unless WANDB_MODE asks for something else.

An offline run cannot be continued, so it is written anew under the same id. A run on the server is continued: it gets
the same calls in the same order, and those that it has already are left out.
"""

import os
import shlex
import shutil
from pathlib import Path

from satkit.experiments.trackers.tracker import Place, project, tag

OFFLINE = "offline"
X_AXIS = "iteration"


def mode() -> str:
    """How wandb works: as WANDB_MODE says, by default offline."""
    return os.environ.get("WANDB_MODE") or OFFLINE


def load():
    """The library; offline it reports no errors over the network either.

    Raises:
        ImportError: If wandb is not installed.
    """
    if mode() == OFFLINE:
        os.environ.setdefault("WANDB_ERROR_REPORTING", "false")
    import wandb

    if not hasattr(wandb, "init"):  # a folder called wandb, as wandb itself makes them, passes for a package
        raise ImportError("there is only a folder of this name")
    return wandb


class WandbRun:
    """The record of a run as a run of wandb, whose files are in the folder `wandb` of the run."""

    def __init__(self, place: Place):
        self._wandb = load()
        before = sorted((place.folder / "wandb").glob("*run-*-*"))
        for folder in before:
            if folder.name.startswith(OFFLINE):
                shutil.rmtree(folder)
        self._run = self._wandb.init(
            project=place.project,
            name=place.name,
            id=before[-1].name.split("-")[-1] if before else None,
            dir=str(place.folder),
            mode=mode(),
            resume="allow",
            reinit="create_new",
            settings=self._wandb.Settings(**QUIET),
        )
        self._run.define_metric("*", step_metric=X_AXIS)
        self._there = self._run.step  # calls that the server has seen

    def config(self, values: dict) -> None:
        """The configuration as that of the run."""
        self._run.config.update(values, allow_val_change=True)

    def scalars(self, step: int, iteration: int, values: dict[str, float]) -> None:
        """One curve for each name, over the iterations."""
        if self._there:
            self._there -= 1
        else:
            self._run.log({X_AXIS: iteration, **{tag(step, name): value for name, value in values.items()}})

    def figure(self, name: str, path: Path) -> None:
        """A picture under its name."""
        self._run.log({name: self._wandb.Image(str(path))})

    def close(self) -> None:
        """End the run, and wait until its file is written: wandb returns from `finish` before that."""
        self._run.finish()
        if self._wandb.run is None:  # otherwise a run of somebody's own would be ended too
            self._wandb.teardown()


# Neither what notebooks print nor code, packages, processes and machine belong to the record.
QUIET = {
    "silent": True,
    "console": "off",
    "disable_git": True,
    "disable_code": True,
    "save_code": False,
    "x_disable_stats": True,
    "x_disable_meta": True,
    "x_disable_machine_info": True,
    "x_save_requirements": False,
}


def look(folder: Path, runs: str) -> str:
    """How to look at the records of the runs in a folder."""
    if mode() == OFFLINE:
        return f"nothing was sent; wandb sync {shlex.quote(str(folder))}/{runs}/wandb/offline-run-* sends it to wandb"
    return f"in the project {project(folder)} of wandb (mode {mode()})"
