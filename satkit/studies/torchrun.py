"""The runs of a study trained by several processes before its notebooks run: `satkit train` under torchrun."""

import os
import subprocess

from satkit.experiments.study_folder import StudyFolder
from satkit.studies.study import prepare, show
from satkit.utils.assets import python_command, source_path
from satkit.utils.errors import UsageError


class TrainingFailed(RuntimeError):
    """A training by several processes did not come to its end."""

    exit_code = 1


def train_by_several(study: StudyFolder, strategies: tuple[str, ...], number: int) -> None:
    """Train what a study lacks, so that its notebooks find every step finished, and only evaluate and draw.

    Args:
        number: Processes of this machine; 1 leaves the training to the notebooks.

    Raises:
        UsageError: For less than one process, or as `prepare`.
        TrainingFailed: If a training ends early; what is finished is kept.
    """
    if number < 1:
        raise UsageError(f"--nproc must be 1 or more processes, got {number}.")
    if number == 1:
        return
    for strategy, plan in prepare(study, strategies).items():
        if study.experiment(strategy).run.result() is not None:
            continue
        process = started(study, strategy, number)
        try:
            code = process.wait()
        finally:
            if process.poll() is None:  # it has a session of its own, so that it is told once to save a checkpoint
                process.terminate()
                process.wait()
        if code:
            raise TrainingFailed(
                f"The training of {plan.strategy.name} by {number} processes did not end well; the reason stands "
                "above. What was finished is kept; run the same command again to go on."
            )
    show("Every strategy is trained. The notebooks follow.")


def started(study: StudyFolder, strategy: str, number: int) -> subprocess.Popen:
    """The process of torchrun, which starts the others; each has its share of the cores."""
    threads = str(max(1, (os.cpu_count() or 1) // number))
    own = {"OMP_NUM_THREADS": threads, "MKL_NUM_THREADS": threads, "PYTHONSAFEPATH": "1"}
    words = python_command("-m", "torch.distributed.run", "--standalone", "--nproc-per-node", str(number))
    words += ["-m", "satkit", "train", "--study", str(study.folder), "--strategy", strategy]
    environment = {**os.environ, **source_path(os.environ), **own}
    return subprocess.Popen(words, env=environment, start_new_session=True)
