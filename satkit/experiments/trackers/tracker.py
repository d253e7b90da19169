"""What every tracker can do, and where a record belongs.

A record holds the curves, the configuration and the figures of one run for a program that shows them. It follows from
the files of the run, so whoever opens a record writes it from its beginning: what a killed training had recorded beyond
its checkpoint is not there twice.
"""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from satkit.utils.names import slug


@dataclass(frozen=True)
class Place:
    """Where a record belongs.

    Attributes:
        folder: Of the run; it exists.
    """

    folder: Path

    @property
    def project(self) -> str:
        """What holds several runs: the name of the study."""
        return project(self.folder.parent)

    @property
    def name(self) -> str:
        """The name of the run."""
        return self.folder.name


class Tracker(Protocol):
    """The record of one run, open for writing; what was recorded of it before is replaced."""

    def config(self, values: dict) -> None:
        """Record the configuration, as plain values; called first and once."""

    def scalars(self, step: int, iteration: int, values: dict[str, float]) -> None:
        """Record numbers of a step.

        Args:
            step: Of the scenario; it is in the tag of every number, see `tag`.
            iteration: The place on the x-axis: iterations of the whole run.
            values: Finite numbers by their names, such as "loss/total".
        """

    def figure(self, name: str, path: Path) -> None:
        """Record a PNG picture."""

    def close(self) -> None:
        """Write what is left, and end."""


def tag(step: int, name: str) -> str:
    """What a number of a step is called in every tracker, such as "step03/loss/cross-entropy".

    Other characters than letters, digits and . _ - / become _, since TensorBoard takes no others.
    """
    return f"step{step:02d}/{re.sub(r'[^A-Za-z0-9._/-]', '_', name)}"


def project(folder: Path) -> str:
    """The name of a study as wandb and trackio take it."""
    return slug(folder.name) or "satkit"
