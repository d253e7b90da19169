"""The records of a whole study, for the tracker that was asked for: those of its runs, and one with its figures.

Runs are recorded while they are trained. Here they are recorded once more, from their files, so that a study that was
trained without a tracker can be recorded afterwards: `satkit study` with --track trains nothing again.
"""

from contextlib import closing
from pathlib import Path

from satkit.experiments.run_folder import Run
from satkit.experiments.run_record import write_record
from satkit.experiments.trackers.choice import chosen, opened
from satkit.studies.saved_figures import kept_figures
from satkit.utils.saying import saying


def record_study(folder: Path, settings: dict) -> None:
    """Record every run of a study and its figures; nothing if no tracker was asked for.

    Args:
        settings: Of the study, as its result has them.
    """
    if not chosen():
        return
    with saying(f"Writing the records for {chosen()} ..."):
        for config in sorted(folder.glob("*/config.json")):
            run = Run.open(config.parent)
            with run.writing():
                write_record(run)
        _record_figures(folder / "figures", settings)


def _record_figures(folder: Path, settings: dict) -> None:
    """Record the figures of a study as a run of their own, which is called figures."""
    figures = kept_figures(folder) if folder.exists() else []
    if figures:
        with closing(opened(folder)) as tracker:
            tracker.config(settings)
            for _, picture in figures:
                tracker.figure(picture.stem, picture)
