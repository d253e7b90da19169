"""A training by the processes of torchrun, and by one: a script that torchrun starts, and what starts it.

Every process trains the strategies that are named, one after the other, with a preset of a few iterations.
"""

import json
import os
import signal
import subprocess
import sys
from contextlib import redirect_stdout
from dataclasses import replace
from pathlib import Path

import torch

ROOT, TESTS = Path(__file__).parents[1], Path(__file__).parent
SGD = dict(lr=1e-2, optimiser="sgd", schedule="poly", weight_decay=1e-4, clip=1.0)
STEPS = {"sgd": SGD, "adamw": dict(lr=1e-3, clip=1.0)}


def started(folder, strategies, count, **options):
    """The process of torchrun, or of one training, that writes into a folder; see `main` for the options."""
    words = [str(TESTS / "several.py"), json.dumps({"folder": str(folder), "strategies": strategies, **options})]
    several = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", str(count)] if count > 1 else []
    path = os.pathsep.join([str(ROOT), str(TESTS)])
    environment = {**os.environ, "PYTHONPATH": path, "OMP_NUM_THREADS": "1"}
    pipes = dict(stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    return subprocess.Popen([sys.executable, *several, *words], env=environment, **pipes)


def ended(process):
    """Exit code and error stream of a process, once it has ended."""
    try:
        _, said = process.communicate(timeout=600)
    finally:
        process.terminate()
    return process.returncode, said


def preset(optimiser="sgd", iterations=20, batch=4, **_):
    """The smallest preset."""
    from tiny import TINY

    from satkit.training import Schedule

    schedule = Schedule(iterations, batch_size=batch, **STEPS[optimiser])
    return replace(TINY, base=schedule, later=schedule)


def main(folder, strategies, fault="", at=0, given=None, only=None, **options):
    """Train in all processes of torchrun that there are.

    Args:
        fault: What goes wrong in process 1, a key of `FAULTS`.
        at: In which iteration of which step it does.
        given: Further settings.
        only: The process that has them; None for all.
    """
    from satkit.experiments import checkpoints
    from satkit.experiments.presets import PRESETS
    from satkit.studies.train import train_together
    from satkit.utils import processes
    from satkit.utils.launched import rank

    torch.set_num_threads(1)
    checkpoints.CHECKPOINT_SECONDS = -1.0  # at every iteration
    PRESETS["scenes"]["tiny"] = preset(**options)
    if fault and rank() == 1:
        plant(FAULTS[fault], at)
    settings = {"preset": "tiny", **((given or {}) if only in (None, rank()) else {})}
    with processes.joined(), redirect_stdout(sys.stderr):
        for strategy in strategies:
            train_together(folder, settings, strategy)
    return 0


def plant(fault, at):
    """Let something go wrong when the batch of an iteration (step, number) is made."""
    from satkit.data.batches import BatchStream

    make = BatchStream.batch

    def batch(stream, number):
        made = make(stream, number)
        return fault(*made) if [stream.step_index, number] == at else made

    BatchStream.batch = batch


def fails(images, labels):
    raise RuntimeError("This was planted in process 1.")


FAULTS = {
    "an exception": fails,
    "undefined images": lambda images, labels: (images * float("nan"), labels),
    "a kill": lambda images, labels: os.kill(os.getpid(), signal.SIGKILL),
    "a signal": lambda images, labels: (os.kill(os.getpid(), signal.SIGTERM), (images, labels))[1],
}


if __name__ == "__main__":
    from satkit.cli.parser import guarded

    sys.exit(guarded(lambda: main(**json.loads(sys.argv[1]))))
