"""Which tracker records what is trained, if any: its name is in SATKIT_TRACK, where --track puts it.

A tracker only watches a training. So it is no setting: neither the name of a study nor the configuration of a run knows
of it. A variable of the environment reaches the kernels of notebooks and every other process that trains.
"""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from satkit.experiments.trackers import tensorboard_files, trackio_run, wandb_run
from satkit.experiments.trackers.tracker import Place, Tracker
from satkit.utils.errors import UsageError, choose

VARIABLE = "SATKIT_TRACK"


class Kind(NamedTuple):
    """A tracker that can be chosen.

    Attributes:
        make: Opens a record.
        load: Imports the library.
        look: How to look at the records of the runs in a folder.
        package: What pip installs.
    """

    make: Callable[[Place], Tracker]
    load: Callable[[], object]
    look: Callable[[Path, str], str]
    package: str


TRACKERS = {
    "tensorboard": Kind(
        tensorboard_files.TensorBoardFiles, tensorboard_files.load, tensorboard_files.look, '"tensorboard>=2.16"'
    ),
    "wandb": Kind(wandb_run.WandbRun, wandb_run.load, wandb_run.look, "wandb"),
    "trackio": Kind(trackio_run.TrackioRun, trackio_run.load, trackio_run.look, "trackio"),
}


def chosen() -> str:
    """The name of the tracker that was asked for, or ""."""
    return os.environ.get(VARIABLE, "")


@contextmanager
def tracking(name: str = "") -> Iterator[None]:
    """Record what is trained in the block, also in kernels and other processes that it starts.

    Args:
        name: Of a tracker; empty for the one that SATKIT_TRACK names, if it names one.

    Raises:
        UsageError: If there is no such tracker, or its package is missing.
    """
    before = os.environ.get(VARIABLE)
    if name:
        os.environ[VARIABLE] = name
    try:
        if chosen():
            ready(chosen())
        yield
    finally:
        if name and before is None:
            del os.environ[VARIABLE]
        elif name:
            os.environ[VARIABLE] = before


def ready(name: str) -> Kind:
    """A tracker whose library has been loaded.

    Raises:
        UsageError: If there is no such tracker, or its package is missing.
    """
    kind = choose("tracker", name, TRACKERS)
    try:
        kind.load()
    except ImportError as error:
        raise UsageError(
            f"The tracker {name} needs a package that cannot be imported ({error}). "
            f"Install it: python -m pip install {kind.package}"
        ) from error
    return kind


def opened(folder: Path) -> Tracker | None:
    """The record of the run in a folder, written from its beginning; None if no tracker was asked for.

    Raises:
        UsageError: If there is no such tracker, or its package is missing.
    """
    return ready(chosen()).make(Place(folder)) if chosen() else None


def how_to_look(folder: Path, runs: str = "*") -> str:
    """A line that says how to look at the records of the runs in a folder; "" if no tracker was asked for.

    Args:
        runs: Where they are in it: "*" in a study, "*/*" in a folder of studies.
    """
    return f"Curves: {TRACKERS[chosen()].look(folder, runs)}" if chosen() else ""
