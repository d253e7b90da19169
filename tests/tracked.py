"""Trainings that a tracker records, and what the files of every tracker hold, read without satkit.

For wandb and trackio there are stand-ins with the same interface, so what satkit tells them is also tested where they
are not installed.
"""

import csv
import importlib.util
import itertools
import json
import multiprocessing
import os
import signal
import struct
import sys
import types
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
from tiny import SETTINGS, TINY
from tiny_studies import opened

from satkit.experiments import checkpoints
from satkit.experiments.presets import PRESETS
from satkit.experiments.trackers import trackio_run
from satkit.experiments.trackers.tracker import Place

BLOCK, HEAD = 32768, 7  # bytes of the log format that wandb writes
NEVER, ALWAYS = 3600.0, -1.0


def expected(run, ends=(0, 4, 8)):
    """The curves of a run by tag, from its history.csv and its scores: tag -> [(iteration, value), ...]."""
    found = {}
    with (run.folder / "history.csv").open(newline="") as file:
        for row in csv.DictReader(file):
            step = int(row.pop("step"))
            iteration = ends[step] + int(row.pop("iteration"))
            for name, text in row.items():
                tag = f"step{step:02d}/" + ("lr" if name == "lr" else f"loss/{name}")
                if text:
                    found.setdefault(tag.replace(" ", "_"), []).append((iteration, float(text)))
    for step in range(run.steps_done()):
        for name, value in json.loads((run.step_folder(step) / "metrics.json").read_text()).items():
            if value is not None:
                found[f"step{step:02d}/miou/{name}"] = [(ends[step + 1], value)]
    return found


def in_float32(curves):
    """As TensorBoard keeps numbers."""
    return {tag: [(at, float(np.float32(value))) for at, value in points] for tag, points in curves.items()}


def accumulator(folder):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    (_,) = Path(folder).glob("events.out.tfevents.*")
    return EventAccumulator(str(folder), size_guidance={"scalars": 0, "images": 0, "tensors": 0}).Reload()


def read_tensorboard(run):
    """Curves of the event file of a run."""
    found = accumulator(run.folder)
    return {tag: [(each.step, each.value) for each in found.Scalars(tag)] for tag in found.Tags()["scalars"]}


def curves(records, x_axis):
    """Curves from records that hold a place on the x-axis and numbers."""
    found = {}
    for record in records:
        for tag, value in record.items():
            if "/" in tag and isinstance(value, float | int):
                found.setdefault(tag, []).append((record[x_axis], value))
    return found


def read_wandb(run):
    """Curves of the offline run of wandb in the folder of a run."""
    return curves((each for each in wandb_history(run.folder) if "iteration" in each), "iteration")


def wandb_history(folder):
    """What was logged in the only offline run of a folder."""
    (path,) = Path(folder).glob("wandb/offline-run-*/run-*.wandb")
    if path.read_bytes()[:1] == b"[":  # of the stand-in
        return json.loads(path.read_text())
    from wandb.proto.wandb_internal_pb2 import Record

    found = []
    for data in log_records(path.read_bytes()[HEAD:], HEAD):
        record = Record.FromString(data)
        if record.HasField("history"):
            items = record.history.item
            found.append({each.key or "/".join(each.nested_key): json.loads(each.value_json) for each in items})
    return found


def log_records(data, skipped):
    """The records of a log in the format of LevelDB: checksum, length and kind before every piece."""
    at, pieces = 0, b""
    while at + HEAD <= len(data):
        left = BLOCK - (at + skipped) % BLOCK
        if left < HEAD:
            at += left
            continue
        length, kind = struct.unpack_from("<HB", data, at + 4)
        if kind == 0:
            return
        pieces += data[at + HEAD : at + HEAD + length]
        at += HEAD + length
        if kind in (1, 4):  # whole, or the last piece
            yield pieces
            pieces = b""


def read_trackio(run):
    """Curves of the record of a run in trackio, real or standing in."""
    import trackio

    place = Place(run.folder)
    if hasattr(trackio, "KEPT"):
        return curves(trackio.KEPT[place.project, place.name], "step")
    from trackio.sqlite_storage import SQLiteStorage

    logged = SQLiteStorage.get_logs(place.project, place.name)
    return curves(sorted(logged, key=lambda record: record["step"]), "step")


READERS = {"tensorboard": read_tensorboard, "wandb": read_wandb, "trackio": read_trackio}


def wandb_stand_in():
    """A module that keeps every offline run in a file when it is finished, as wandb does."""
    numbers = itertools.count()

    class Run:
        step = 0

        def __init__(self, **options):
            self.options, self.rows, self.figures = options, [], {}
            self.id = options["id"] or f"id{next(numbers)}"
            self.config = types.SimpleNamespace(update=lambda values, **_: self.options.update(config=values))
            self.folder = Path(options["dir"]) / "wandb" / f"offline-run-20260101_{next(numbers):06d}-{self.id}"
            self.folder.mkdir(parents=True)
            module.RUNS.append(self)
            self.step = module.ON_THE_SERVER

        def define_metric(self, name, step_metric):
            assert (name, step_metric) == ("*", "iteration")

        def log(self, values):
            self.rows.append({name: value for name, value in values.items() if not isinstance(value, Path)})
            self.figures |= {name: value for name, value in values.items() if isinstance(value, Path)}
            (self.folder / f"run-{self.id}.wandb").write_text(json.dumps(self.rows))

        def finish(self):
            module.FINISHED.append(self)

    module = types.ModuleType("wandb")
    module.RUNS, module.FINISHED, module.ON_THE_SERVER = [], [], 0
    module.init, module.Settings, module.Image = Run, dict, Path
    module.run, module.teardown = None, partial(module.FINISHED.append, "teardown")
    return module


def trackio_stand_in():
    """A module that keeps its records in a dictionary."""

    class Run:
        def __init__(self, project, name, embed, auto_log_gpu, auto_log_cpu):
            assert [embed, auto_log_gpu, auto_log_cpu] == [False] * 3
            assert not {"TRACKIO_SPACE_ID", "TRACKIO_SERVER_URL"} & os.environ.keys()
            self.rows = module.KEPT.setdefault((project, name), [])
            self.config = module.CONFIGS.setdefault((project, name), {})

        def log(self, values, step):
            self.rows.append({**values, "step": step})

    class Api:
        def runs(self, project):
            there = [key for key in module.KEPT if key[0] == project]
            if not there:
                raise ValueError(f"Project {project!r} does not exist")
            return [types.SimpleNamespace(name=key[1], delete=partial(module.KEPT.pop, key)) for key in there]

    module = types.ModuleType("trackio")
    module.KEPT, module.CONFIGS = {}, {}
    module.init, module.Api, module.Image, module.finish = Run, Api, Path, partial(print, "* Run finished.")
    return module


def use(monkeypatch, tracker, standing_in=False):
    """Let what is trained be recorded, by the real library or by what stands in for it; skips where it is missing."""
    for name in ("WANDB_MODE", "WANDB_ERROR_REPORTING"):
        monkeypatch.delenv(name, raising=False)
    if standing_in:
        monkeypatch.setitem(sys.modules, tracker, {"wandb": wandb_stand_in, "trackio": trackio_stand_in}[tracker]())
        monkeypatch.setenv("TRACKIO_DIR", "nowhere")
    elif importlib.util.find_spec(tracker) is None:
        pytest.skip(f"{tracker} is not installed")
    elif tracker == "trackio":
        trackio_run.load()  # which decides where everything is that this process records
    monkeypatch.setenv("SATKIT_TRACK", tracker)


def training_that_is_killed(folder, step, at):
    """Train a step in another process, which is killed in iteration `at`, one iteration after its checkpoint."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["tracked"])
    process = context.Process(target=_train, args=(str(folder), dict(os.environ), step, at))
    process.start()
    process.join()
    assert process.exitcode == -signal.SIGKILL


def _train(folder, environment, step, at):
    torch.set_num_threads(1)
    os.environ.update(environment)
    PRESETS["scenes"]["tiny"] = TINY
    checkpoints.CHECKPOINT_SECONDS = ALWAYS

    def report(iteration):
        if iteration.number == at - 1:
            checkpoints.CHECKPOINT_SECONDS = NEVER
        if iteration.number == at:
            os.kill(os.getpid(), signal.SIGKILL)

    opened(folder, "sats" if step else "", SETTINGS).learn(step, report)
