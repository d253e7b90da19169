"""Every file of a run read and compared with what was written, without changing any."""

from collections.abc import Callable
from pathlib import Path

from satkit.experiments.in_progress import load_in_progress
from satkit.experiments.manifest import HISTORY, MADE_AGAIN
from satkit.experiments.run_folder import UNTIL_DONE, Run
from satkit.experiments.step_history import read_history
from satkit.utils.files import DamagedFile


class Findings:
    """What a check has found.

    Attributes:
        sound: Number of files that are what was written.
        problems: One sentence for each that is not.
    """

    def __init__(self):
        self.sound, self.problems = 0, []

    def check(self, read: Callable[[], object]) -> object:
        """What `read` gives; None where it finds a damaged file, which is noted."""
        try:
            found = read()
        except DamagedFile as error:
            self.problems.append(str(error))
            return None
        self.sound += 1
        return found


def verify_run(folder: Path, findings: Findings) -> None:
    """Check every file of a run."""
    run = findings.check(lambda: Run.open(folder))
    if run is None:
        return
    for step in run.steps_begun():
        if run.is_done(step):
            _verify_step(run, step, findings)
        else:
            for name in UNTIL_DONE:
                if (run.step_folder(step) / name).exists():
                    findings.check(lambda step=step, name=name: load_in_progress(run, step, name))
    if (folder / HISTORY).exists():
        findings.check(lambda: _compare_history(run))
    if (folder / "result.json").exists():
        findings.check(run.result)


def _verify_step(run: Run, step: int, findings: Findings) -> None:
    manifest = findings.check(lambda: run.manifest(step))
    for name in manifest.files if manifest else ():
        findings.check(lambda name=name: manifest.check(run.step_folder(step), name))


def _compare_history(run: Run) -> None:
    """Raise if the copy of the histories is not that of the finished steps; those of others may be ahead of it."""
    path, copy = run.folder / HISTORY, read_history(run.folder / HISTORY, MADE_AGAIN)
    for step in filter(run.is_done, run.steps_begun()):
        try:
            rows = run.history(step)
        except DamagedFile:  # which is noted for itself
            continue
        if [row for row in copy if row.get("step") == step] != rows:
            raise DamagedFile(path, f"is damaged: its rows of step {step} are not those of the step", MADE_AGAIN)
