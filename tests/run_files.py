"""What a run is made of: a configuration, a small model, a finished step."""

from pathlib import Path

import numpy as np
import torch

from satkit.models import build_segmenter
from satkit.strategies.step_state import StepState

CONFIG = {
    "data": "scenes",
    "seed": 0,
    "order": (1, 2, 3),
    "strategy": {
        "name": "SATS",
        "terms": [{"kind": "CrossEntropy"}],
        "classifier": {"kind": "BackgroundInit"},
    },
    "machine": {"torch": "2.13.0", "threads": 2},
}


CONFUSION = np.array([[5, 1, 0], [0, 3, 0], [1, 0, 4]])


def changed(**settings):
    return {**CONFIG, **settings}


def tiny_model(counts=(3,), seed=0):
    torch.manual_seed(seed)
    return build_segmenter("mit_quick", counts, decoder_width=16).eval()


def finish_step(run, step, counts=(3,), state=None):
    model = tiny_model(counts, seed=step)
    run.save_step(step, model, CONFUSION, {"old": 0.5, "new": float("nan")}, state or StepState())
    return model


def row(step, iteration, **losses):
    return {"step": step, "iteration": iteration, "lr": 1e-3, **losses, "total": sum(losses.values())}


def everything_in(folder):
    return {path: path.read_bytes() for path in Path(folder).rglob("*") if path.is_file()}
