"""A training by the processes of torchrun, and by one: a script that torchrun starts, and what starts it.

Every process trains the strategies that are named, one after the other, with a preset of a few iterations.
"""

import json
import os
import subprocess
import sys
from contextlib import redirect_stdout
from dataclasses import replace
from pathlib import Path

import torch

ROOT, TESTS = Path(__file__).parents[1], Path(__file__).parent
STEPS = {"sgd": dict(lr=1e-2, optimiser="sgd", schedule="poly", weight_decay=1e-4), "adamw": dict(lr=1e-3, clip=1.0)}


def started(folder, strategies, count, **options):
    """The process of torchrun, or of one training, that writes into a folder; see `main` for the options."""
    words = [str(TESTS / "several.py"), json.dumps({"folder": str(folder), "strategies": strategies, **options})]
    several = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", str(count)] if count > 1 else []
    path = os.pathsep.join([str(ROOT), str(TESTS)])
    environment = {**os.environ, "PYTHONPATH": path, "OMP_NUM_THREADS": "1"}
    pipes = dict(stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    return subprocess.Popen([sys.executable, *several, *words], env=environment, **pipes)


def preset(optimiser="sgd", iterations=20, batch=4, **more):
    """The smallest preset."""
    from tiny import TINY

    from satkit.training import Schedule

    base, later = (Schedule(iterations, batch_size=batch, **STEPS[optimiser], **each) for each in ({}, more))
    return replace(TINY, base=base, later=later)


def main(folder, strategies, **options):
    """Train in all processes of torchrun that there are."""
    from satkit.experiments.presets import PRESETS
    from satkit.studies.train import train_together
    from satkit.utils import processes

    torch.set_num_threads(1)
    PRESETS["scenes"]["tiny"] = preset(**options)
    with processes.joined(), redirect_stdout(sys.stderr):
        for strategy in strategies:
            train_together(folder, {"preset": "tiny"}, strategy)
    return 0


if __name__ == "__main__":
    from satkit.cli.parser import guarded

    sys.exit(guarded(lambda: main(**json.loads(sys.argv[1]))))
