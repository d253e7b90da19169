"""A reference study carried out by several processes of this machine."""

import os
import subprocess
import sys
import time

from satkit.studies.attention_study import ReferenceFailed, ReferenceStudy
from satkit.utils.assets import python_command, source_path
from satkit.utils.progress import format_seconds
from satkit.utils.saying import saying


def work_in_processes(study: ReferenceStudy, jobs: int = 0, seconds: float = 5.0) -> None:
    """Work on a study in several processes, each with its share of the cores, until every row is there.

    One thread per process is used best by models as small as these. Interrupted, the processes keep a checkpoint.

    Args:
        jobs: Processes; 0 for one per core.
        seconds: Between two looks at how far it is.

    Raises:
        ReferenceFailed: If a process fails; what is finished is kept.
    """
    with saying("Looking which runs are missing ..."):
        missing = study.missing()
    if not missing:
        return
    processes = start(study, jobs or os.cpu_count() or 1)
    try:
        watch(study, processes, seconds)
    finally:
        for process in processes:
            if process.poll() is None:
                process.terminate()
        codes = [process.wait() for process in processes]
    if any(codes):
        raise ReferenceFailed(
            f"The processes of the reference study ended with the exit codes {codes}, the reason stands above. What is "
            "finished is kept; run the same command again to go on."
        )


def start(study: ReferenceStudy, jobs: int) -> list[subprocess.Popen]:
    """Processes that work on a study.

    Each has a session of its own: what a terminal sends is for the process that watches, which passes it on once. A
    second signal would cut off the checkpoint that the first one asks for.
    """
    threads = str(max(1, (os.cpu_count() or 1) // jobs))
    environment = {**os.environ, **source_path(os.environ), "OMP_NUM_THREADS": threads, "MKL_NUM_THREADS": threads}
    command = python_command("-m", "satkit", "reference", "--worker", "--out", str(study.folder))
    command += ["--data", study.settings.data, "--root", study.settings.root, "--worlds", ",".join(study.chosen_worlds)]
    command += ["--seeds", ",".join(map(str, study.seeds)), "--strategies", ",".join(study.strategies)]
    return [subprocess.Popen(command, env=environment, start_new_session=True) for _ in range(jobs)]


def watch(study: ReferenceStudy, processes: list[subprocess.Popen], seconds: float) -> None:
    """Say how far a study is whenever a run is finished, until no process is left."""
    total, began, before, shown = len(study.entries()), time.monotonic(), len(study.missing()), None
    while any(process.poll() is None for process in processes):
        time.sleep(seconds)
        left = len(study.missing())
        if left != shown:
            done = before - left
            spent = time.monotonic() - began
            guess = f"about {format_seconds(spent / done * left)} left" if done else "no estimate yet"
            print(f"{total - left} of {total} runs, {guess}", file=sys.stderr, flush=True)
            shown = left
