"""A run: one strategy on one scenario, as a folder of plain files.

    config.json       everything that decides the result, and where it was made
    history.csv       one row per logged iteration: step, iteration, lr, total and every term
    steps/<t>/        model.safetensors, manifest.json with its sha256, confusion.npy, metrics.json
    notebooks/        executed notebooks
    figures/
    result.json       written last: success is the exit code and this file

Every file is whole or not there, and weights are checked by a hash, see `files`.
"""

import json
import os
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from torch import Tensor

from satkit.models import Segmenter, build_segmenter
from satkit.strategies.step_state import StepState
from satkit.utils.csv_files import read_csv, write_csv
from satkit.utils.disk_places import expanded, no_file
from satkit.utils.errors import UsageError
from satkit.utils.files import load_tensors, read_json, replacing, save_tensors, try_lock, write_json

NAME = re.compile(r"[^\W_][\w.+-]{0,79}")
UNTIL_DONE = ("checkpoint.safetensors", "best.safetensors")  # files of a step that is not finished
RECORDED_ONLY = ("machine",)  # parts of config.json that do not decide the result


class RunBusy(RuntimeError):
    """Another process is writing into the run."""


def runs_root() -> Path:
    """Where runs live: $SATKIT_RUNS, else `runs` in the working directory.

    Notebooks of the source tree and their solutions share the `runs` beside the folder `notebooks`.

    Raises:
        UsageError: If a file is in its place.
    """
    if os.environ.get("SATKIT_RUNS"):
        return no_file(expanded(os.environ["SATKIT_RUNS"]).resolve(), "Set SATKIT_RUNS to a folder.")
    here = Path.cwd()
    here = here.parent if here.parts[-2:] == ("notebooks", "solutions") else here
    place = (here.parent if here.name == "notebooks" else here) / "runs"
    return no_file(place, "Set SATKIT_RUNS to another folder, or give the file another name.")


def run_folder(name: str | Path, root: Path | None = None) -> Path:
    """The folder of a run or study called `name`; an existing path stays as it is.

    Raises:
        UsageError: If the name could lead out of the folder of runs.
    """
    text = str(name)
    if os.sep in text or text.startswith("."):
        return expanded(text).resolve()
    if not NAME.fullmatch(text):
        raise UsageError(
            f"A run's name must begin with a letter or digit and hold only letters, digits and . _ + - "
            f"(at most 80), got {text!r}."
        )
    return (root or runs_root()) / text


@contextmanager
def only_writer(folder: Path, patience: float = 0.0) -> Iterator[None]:
    """Hold a folder for writing; released when the process ends, however it ends.

    Args:
        patience: Seconds to wait for another process.

    Raises:
        RunBusy: If another process holds it.
    """
    folder.mkdir(parents=True, exist_ok=True)
    give_up = time.monotonic() + patience
    with (folder / ".lock").open("a+") as lock:
        while not try_lock(lock):
            if time.monotonic() > give_up:
                raise RunBusy(f"Another process is writing into {folder}. Wait for it, or stop it.")
            time.sleep(0.2)
        yield


class Run:
    """A run's folder; make one with `Run.create`, `Run.open`."""

    def __init__(self, folder: Path, config: dict):
        self.folder = folder
        self.config = config

    @classmethod
    def create(cls, folder: str | Path, config: dict) -> "Run":
        """The run in this folder, new or continued.

        Raises:
            UsageError: If the folder holds a run of another configuration; nothing is overwritten.
        """
        folder = Path(folder)
        path = folder / "config.json"
        if path.exists():
            run = cls.open(folder)
            changed = differences(run.config, config)
            if changed:
                shown = "; ".join(f"{key}: {old!r} there, {new!r} asked for" for key, old, new in changed[:5])
                raise UsageError(
                    f"{folder} holds a run of another configuration ({shown}). "
                    "Nothing there was changed. Choose another name for the new run."
                )
            return run
        folder.mkdir(parents=True, exist_ok=True)
        write_json(path, config)
        return cls(folder, json.loads(path.read_text(encoding="utf-8")))

    @classmethod
    def open(cls, folder: str | Path) -> "Run":
        """An existing run.

        Raises:
            UsageError: If there is none.
        """
        path = Path(folder) / "config.json"
        if not path.exists():
            raise UsageError(f"There is no run in {folder}: config.json is missing.")
        run = cls(Path(folder), read_json(path))
        run._remove_leftovers()
        return run

    @property
    def name(self) -> str:
        """The folder's own name."""
        return self.folder.name

    def step_folder(self, step: int) -> Path:
        """Where a step's files are."""
        return self.folder / "steps" / str(step)

    def is_done(self, step: int) -> bool:
        """Whether a step is finished: its weights are there, and its metrics, which are written last."""
        return all((self.step_folder(step) / name).exists() for name in ("model.safetensors", "metrics.json"))

    def steps_done(self) -> int:
        """Number of finished steps, from the base step on."""
        step = 0
        while self.is_done(step):
            step += 1
        return step

    def save_step(self, step: int, model: Segmenter, confusion: np.ndarray, metrics: dict, state: StepState) -> None:
        """Write a finished step; its metrics last."""
        folder = self.step_folder(step)
        folder.mkdir(parents=True, exist_ok=True)
        tensors = {f"model.{name}": tensor for name, tensor in model.state_dict().items()}
        tensors |= {f"fitted.{name}": tensor for name, tensor in state.tensors().items()}
        digest = save_tensors(folder / "model.safetensors", tensors, {"segmenter": model.spec})
        write_json(folder / "manifest.json", {"model.safetensors": digest, "segmenter": model.spec})
        with replacing(folder / "confusion.npy") as temporary, temporary.open("wb") as file:
            np.save(file, confusion)
        write_json(folder / "metrics.json", metrics)
        for left in UNTIL_DONE:
            (folder / left).unlink(missing_ok=True)

    def load_model(self, step: int) -> Segmenter:
        """The segmenter after a step, in evaluation mode.

        Raises:
            UsageError: If the step is not finished.
            CheckpointError: If its weights are damaged.
        """
        if not self.is_done(step):
            done = self.steps_done()
            raise UsageError(
                f"Step {step} of {self.folder} is not finished; finished are {done} step(s), counted from 0. "
                f"Train it first (notebook 07, or satkit study)."
            )
        tensors, header = load_tensors(self.step_folder(step) / "model.safetensors")
        model = build_segmenter(**header["segmenter"])
        weights = {k.removeprefix("model."): v for k, v in tensors.items() if k.startswith("model.")}
        model.load_state_dict(weights)
        return model.eval()

    def load_state(self, step: int) -> StepState:
        """What a finished step has measured and remembers."""
        tensors, _ = load_tensors(self.step_folder(step) / "model.safetensors")
        kept = {k.removeprefix("fitted."): v for k, v in tensors.items() if k.startswith("fitted.")}
        return StepState.from_tensors(kept)

    def load_confusion(self, step: int) -> np.ndarray:
        """The confusion matrix after a step, `[truth, predicted]`, over all test images."""
        stored = self.load_evaluation(step)
        return stored.sum(axis=0) if stored.ndim == 3 else stored

    def load_evaluation(self, step: int) -> np.ndarray:
        """What was stored after a step: the confusion matrix, or one for each place where places arrive."""
        return np.load(self.step_folder(step) / "confusion.npy", allow_pickle=False)

    def confusions(self) -> list[np.ndarray]:
        """The confusion matrices of all finished steps."""
        return [self.load_confusion(step) for step in range(self.steps_done())]

    def adopt_base(self, base: "Run", state: StepState) -> None:
        """Take over the finished base step of another run, weights checked, with what the run needs of its state."""
        if self.is_done(0):
            return
        model = base.load_model(0)
        self.write_history(0, base.history(0))
        self.save_step(0, model, base.load_evaluation(0), read_json(base.step_folder(0) / "metrics.json"), state)

    def save_checkpoint(self, step: int, snapshot: dict[str, Tensor]) -> None:
        """Write the state to resume a step from."""
        folder = self.step_folder(step)
        folder.mkdir(parents=True, exist_ok=True)
        save_tensors(folder / "checkpoint.safetensors", snapshot, {"step": step})

    def load_checkpoint(self, step: int) -> dict[str, Tensor] | None:
        """The state to resume a step from, or None if there is none.

        Raises:
            CheckpointError: If it is damaged.
        """
        path = self.step_folder(step) / "checkpoint.safetensors"
        return load_tensors(path)[0] if path.exists() else None

    def history(self, step: int | None = None) -> list[dict[str, float]]:
        """Logged iterations, of one step or of all."""
        path = self.folder / "history.csv"
        if not path.exists():
            return []
        rows = [row for row in read_csv(path, default=float | None) if step is None or row["step"] == step]
        return [{key: value for key, value in row.items() if value is not None} for row in rows]

    def table(self, step: int) -> dict[str, list[float]]:
        """Logged iterations of a step by column, without the columns that it does not have."""
        rows = self.history(step)
        return {key: [row[key] for row in rows] for key in rows[0]} if rows else {}

    def write_history(self, step: int, rows: list[dict[str, float]]) -> None:
        """Replace the logged iterations of one step."""
        everything = [row for row in self.history() if row["step"] != step] + rows
        everything.sort(key=lambda row: (row["step"], row["iteration"]))
        columns = dict.fromkeys(["step", "iteration", "lr", "total", *(key for row in everything for key in row)])
        write_csv(self.folder / "history.csv", everything, list(columns), digits=8, ends="\r\n")

    def finish(self, result: dict) -> dict:
        """Write result.json, the last file of a run."""
        write_json(self.folder / "result.json", result)
        return read_json(self.folder / "result.json")

    def result(self) -> dict | None:
        """What `finish` wrote, or None while the run is not finished."""
        path = self.folder / "result.json"
        return read_json(path) if path.exists() else None

    @contextmanager
    def writing(self, patience: float = 15.0) -> Iterator[None]:
        """Hold the run for writing; released when the process ends, however it ends.

        Args:
            patience: Seconds to wait for another process, such as a kernel that is about to end.

        Raises:
            RunBusy: If another process holds it.
        """
        with only_writer(self.folder, patience):
            yield

    def _remove_leftovers(self) -> None:
        """Remove what a killed process left half written or no longer needed, unless a process is writing now."""
        leftovers = list(self.folder.rglob("*.tmp-*"))
        done = [self.step_folder(step) for step in range(self.steps_done())]
        leftovers += [folder / name for folder in done for name in UNTIL_DONE if (folder / name).exists()]
        if leftovers:
            with (self.folder / ".lock").open("a+") as lock:
                if try_lock(lock):
                    for path in leftovers:
                        path.unlink(missing_ok=True)


def differences(there: dict, asked: dict, prefix: str = "") -> list[tuple[str, object, object]]:
    """Settings in which two configurations differ: (name, there, asked for)."""
    asked = json.loads(json.dumps(asked))
    found = []
    for key in sorted({*there, *asked}):
        if not prefix and key in RECORDED_ONLY:
            continue
        old, new = _keyed(there.get(key), asked.get(key))
        if isinstance(old, dict) and isinstance(new, dict):
            found += differences(old, new, f"{prefix}{key}.")
        elif old != new:
            found.append((f"{prefix}{key}", old, new))
    return found


def _keyed(old, new) -> tuple:
    """Lists of equally many parts become dicts by place, so that a difference names the part."""
    lists = isinstance(old, list) and isinstance(new, list) and len(old) == len(new)
    if lists and old and all(isinstance(part, dict) for part in (*old, *new)):
        return tuple({str(place): part for place, part in enumerate(parts)} for parts in (old, new))
    return old, new
