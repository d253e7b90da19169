"""Trainings in processes that are stopped at random iterations by a signal from outside, as a user or a system does it.

A process speaks after every iteration. The signal is sent some moments after an iteration that was drawn, so it arrives
anywhere in the next one, in the evaluation after it, or in a write.
"""

import multiprocessing
import os
import random
import signal
import time

import torch
from kill_harness import PRESET, SETTINGS
from tiny_studies import learn

from satkit.cli.parser import guarded
from satkit.experiments import checkpoints
from satkit.experiments.experiment import Experiment
from satkit.experiments.presets import PRESETS
from satkit.experiments.study_folder import StudyFolder
from satkit.utils import snapshots

RECIPE = "sats"
CODES = {signal.SIGKILL: -signal.SIGKILL, signal.SIGTERM: 143, signal.SIGINT: 130}
ITERATIONS = PRESET.base.iterations + 2 * PRESET.later.iterations  # of the task's three steps
LATEST = 0.04  # seconds after the iteration that was drawn; about one iteration


def stopped(folder, number, workers, stops, seed, forgetful=False):
    """Train, be stopped `stops` times by a signal, and go on after each; then to the end.

    Args:
        number: The signal.
        workers: Threads that prepare batches.
        forgetful: Go on with another state of the random generator than that of the checkpoint.

    Returns:
        How many processes were ended by the signal; those that were faster than it do not count.
    """
    chance, done = random.Random(seed), 0
    for _ in range(stops):
        done += _one(folder, number, workers, forgetful, chance) == CODES[number]
    assert _one(folder, None, workers, forgetful, chance) == 0
    return done


def undisturbed(folder):
    """The runs of a training that nobody stops, without workers."""
    assert _one(folder, None, 0, False, random.Random(0)) == 0
    return runs(folder)


def runs(folder):
    """The runs of a finished training."""
    PRESETS["scenes"]["killed"] = PRESET
    try:
        return learn(folder, strategies=(RECIPE,), settings=SETTINGS)
    finally:
        del PRESETS["scenes"]["killed"]


def _one(folder, number, workers, forgetful, chance):
    """Start or go on with a training, and stop it if a signal is given; the exit code of its process."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["stop_harness"])
    heard, says = context.Pipe(duplex=False)
    process = context.Process(target=_train, args=(str(folder), number, workers, forgetful, says))
    process.start()
    says.close()
    left = chance.randint(1, ITERATIONS // 2) if number else 0
    while left and _hears(heard):
        left -= 1
    if number and not left:
        time.sleep(chance.uniform(0.0, LATEST))
        if process.is_alive():
            os.kill(process.pid, number)
    while _hears(heard):
        pass
    process.join()
    return process.exitcode


def _hears(pipe):
    try:
        pipe.recv_bytes()
    except EOFError:
        return False
    return True


def _train(folder, number, workers, forgetful, says):
    torch.set_num_threads(1)
    signal.signal(signal.SIGINT, signal.default_int_handler)  # which a process in the background may ignore
    os.environ["SATKIT_CACHE"] = os.environ.get("SATKIT_CACHE", folder)
    PRESETS["scenes"]["killed"] = PRESET
    Experiment.workers = workers
    if number == signal.SIGKILL:
        checkpoints.CHECKPOINT_SECONDS = -1.0  # at every iteration; the other signals write one of their own
    if forgetful:
        snapshots.restore_random_state = lambda state: None

    def report(total, label):
        return lambda iteration: says.send_bytes(b".")

    def work():
        study = StudyFolder(folder, SETTINGS)
        study.train_base(report=report)
        study.trained(RECIPE, report=report)
        return 0

    os._exit(guarded(work))  # without what a process of multiprocessing says about an exit
