"""A long training in a process of its own, watched and evaluated all the time: what it holds and what it leaves behind.

It trains a base step with the widget that draws its curves, and notes after each evaluation how much memory and how
many descriptors the process has. It goes on to its end, fails in the middle, is killed there, or leaks: the control.
"""

import asyncio
import multiprocessing
import os
import signal
import sys
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import torch
from tiny import SETTINGS, TINY

from satkit.experiments import checkpoints
from satkit.experiments.presets import PRESETS
from satkit.experiments.study_folder import StudyFolder
from satkit.widgets.training import TrainingWatch

KEPT = []  # what the control never lets go
LEAK = 40 * 2**20  # bytes at each evaluation


class Sample(NamedTuple):
    """What the process holds after an evaluation: bytes in memory, and open descriptors."""

    memory: int
    descriptors: int


def started(end, folder, iterations, every):
    """The process of a training with an evaluation every so many iterations.

    Args:
        end: "normal", "failed", "killed" or "leaking".
        folder: Gets the study, what is noted, and the temporary files of the process.
    """
    (folder / "temporary").mkdir(parents=True)
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["soak"])
    process = context.Process(target=_train, args=(end, folder, iterations, every))
    process.start()
    return process


def samples(folder):
    """What the process has noted."""
    lines = (folder / "samples").read_text().splitlines()
    return [Sample(*map(int, line.split())) for line in lines]


def left_behind(folder):
    """What lies in the folder for temporary files."""
    return [path.name for path in (folder / "temporary").iterdir()]


def more_descriptors(found):
    """How many descriptors more stay open in the last quarter of the time than in the second.

    The fewest in a quarter count, because a file may just be written while they are counted.
    """
    second, last = _quarters([sample.descriptors for sample in found])
    return min(last) - min(second)


def growth(found):
    """By which share the memory has grown from the second quarter of the time to the last, in the mean."""
    second, last = (sum(values) / len(values) for values in _quarters([sample.memory for sample in found]))
    return last / second - 1


def _quarters(values):
    count = len(values) // 4
    return values[count : 2 * count], values[-count:]


def _now():
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    open_files = [os.readlink(path) for path in Path("/proc/self/fd").iterdir() if path.is_symlink()]
    fonts = sum(name.endswith(".ttf") for name in open_files)  # matplotlib keeps those of each size that it has drawn
    return Sample(pages * os.sysconf("SC_PAGE_SIZE"), len(open_files) - fonts)


def _train(end, folder, iterations, every):
    os.environ |= {"TMPDIR": str(folder / "temporary"), "MPLBACKEND": "agg"}
    tempfile.tempdir = None
    torch.set_num_threads(1)
    checkpoints.CHECKPOINT_SECONDS = 0.5
    PRESETS["scenes"]["tiny"] = replace(TINY, base=replace(TINY.base, iterations=iterations))
    experiment = StudyFolder(folder / "study", SETTINGS).base()
    usual = experiment.confusion

    def confusion(*given):
        found = usual(*given)
        if len(KEPT) < iterations // every:  # those that follow the training hold its folder for writing
            with (folder / "samples").open("a") as file:
                file.write("{} {}\n".format(*_now()))
        KEPT.append(None)
        if end == "leaking":
            KEPT.append((bytearray(os.urandom(1) * LEAK), tempfile.mkstemp()))  # which leaves its file open
        if len(KEPT) > iterations // every // 2 and end == "killed":
            os.kill(os.getpid(), signal.SIGKILL)
        if len(KEPT) > iterations // every // 2 and end == "failed":
            raise RuntimeError("The training fails here.")
        return found

    experiment.confusion = confusion
    try:
        asyncio.run(TrainingWatch(experiment, 0, every=every).train())
    except RuntimeError:
        sys.exit(1)
