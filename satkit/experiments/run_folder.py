"""A run: one strategy on one scenario, as a folder of plain files.

    config.json       everything that decides the result, and where it was made
    history.csv       one row per logged iteration: step, iteration, lr, total and every term
    steps/<t>/        model.safetensors, confusion.npy, metrics.json, history.csv of the step, and manifest.json,
                      written last, with the hash of each and what they belong to
    notebooks/        executed notebooks
    figures/
    result.json       written last: success is the exit code and this file

Every file is whole or not there, and is checked when it is read: files of a step by its manifest, `config.json` and
`result.json` by a hash of their own. The run's `history.csv` is a copy of those of the steps, for people.
"""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from satkit.experiments.configuration import config_hash, differences
from satkit.experiments.manifest import (
    CONFUSION,
    HISTORY,
    MADE_AGAIN,
    METRICS,
    WEIGHTS,
    Manifest,
    Origin,
    read_manifest,
    train_again,
    write_manifest,
)
from satkit.experiments.step_history import Rows, read_history, write_history
from satkit.models import Segmenter, build_segmenter
from satkit.models.weight_files import check_weights
from satkit.strategies.step_state import StepState
from satkit.utils.errors import UsageError, shown
from satkit.utils.files import (
    DamagedFile,
    is_abandoned,
    load_tensors,
    read_json,
    replacing,
    save_tensors,
    try_lock,
    write_json,
)
from satkit.utils.json_form import must_hold
from satkit.utils.one_writer import only_writer
from satkit.utils.provenance import machine
from satkit.utils.sealed_json import read_sealed, write_sealed

CHECKPOINT, CHECKPOINT_BEFORE, BEST = "checkpoint.safetensors", "checkpoint-before.safetensors", "best.safetensors"
PATIENCE = 15.0  # seconds to wait for another process that writes, such as a kernel that is about to end
UNTIL_DONE = (CHECKPOINT, CHECKPOINT_BEFORE, BEST)  # files of a step that is not finished
SETTINGS_AGAIN = "Run the command that made the run again, with the same settings: it writes the file again."


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
        if not (folder / "config.json").exists():
            folder.mkdir(parents=True, exist_ok=True)
            write_sealed(folder / "config.json", config)
            return cls.open(folder)
        try:
            run = cls.open(folder)
        except DamagedFile as error:
            run = cls._with_its_settings_again(folder, config, error)
        changed = differences(run.config, config)
        if changed:
            listed = "; ".join(f"{key}: {shown(old)} there, {shown(new)} asked for" for key, old, new in changed[:5])
            raise UsageError(
                f"{folder} holds a run of another configuration ({listed}). "
                "Nothing there was changed. Choose another name for the new run."
            )
        return run

    @classmethod
    def open(cls, folder: str | Path) -> "Run":
        """An existing run.

        Raises:
            UsageError: If there is none.
            DamagedFile: If its settings cannot be read.
        """
        path = Path(folder) / "config.json"
        if not path.exists():
            raise UsageError(f"There is no run in {folder}: config.json is missing.")
        run = cls(Path(folder), read_sealed(path, SETTINGS_AGAIN))
        run._remove_leftovers()
        return run

    @classmethod
    def _with_its_settings_again(cls, folder: Path, config: dict, error: DamagedFile) -> "Run":
        """A run whose damaged config.json is written again, if its finished steps belong to these settings."""
        run = cls(folder, config)
        for step in run.steps_begun():
            if run.is_done(step):
                run.manifest(step)
        write_sealed(folder / "config.json", config)
        warnings.warn(f"{error} This was done now.", stacklevel=4)
        return cls.open(folder)

    @property
    def name(self) -> str:
        """The folder's own name."""
        return self.folder.name

    def step_folder(self, step: int) -> Path:
        """Where a step's files are."""
        return self.folder / "steps" / str(step)

    def is_done(self, step: int) -> bool:
        """Whether a step is finished: its manifest, which is written last, is there."""
        return (self.step_folder(step) / "manifest.json").exists()

    def steps_done(self) -> int:
        """Number of finished steps, from the base step on."""
        step = 0
        while self.is_done(step):
            step += 1
        return step

    def steps_begun(self) -> list[int]:
        """Indices of the steps that have a folder."""
        return sorted(int(path.name) for path in self.folder.glob("steps/*") if path.name.isdigit())

    def origin(self, step: int) -> Origin:
        """What the files of a step belong to."""
        strategy = self.config.get("strategy")
        name = strategy.get("name") if isinstance(strategy, dict) else None
        return Origin(step, str(name or ""), config_hash(self.config))

    def manifest(self, step: int) -> Manifest:
        """What a finished step consists of.

        Raises:
            UsageError: If the step is not finished.
            DamagedFile: If the manifest is damaged, or belongs to another run, another step, or another teacher.
        """
        if not self.is_done(step):
            done = self.steps_done()
            raise UsageError(
                f"Step {step} of {self.folder} is not finished; finished are {done} step(s), counted from 0. "
                f"Train it first (notebook 07, or satkit study)."
            )
        folder = self.step_folder(step)
        manifest = read_manifest(folder, self.origin(step))
        teacher = self._weights_before(step)
        if teacher and manifest.teacher and teacher != manifest.teacher:
            raise DamagedFile(
                folder, f"was trained from other weights of step {step - 1} than are there now", train_again(folder)
            )
        return manifest

    def file(self, step: int, name: str) -> Path:
        """The path of a file of a finished step, checked.

        Raises:
            UsageError: If the step is not finished.
            DamagedFile: If it is not the file that the step has written.
        """
        return self.manifest(step).check(self.step_folder(step), name)

    def save_step(
        self,
        step: int,
        model: Segmenter,
        confusion: np.ndarray,
        metrics: dict,
        state: StepState,
        made: dict | None = None,
    ) -> None:
        """Write a finished step; its manifest last.

        Args:
            made: Versions, threads and device that it was finished with; None: those of this process.
        """
        folder = self.step_folder(step)
        folder.mkdir(parents=True, exist_ok=True)
        tensors = {f"model.{name}": tensor for name, tensor in model.state_dict().items()}
        tensors |= {f"fitted.{name}": tensor for name, tensor in state.tensors().items()}
        save_tensors(folder / WEIGHTS, tensors, {"segmenter": model.spec})
        self.write_scores(step, confusion, metrics)
        self.seal_step(step, made or machine(next(model.parameters()).device))
        for left in UNTIL_DONE:
            (folder / left).unlink(missing_ok=True)

    def write_scores(self, step: int, confusion: np.ndarray, metrics: dict) -> None:
        """Write what was measured after a step."""
        with replacing(self.step_folder(step) / CONFUSION) as temporary, temporary.open("wb") as file:
            np.save(file, confusion)
        write_json(self.step_folder(step) / METRICS, metrics)

    def seal_step(self, step: int, made: dict) -> None:
        """Write the manifest of a step from the files that are there."""
        write_manifest(self.step_folder(step), self.origin(step), self._weights_before(step), made)

    def load_model(self, step: int) -> Segmenter:
        """The segmenter after a step, in evaluation mode.

        Raises:
            UsageError: If the step is not finished.
            DamagedFile: If its weights are damaged, or of another step or run.
        """
        path = self.file(step, WEIGHTS)
        tensors, header = load_tensors(path)
        weights = {k.removeprefix("model."): v for k, v in tensors.items() if k.startswith("model.")}
        must_hold(path, header, {"segmenter": {"backbone": str}})
        try:
            model = build_segmenter(**{**header["segmenter"], "pretrained": False})
        except TypeError as error:
            raise DamagedFile(path, f"holds no network of satkit ({error})", train_again(path.parent)) from error
        check_weights(weights, model.state_dict(), str(path))
        model.load_state_dict(weights)
        return model.eval()

    def load_state(self, step: int) -> StepState:
        """What a finished step has measured and remembers."""
        tensors, _ = load_tensors(self.file(step, WEIGHTS))
        kept = {k.removeprefix("fitted."): v for k, v in tensors.items() if k.startswith("fitted.")}
        return StepState.from_tensors(kept)

    def load_confusion(self, step: int) -> np.ndarray:
        """The confusion matrix after a step, `[truth, predicted]`, over all test images."""
        stored = self.load_evaluation(step)
        return stored.sum(axis=0) if stored.ndim == 3 else stored

    def load_evaluation(self, step: int) -> np.ndarray:
        """What was stored after a step: the confusion matrix, or one for each place where places arrive."""
        return np.load(self.file(step, CONFUSION), allow_pickle=False)

    def confusions(self) -> list[np.ndarray]:
        """The confusion matrices of all finished steps."""
        return [self.load_confusion(step) for step in range(self.steps_done())]

    def adopt_base(self, base: "Run", state: StepState) -> None:
        """Take over the finished base step of another run, weights checked, with what the run needs of its state."""
        if self.is_done(0):
            return
        model, evaluation, scores = base.load_model(0), base.load_evaluation(0), read_json(base.file(0, METRICS))
        self.write_history(0, base.history(0))
        self.save_step(0, model, evaluation, scores, state, base.manifest(0).machine)

    def history(self, step: int | None = None) -> Rows:
        """Logged iterations, of one step or of all.

        Raises:
            DamagedFile: If those of a finished step are not what it has written.
        """
        steps = self.steps_begun() if step is None else [step]
        return [row for each in steps for row in self._history_of(each)]

    def table(self, step: int) -> dict[str, list[float]]:
        """Logged iterations of a step by column, without the columns that it does not have."""
        rows = self.history(step)
        return {key: [row[key] for row in rows] for key in rows[0]} if rows else {}

    def write_history(self, step: int, rows: Rows) -> None:
        """Replace the logged iterations of one step, and the copy of all of them."""
        self.step_folder(step).mkdir(parents=True, exist_ok=True)
        write_history(self.step_folder(step) / HISTORY, rows)
        write_history(self.folder / HISTORY, self.history())

    def finish(self, result: dict) -> dict:
        """Write result.json, the last file of a run."""
        write_sealed(self.folder / "result.json", {**result, "config": config_hash(self.config)})
        return self.result()

    def result(self) -> dict | None:
        """What `finish` wrote, or None while the run is not finished.

        Raises:
            DamagedFile: If it is damaged, or of a run with another configuration.
        """
        path = self.folder / "result.json"
        if not path.exists():
            return None
        result = read_sealed(path, MADE_AGAIN)
        if result.pop("config", None) != config_hash(self.config):
            raise DamagedFile(path, "belongs to a run of another configuration", MADE_AGAIN)
        return result

    @contextmanager
    def writing(self, patience: float = PATIENCE) -> Iterator[None]:
        """Hold the run for writing; released when the process ends, however it ends.

        Args:
            patience: Seconds to wait for another process.

        Raises:
            RunBusy: If another process holds it.
        """
        with only_writer(self.folder, patience):
            yield

    def _history_of(self, step: int) -> Rows:
        path = self.step_folder(step) / HISTORY
        if self.is_done(step) and HISTORY in self.manifest(step).files:
            self.file(step, HISTORY)
        return read_history(path, MADE_AGAIN) if path.exists() else []

    def _weights_before(self, step: int) -> str | None:
        """Hash of the weights that a step starts from; None if there are none."""
        if step == 0 or not self.is_done(step - 1):
            return None
        return read_manifest(self.step_folder(step - 1), self.origin(step - 1)).files[WEIGHTS]

    def _remove_leftovers(self) -> None:
        """Remove what a killed process left half written or no longer needed, unless a process is writing now."""
        leftovers = [path for path in self.folder.rglob("*.tmp-*") if is_abandoned(path)]
        done = [self.step_folder(step) for step in range(self.steps_done())]
        leftovers += [folder / name for folder in done for name in UNTIL_DONE if (folder / name).exists()]
        if leftovers:
            with (self.folder / ".lock").open("a+") as lock:
                if try_lock(lock):
                    for path in leftovers:
                        path.unlink(missing_ok=True)
