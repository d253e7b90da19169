"""Files of a step that is being trained: the two newest checkpoints, and the best weights so far.

Each says in its header which step of which run it belongs to. A checkpoint holds what was logged until then, so that a
step that goes on from it needs no other file.
"""

import json
import warnings
from dataclasses import asdict
from typing import NamedTuple

import torch
from torch import Tensor

from satkit.experiments.manifest import Origin
from satkit.experiments.run_folder import BEST, CHECKPOINT, CHECKPOINT_BEFORE, Run
from satkit.experiments.step_history import Rows
from satkit.utils.files import DamagedFile, load_tensors, save_tensors
from satkit.utils.provenance import machine


class Checkpoint(NamedTuple):
    """What a step goes on from.

    Attributes:
        snapshot: State of student, optimiser and random generator after an iteration, see `satkit.training`.
        rows: What was logged until then.
        machine: Versions, threads and device that wrote it.
    """

    snapshot: dict[str, Tensor]
    rows: Rows
    machine: dict

    @property
    def iteration(self) -> int:
        """Iterations done."""
        return int(self.snapshot["iteration"])


def save_checkpoint(run: Run, step: int, snapshot: dict[str, Tensor], rows: Rows, device: torch.device) -> None:
    """Write a checkpoint, and keep the one before it."""
    folder = run.step_folder(step)
    folder.mkdir(parents=True, exist_ok=True)
    if (folder / CHECKPOINT).exists():
        (folder / CHECKPOINT).replace(folder / CHECKPOINT_BEFORE)
    header = {"rows": json.dumps(rows), "machine": machine(device)}  # as text, rows keep the order of their columns
    save_in_progress(run, step, CHECKPOINT, snapshot, header)


def newest_checkpoint(run: Run, step: int) -> Checkpoint | None:
    """The newest checkpoint of a step that is sound, or None; one that is damaged is said with a warning."""
    damaged = False
    for name in (CHECKPOINT, CHECKPOINT_BEFORE):
        try:
            if found := load_in_progress(run, step, name):
                checkpoint = Checkpoint(found[0], json.loads(found[1]["rows"]), found[1]["machine"])
                if damaged:
                    warnings.warn(f"Step {step} goes on from iteration {checkpoint.iteration}.", stacklevel=2)
                return checkpoint
        except DamagedFile as error:
            warnings.warn(f"{error}", stacklevel=2)
            damaged = True
    if damaged:
        warnings.warn(f"There is no sound checkpoint. Step {step} starts again from its beginning.", stacklevel=2)
    return None


def forget_progress(run: Run, step: int) -> None:
    """Remove checkpoints and best weights: the step starts again from its beginning."""
    for name in (CHECKPOINT, CHECKPOINT_BEFORE, BEST):
        (run.step_folder(step) / name).unlink(missing_ok=True)


def save_in_progress(run: Run, step: int, name: str, tensors: dict[str, Tensor], header: dict) -> None:
    """Write tensors of a step that is not finished, with a header that says what they belong to."""
    save_tensors(run.step_folder(step) / name, tensors, {**asdict(run.origin(step)), **header})


def load_in_progress(run: Run, step: int, name: str) -> tuple[dict[str, Tensor], dict] | None:
    """Tensors and header of a file of a step that is not finished; None if there is no such file.

    Raises:
        DamagedFile: If it is damaged, or belongs to another step or run.
    """
    path, here = run.step_folder(step) / name, run.origin(step)
    if not path.exists():
        return None
    tensors, header = load_tensors(path, "It is not used.")
    there = Origin(**{key: header.get(key) for key in asdict(here)})
    if there != here:
        raise DamagedFile(path, f"belongs to {there}, not to {here}", "It is not used.")
    return tensors, header
