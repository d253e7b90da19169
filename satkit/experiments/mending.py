"""Damaged files of a run that follow from sound ones are made again, and that is said.

Weights are made by training alone and are refused where they are damaged. Everything else follows from them: the
confusion matrix by evaluating again, scores and result from the matrices, and a step's history from the copy in the
run's `history.csv`. Curves that are lost on both places are left out; no result depends on them.
"""

import warnings
from collections.abc import Callable

import numpy as np

from satkit.experiments.manifest import CONFUSION, HISTORY, METRICS
from satkit.experiments.run_folder import Run
from satkit.experiments.step_history import read_history, write_history
from satkit.utils.files import DamagedFile

Scores = Callable[[np.ndarray], dict]


def mend_steps(run: Run, evaluate: Callable[[int], np.ndarray], scores: Scores) -> None:
    """Make damaged files of all finished steps again.

    Args:
        evaluate: The confusion matrix of a finished step, from its weights.
        scores: Scores from a confusion matrix.

    Raises:
        DamagedFile: If a manifest is damaged, or the weights that a file follows from.
    """
    for step in range(run.steps_done()):
        damaged = run.manifest(step).damaged(run.step_folder(step))
        if CONFUSION in damaged or METRICS in damaged:
            measured = evaluate(step) if CONFUSION in damaged else run.load_evaluation(step)
            _say(run, step, CONFUSION if CONFUSION in damaged else METRICS)
            run.write_scores(step, measured, scores(measured))
            _seal_again(run, step)
        if HISTORY in damaged:
            _mend_history(run, step)


def _mend_history(run: Run, step: int) -> None:
    path = run.step_folder(step) / HISTORY
    try:
        write_history(path, [row for row in read_history(run.folder / HISTORY, "") if row["step"] == step])
        run.file(step, HISTORY)
    except (DamagedFile, FileNotFoundError, KeyError):
        path.unlink(missing_ok=True)
        warnings.warn(f"{path} was damaged, and so was its copy: the curves of step {step} are lost.", stacklevel=2)
        _seal_again(run, step)
    else:
        _say(run, step, HISTORY)


def _seal_again(run: Run, step: int) -> None:
    """A new manifest where a file is not what it was: another machine counts other pixels, curves are lost."""
    manifest = run.manifest(step)
    if manifest.damaged(run.step_folder(step)):
        run.seal_step(step, manifest.machine)


def _say(run: Run, step: int, what: str) -> None:
    warnings.warn(f"{what} of step {step} in {run.folder} was damaged and is made again.", stacklevel=3)
