"""All files of the studies in a folder checked: `satkit runs --verify`."""

from pathlib import Path

from satkit.experiments.study_folder import FILE, STUDY_AGAIN
from satkit.experiments.verification import Findings, verify_run
from satkit.studies.overview import study_folders
from satkit.studies.run_rows import sweep_folders
from satkit.studies.saved_figures import read_figure
from satkit.utils.progress import QUIET_SECONDS, Progress
from satkit.utils.saying import saying
from satkit.utils.sealed_json import read_sealed

SEALED = (FILE, "result.json", "seconds.json")


def verify(root: str | Path) -> tuple[str, bool]:
    """What is damaged in the studies of a folder, as text, and whether everything is sound.

    Args:
        root: A folder of studies and sweeps, or one of them.
    """
    inside = [study for sweep in sweep_folders(root) if sweep != Path(root) for study in study_folders(sweep)]
    folders = [*study_folders(root), *inside]
    if not folders:
        return f"No runs in {root}.", True
    lines, sound = [], True
    for folder in folders:
        with saying(f"Checking every file of {folder.name} ..."):
            findings = verify_study(folder)
        sound &= not findings.problems
        count = len(findings.problems)
        state = "sound" if not count else f"{count} problem{'s' if count > 1 else ''}"
        lines += [f"{folder.name}: {findings.sound} files sound" if not count else f"{folder.name}: {state}"]
        lines += [f"    {problem}" for problem in findings.problems]
    return "\n".join(lines), sound


def verify_study(folder: Path) -> Findings:
    """Check every file of a study."""
    findings = Findings()
    for name in SEALED:
        if (folder / name).exists():
            findings.check(lambda name=name: read_sealed(folder / name, STUDY_AGAIN))
    for path in sorted((folder / "figures").glob("*.json")):
        findings.check(lambda path=path: read_figure(path))
    configs = sorted(folder.glob("*/config.json"))
    with Progress(len(configs), f"{folder.name}, runs checked", quiet=QUIET_SECONDS, unit="run") as progress:
        for number, config in enumerate(configs):
            progress.update(number)
            verify_run(config.parent, findings)
        progress.update(len(configs))
    return findings
