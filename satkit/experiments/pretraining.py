"""Pretrained backbones of the embedded data: trained on the pretext, kept in half precision in `assets/backbones`.

A backbone learns all classes of the pretext at once, in a run like any other, so that it can be stopped and goes on.
Its loss is taken on the grid of the logits before upsampling, which costs a third of the time. Beside the weights
stand a JSON file with the configuration, the score on test images and the sha256 of the weights, and the curve of the
loss.
"""

import hashlib
import json
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from satkit.experiments.experiment import Experiment
from satkit.experiments.plan import Plan
from satkit.experiments.settings import Settings
from satkit.strategies import Strategy
from satkit.strategies.terms.classification import CoarseCrossEntropy
from satkit.training import Iteration
from satkit.utils.assets import asset
from satkit.utils.csv_files import read_csv, write_csv
from satkit.utils.errors import UsageError, choose
from satkit.utils.files import read_json, save_tensors, write_json

PRESETS = {"mit_quick": "quick", "mit_scenes": "full"}  # of the pretext, by backbone
PRETEXT = Strategy("pretext", terms=(CoarseCrossEntropy(),), base_terms=(CoarseCrossEntropy(),), joint=True)
CHECKED = 0.1  # of the training is repeated by a check
DECIDES = (
    "backbone",
    "model",
    "data_options",
    "data_fingerprint",
    "augment",
    "schedules",
    "seed",
)  # of a plan's config
FOLDER = "backbones"


@dataclass(frozen=True)
class Repeated:
    """The beginning of a training, beside what is stored of it.

    Attributes:
        iterations: First and last iteration that are compared.
        loss: Mean loss of the repetition.
        stored: Mean loss of the stored curve at the same iterations.
        noise: What the two may differ by: three standard errors of the stored mean.
    """

    iterations: tuple[int, int]
    loss: float
    stored: float
    noise: float

    @property
    def agrees(self) -> bool:
        """Whether both are equal within the noise."""
        return abs(self.loss - self.stored) <= self.noise

    def __str__(self) -> str:
        first, last = self.iterations
        return (
            f"Iterations {first} to {last}: loss {self.loss:.3f} here, {self.stored:.3f} stored, "
            f"noise {self.noise:.3f}: {'as stored' if self.agrees else 'not as stored'}."
        )


class _Enough(Exception):
    """As much was trained as is compared."""


def pretext_plan(backbone: str, preset: str = "") -> Plan:
    """How a backbone of the kit is pretrained.

    Args:
        preset: Of the pretext; empty for the one that the weights of the kit are made with.

    Raises:
        UsageError: For a backbone that the kit does not pretrain.
    """
    usual = choose("backbone to pretrain", backbone, PRESETS)
    return Plan(Settings(data="pretext", preset=preset or usual, backbone=backbone), PRETEXT)


def pretrain(plan: Plan, folder: Path, report: Callable[[int, str], Callable[[Iteration], None]]) -> Path:
    """Train a backbone on the pretext, and write its weights; an interrupted training goes on.

    Args:
        plan: From `pretext_plan`.
        folder: Gets the run, and the weights with their JSON file.
        report: As in `StudyFolder.trained`.

    Returns:
        The file of the weights.
    """
    experiment = Experiment.open(plan, folder / f"{plan.backbone}-run")
    began = time.monotonic()
    model = experiment.learn(0, report(plan.schedule(plan.steps[0]).iterations, f"{plan.backbone} on the pretext"))
    path = folder / f"{plan.backbone}.safetensors"
    save_tensors(path, {name: tensor.half() for name, tensor in model.backbone.state_dict().items()}, {})
    curve = [{"iteration": int(row["iteration"]), "loss": row["total"]} for row in experiment.run.history(0)]
    write_csv(path.with_suffix(".csv"), curve)
    about = {
        "backbone": plan.backbone,
        "command": f"satkit pretrain --backbone {plan.backbone}",
        "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
        "mean_iou": experiment.run.result()["all"],
        "seconds_of_the_last_call": round(time.monotonic() - began, 1),
        "config": {key: experiment.run.config[key] for key in (*DECIDES, "machine")},
    }
    write_json(path.with_suffix(".json"), about)
    return path


def check(backbone: str, report: Callable[[int, str], Callable[[Iteration], None]]) -> Repeated:
    """Repeat the first tenth of the training that made the weights of the kit, and compare the loss.

    Raises:
        UsageError: If the kit's weights were made with another configuration, or are missing.
    """
    plan = pretext_plan(backbone)
    try:
        weights = asset(f"{FOLDER}/{backbone}.safetensors")
    except FileNotFoundError as error:
        raise UsageError(f"{error} Or make the weights anew: satkit pretrain --backbone {backbone}.") from error
    return repeat(plan, weights, report)


def repeat(plan: Plan, weights: Path, report: Callable[[int, str], Callable[[Iteration], None]]) -> Repeated:
    """Repeat the first tenth of a stored training.

    Args:
        plan: How it is trained now.
        weights: The file of the weights; `pretrain` wrote the others beside it.
        report: As in `StudyFolder.trained`.
    """
    stored = read_json(weights.with_suffix(".json"))
    now = json.loads(json.dumps(plan.config))
    changed = [key for key in DECIDES if stored["config"].get(key) != now[key]]
    if changed:
        raise UsageError(
            f"The weights of {plan.backbone!r} were made with another configuration ({', '.join(changed)} differ). "
            f"Make them anew: satkit pretrain --backbone {plan.backbone}."
        )
    curve = {int(row["iteration"]): row["loss"] for row in read_csv(weights.with_suffix(".csv"), default=float)}
    enough = max(1, round(CHECKED * max(curve)))
    losses, shown = {}, report(enough, f"{plan.backbone}, {CHECKED:.0%} of its training")

    def watch(iteration: Iteration) -> None:
        losses[iteration.number] = iteration.losses["total"]
        shown(Iteration(iteration.step, iteration.number, enough, iteration.lr, iteration.losses, iteration.snapshot))
        if iteration.number == enough:
            raise _Enough

    with tempfile.TemporaryDirectory(prefix="satkit-pretext-") as place, suppress(_Enough):
        Experiment.open(plan, place).learn(0, watch)
    return compare(curve, losses)


def compare(curve: dict[int, float], losses: dict[int, float]) -> Repeated:
    """The later half of a repeated beginning beside the stored curve at the same iterations."""
    numbers = [number for number in curve if max(losses) / 2 < number <= max(losses)]
    there = np.array([curve[number] for number in numbers])
    trend = np.polyval(np.polyfit(numbers, there, min(1, len(numbers) - 1)), numbers)
    noise = 3 * float(np.sqrt(np.mean((there - trend) ** 2) / max(1, len(numbers) - 2)))
    here = float(np.mean([losses[number] for number in numbers]))
    return Repeated((int(numbers[0]), int(numbers[-1])), here, float(there.mean()), noise)
