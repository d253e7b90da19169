"""Records as event files of TensorBoard, one in the folder of each run."""

import json
import shlex
from pathlib import Path

import numpy as np

from satkit.experiments.trackers.tracker import Place, tag
from satkit.utils.images import image_bytes, opened_image

FILES = "events.out.tfevents.*"


def load():
    """What writes event files.

    Raises:
        ImportError: If tensorboard is not installed.
    """
    from torch.utils.tensorboard import SummaryWriter

    return SummaryWriter


class TensorBoardFiles:
    """The record of a run as an event file in its folder."""

    def __init__(self, place: Place):
        writer = load()
        for before in place.folder.glob(FILES):
            before.unlink()
        # A TensorBoard that is open drops what it has read of this run, and reads it anew.
        self._writer = writer(str(place.folder), purge_step=0)

    def config(self, values: dict) -> None:
        """The configuration as a text."""
        text = json.dumps(values, indent=2)
        self._writer.add_text("config", "\n".join(f"    {line}" for line in text.splitlines()), 0)
        self._writer.flush()

    def scalars(self, step: int, iteration: int, values: dict[str, float]) -> None:
        """One curve for each name, which can be seen at once."""
        for name, value in values.items():
            self._writer.add_scalar(tag(step, name), value, iteration)
        self._writer.flush()

    def figure(self, name: str, path: Path) -> None:
        """A picture under its name."""
        with opened_image(image_bytes(path), path.name, ["PNG"]) as picture:
            self._writer.add_image(name, np.asarray(picture.convert("RGB")), 0, dataformats="HWC")

    def close(self) -> None:
        """Close the file."""
        self._writer.close()


def look(folder: Path, runs: str) -> str:
    """How to look at the records of the runs in a folder."""
    return f"tensorboard --logdir {shlex.quote(str(folder))}"
