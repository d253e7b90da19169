"""Processes that do the same at the same time: each is a fork of a server, and all wait for one another to begin."""

import contextlib
import io
import multiprocessing
import os
import time
import warnings
from pathlib import Path
from typing import NamedTuple

import torch
from study_files import RESULT
from tiny import SETTINGS, TINY_NOTEBOOKS

from satkit.cli.parser import guarded
from satkit.data import load_data
from satkit.data.datasets import drawn, scenes
from satkit.experiments import experiment as experiments
from satkit.experiments.presets import PRESETS
from satkit.experiments.study_folder import StudyFolder
from satkit.studies import study as studies
from satkit.studies.train import train

HALF_WRITTEN = 0.5  # seconds for which a file that is written in place is not whole


class Done(NamedTuple):
    """What a process has done.

    Attributes:
        result: What its function gave.
        said: Warnings and what it wrote to the error stream.
    """

    result: object
    said: str


def together(function, *arguments, processes=2, apart=0.0):
    """What so many processes give that call one of the functions below at the same time, or some seconds apart."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["together"])
    barrier, pipes, started = context.Barrier(processes), [], []
    for number in range(processes):
        heard, says = context.Pipe(duplex=False)
        started.append(context.Process(target=_call, args=(barrier, number * apart, says, function, arguments)))
        started[-1].start()
        says.close()
        pipes.append(heard)
    found = [heard.recv() for heard in pipes]
    for process in started:
        process.join()
    return found


def _call(barrier, pause, says, function, arguments):
    torch.set_num_threads(1)
    barrier.wait()
    time.sleep(pause)
    with warnings.catch_warnings(record=True) as heard, contextlib.redirect_stderr(io.StringIO()) as error:
        warnings.simplefilter("always")
        with contextlib.redirect_stdout(io.StringIO()):
            result = function(*arguments)
    says.send(Done(result, error.getvalue() + "".join(str(each.message) for each in heard)))


def fill_drawn(cache, whole=True):
    """Load small scenes through an empty cache; the fingerprint of what was read. whole: Files appear when whole."""
    os.environ["SATKIT_CACHE"] = str(cache)
    if not whole:
        drawn.replacing = _in_place
    return scenes.load(size=32, train_images=40, test_images=12).fingerprint


def fill_folder(cache, root):
    """The same with images of one's own."""
    os.environ["SATKIT_CACHE"] = str(cache)
    data = load_data("folder", root)
    return data.fingerprint, int(data.train.labels[0].sum()), data.test.names


def study(folder, alone=True):
    """The exit code of a study whose notebooks do nothing but wait for the other study to be refused.

    Args:
        alone: Whether a folder has one writer; without, the other study is not waited for for long.
    """
    PRESETS["scenes"]["tiny"] = TINY_NOTEBOOKS
    refused, patience = Path(f"{folder}-refused"), 30.0 if alone else 1.0

    def run_notebook(name, output, values, **_):
        end = time.monotonic() + patience
        while not refused.exists() and time.monotonic() < end:
            time.sleep(0.02)
        Path(output).parent.mkdir(exist_ok=True)
        Path(output).write_text("{}")

    studies.run_notebook, studies.warm_kernels = run_notebook, contextlib.nullcontext
    studies.collect, studies.write_report = lambda *_: RESULT, lambda folder: folder
    if not alone:
        studies.only_writer = contextlib.nullcontext
    code = guarded(lambda: studies.run_study(StudyFolder(folder, SETTINGS), ("sats",)) and 0)
    if code:
        refused.touch()
    return code


def training(folder):
    """The steps that this process itself has trained, of a strategy that both train in one study."""
    PRESETS["scenes"]["tiny"] = TINY_NOTEBOOKS
    learn, trained = experiments.train_step, []

    def train_step(started, *arguments, **options):
        trained.append(started.step.index)
        time.sleep(1.0)  # so that the other process finds it at work
        return learn(started, *arguments, **options)

    experiments.train_step = train_step
    train(str(folder), {"preset": "tiny"}, "sats")
    return trained


@contextlib.contextmanager
def _in_place(path):
    Path(path).write_bytes(b"")
    time.sleep(HALF_WRITTEN)
    yield Path(path)
