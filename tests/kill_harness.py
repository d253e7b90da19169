"""Trainings in processes that are killed at random moments, on a disk that writes slowly.

A server process imports everything once; each attempt is a fork of it. A file is written in pieces with pauses between
them, so a kill inside a write is likely, and it is asked for in a quarter of the kills.
"""

import contextlib
import functools
import multiprocessing
import os
import random
import signal
import time
from dataclasses import replace
from pathlib import Path

import torch
from tiny import TINY
from tiny_studies import learn

from satkit.experiments import checkpoints
from satkit.experiments.presets import PRESETS
from satkit.experiments.settings import Settings
from satkit.experiments.verification import Findings, verify_run
from satkit.utils import files

RECIPES = ("sats", "ewc", "ewf", "ssul", "dkd", "sats+memory=8")
SETTINGS = Settings(preset="killed", task="10-5")
PRESET = replace(TINY, name="killed", task="10-5")
PIECES, PAUSE = 8, 0.002  # of a file, and seconds between them
PAUSE_IN_PLACE = 0.02  # so that a kill lies inside a write for certain


def undisturbed(folder, recipe):
    """The runs of a training that nobody kills, the base first."""
    process = _start(folder, recipe, atomic=True)
    process.join()
    assert process.exitcode == 0
    return runs(folder, recipe)


def killed(folder, recipe, kills, seed, atomic=True):
    """Train, be killed `kills` times, and go on after each; then to the end.

    Args:
        atomic: Write files as satkit does; otherwise in place, as most programs do.

    Returns:
        What was found damaged after a kill, how many kills there were before the end, and how many inside a write.
    """
    chance, damaged, done, inside = random.Random(seed), [], 0, 0
    for number in range(kills):
        process = _start(folder, recipe, atomic)
        in_a_write = number % 4 == 0 or not atomic
        _wait(process, chance, Path(folder), in_a_write)
        if process.is_alive():
            done, inside = done + 1, inside + any(Path(folder).rglob("*.tmp-*"))
            os.kill(process.pid, signal.SIGKILL)
        process.join()
        damaged += problems(folder)
        if damaged and not atomic:
            return damaged, done, inside
    process = _start(folder, recipe, atomic)
    process.join()
    assert process.exitcode == 0, process.exitcode
    return damaged, done, inside


def problems(folder):
    """What `satkit runs --verify` would say of the runs in a folder."""
    findings = Findings()
    for config in sorted(Path(folder).glob("*/config.json")):
        verify_run(config.parent, findings)
    return findings.problems


def leftovers(folder):
    """Files that a finished study does not keep."""
    patterns = ("*.tmp-*", "checkpoint*", "best*")
    return [path for pattern in patterns for path in Path(folder).rglob(pattern)]


def runs(folder, recipe):
    """The runs of a finished training."""
    PRESETS["scenes"]["killed"] = PRESET
    try:
        return learn(folder, strategies=(recipe,), settings=SETTINGS)
    finally:
        del PRESETS["scenes"]["killed"]


def _start(folder, recipe, atomic):
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["kill_harness"])
    process = context.Process(target=_train, args=(str(folder), recipe, atomic))
    process.start()
    return process


def _train(folder, recipe, atomic):
    torch.set_num_threads(1)
    os.environ["SATKIT_CACHE"] = os.environ.get("SATKIT_CACHE", folder)
    PRESETS["scenes"]["killed"] = PRESET
    checkpoints.CHECKPOINT_SECONDS = -1.0  # at every iteration
    Path.write_bytes = functools.partialmethod(_write_slowly, PAUSE if atomic else PAUSE_IN_PLACE)
    if not atomic:
        files.replacing = _in_place
    learn(folder, strategies=(recipe,), settings=SETTINGS)


def _write_slowly(path, pause, data):
    piece = max(1, -(-len(data) // PIECES))
    with open(path, "wb", buffering=0) as file:
        for start in range(0, len(data), piece):
            file.write(data[start : start + piece])
            time.sleep(pause)


@contextlib.contextmanager
def _in_place(path):
    yield Path(path)


def _wait(process, chance, folder, in_a_write):
    """Until the moment of the kill: after some files were written and a little more, or inside the next write."""
    left, seen = chance.randint(0, 4), _written(folder)
    while process.is_alive() and left:
        now = _written(folder)
        left, seen = left - (now != seen), now
    time.sleep(chance.uniform(0.0, 0.05))
    seen, end = _written(folder), time.monotonic() + 2.0
    while in_a_write and process.is_alive() and time.monotonic() < end:
        if any(folder.rglob("*.tmp-*")) or _written(folder) != seen:
            return


def _written(folder):
    """When the files of weights in a folder were written, by path."""
    found = {}
    for path in folder.rglob("*.safetensors"):
        with contextlib.suppress(FileNotFoundError):  # renamed meanwhile
            found[path] = path.stat().st_mtime_ns
    return found
