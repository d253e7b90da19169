"""Records as runs of trackio: in the folder `trackio` beside the studies, or where TRACKIO_DIR says.

A record stays here also where trackio's own variables name a server; `trackio sync` sends it somewhere.
"""

import io
import os
import shlex
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from pathlib import Path

from satkit.experiments.run_places import runs_root
from satkit.experiments.trackers.tracker import Place, project, tag

FOLDER = "TRACKIO_DIR"
SERVERS = ("TRACKIO_SPACE_ID", "TRACKIO_SERVER_URL")


def load():
    """The library, which takes its folder from the environment when it is imported.

    Raises:
        ImportError: If trackio is not installed.
    """
    os.environ.setdefault(FOLDER, str(runs_root() / "trackio"))
    import trackio

    if not hasattr(trackio, "init"):  # a folder of this name passes for a package
        raise ImportError("there is only a folder of this name")
    return trackio


class TrackioRun:
    """The record of a run as a run of trackio."""

    def __init__(self, place: Place):
        self._trackio = load()
        with _here():
            for run in self._recorded(place.project):
                if run.name == place.name:
                    run.delete()
            self._run = self._trackio.init(
                project=place.project, name=place.name, embed=False, auto_log_gpu=False, auto_log_cpu=False
            )

    def config(self, values: dict) -> None:
        """The configuration as that of the run."""
        self._run.config.update(values)

    def scalars(self, step: int, iteration: int, values: dict[str, float]) -> None:
        """One curve for each name, over the iterations."""
        self._run.log({tag(step, name): value for name, value in values.items()}, step=iteration)

    def figure(self, name: str, path: Path) -> None:
        """A picture under its name."""
        self._run.log({name: self._trackio.Image(str(path))}, step=0)

    def close(self) -> None:
        """End the run."""
        with _here():
            self._trackio.finish()

    def _recorded(self, project: str) -> list:
        """The runs of a project; none if there is no project of this name yet."""
        try:
            return list(self._trackio.Api().runs(project))
        except ValueError:
            return []


@contextmanager
def _here() -> Iterator[None]:
    """Without a word, and without the network: trackio would ask its server for the name of a user who is logged in."""
    from huggingface_hub import constants

    online, servers = constants.HF_HUB_OFFLINE, {name: os.environ.pop(name, None) for name in SERVERS}
    constants.HF_HUB_OFFLINE = True
    try:
        with redirect_stdout(io.StringIO()):
            yield
    finally:
        constants.HF_HUB_OFFLINE = online
        os.environ.update({name: value for name, value in servers.items() if value is not None})


def look(folder: Path, runs: str) -> str:
    """How to look at the records of the runs in a folder."""
    place = os.environ.get(FOLDER) or str(runs_root() / "trackio")
    one = f" --project {project(folder)}" if runs == "*" else ""
    return f"{FOLDER}={shlex.quote(place)} trackio show{one}"
