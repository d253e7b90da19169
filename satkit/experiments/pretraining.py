"""Pretrained backbones of the embedded data: trained on the pretext, kept in half precision in `assets/backbones`.

A backbone learns all classes of the pretext at once, in a run like any other, so that it can be stopped and goes on.
Its loss is taken on the grid of the logits before upsampling, which is faster with so many classes. Beside the weights
stand a JSON file with the configuration, the score on test images and the sha256 of the weights, and a CSV file with
the loss during training.
"""

import hashlib
import json
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import safetensors.torch

from satkit.experiments.experiment import Experiment
from satkit.experiments.plan import Plan
from satkit.experiments.settings import Settings
from satkit.strategies import Strategy
from satkit.strategies.terms.classification import CoarseCrossEntropy
from satkit.training import Iteration
from satkit.utils.assets import asset
from satkit.utils.csv_files import read_csv, write_csv
from satkit.utils.errors import UsageError, choose
from satkit.utils.files import read_json, replacing, write_json
from satkit.utils.temporary_folders import temporary_folder

PRESETS = {"mit_quick": "quick", "mit_scenes": "full"}  # of the pretext, for the weights that come with the kit
PRETEXT = Strategy("pretext", terms=(CoarseCrossEntropy(),), base_terms=(CoarseCrossEntropy(),), joint=True)
CHECKED, FEWEST = 0.1, 20  # share of a training that is repeated, and iterations at least
# What decides a training, in the configuration of its plan.
DECIDES = ("backbone", "model", "data_options", "data_fingerprint", "augment", "schedules", "seed")
Report = Callable[[int, str], Callable[[Iteration], None]]


@dataclass(frozen=True)
class Repeated:
    """The beginning of a training, beside what is stored of it.

    Attributes:
        iterations: First and last iteration that are compared.
        loss: Mean loss of the repetition at the iterations that were stored.
        stored: Mean loss of the stored training there.
        noise: What the two may differ by: three standard errors of a mean of so many iterations.
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
    """How a backbone is pretrained.

    Args:
        preset: Of the pretext; empty for the one that the weights of the kit are made with.

    Raises:
        UsageError: For a backbone that the kit does not pretrain, or an unknown preset.
    """
    usual = choose("backbone to pretrain", backbone, PRESETS)
    return Plan(Settings(data="pretext", preset=preset or usual, backbone=backbone), PRETEXT)


def command(plan: Plan) -> str:
    """The command line that pretrains a backbone in this way."""
    usual = PRESETS[plan.backbone] == plan.preset.name
    return f"satkit pretrain --backbone {plan.backbone}" + ("" if usual else f" --preset {plan.preset.name}")


def pretrain(plan: Plan, folder: Path, report: Report) -> Path:
    """Train a backbone on the pretext, and write its weights; an interrupted training goes on.

    Args:
        plan: From `pretext_plan`.
        folder: Gets the run, and the weights with the files beside them.
        report: As in `StudyFolder.trained`.

    Returns:
        The file of the weights.

    Raises:
        UsageError: If the folder holds a training of this backbone with another configuration.
    """
    experiment = Experiment.open(plan, folder / f"{plan.backbone}-run")
    model = experiment.learn(0, report(plan.schedule(plan.steps[0]).iterations, f"{plan.backbone} on the pretext"))
    path = folder / f"{plan.backbone}.safetensors"
    weights = {name: tensor.half().cpu().contiguous() for name, tensor in model.backbone.state_dict().items()}
    with replacing(path) as temporary:
        temporary.write_bytes(safetensors.torch.save(weights))  # equal weights are equal files
    curve = [{"iteration": int(row["iteration"]), "loss": row["total"]} for row in experiment.run.history(0)]
    write_csv(path.with_suffix(".csv"), curve)
    about = {
        "backbone": plan.backbone,
        "command": command(plan),
        "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
        "mean_iou": experiment.run.result()["all"],
        "config": {key: experiment.run.config[key] for key in (*DECIDES, "machine")},
    }
    write_json(path.with_suffix(".json"), about)
    return path


def kit_folder() -> Path:
    """Where the weights of the kit are.

    Raises:
        UsageError: If satkit is not installed completely.
    """
    try:
        return asset("backbones")
    except FileNotFoundError as error:
        raise UsageError(str(error)) from error


def repeat(plan: Plan, folder: Path, report: Report) -> Repeated:
    """Repeat the first tenth of a stored training, and compare the loss.

    Args:
        plan: How it is trained now.
        folder: Where `pretrain` wrote the weights and the files beside them.
        report: As in `StudyFolder.trained`.

    Raises:
        UsageError: If nothing is stored there, or the stored training had another configuration.
    """
    about, curve = (folder / f"{plan.backbone}{suffix}" for suffix in (".json", ".csv"))
    for path in (about, curve):
        if not path.exists():
            raise UsageError(f"{path} is missing, so there is nothing to compare with. Make it: {command(plan)}.")
    stored = read_json(about).get("config", {})
    now = json.loads(json.dumps(plan.config))
    changed = [key for key in DECIDES if stored.get(key) != now[key]]
    if changed:
        raise UsageError(
            f"The weights of {plan.backbone!r} in {folder} were made with another configuration "
            f"({', '.join(changed)} differ). Make them anew: {command(plan)}."
        )
    losses = {int(row["iteration"]): row["loss"] for row in read_csv(curve, default=float)}
    enough = max(min(FEWEST, max(losses)), round(CHECKED * max(losses)))
    return compare(losses, _first_losses(plan, enough, report))


def _first_losses(plan: Plan, enough: int, report: Report) -> dict[int, float]:
    """The loss of the first iterations of a training, by their number."""
    losses, shown = {}, report(enough, f"{plan.backbone}, the first {enough} iterations")

    def watch(iteration: Iteration) -> None:
        losses[iteration.number] = iteration.losses["total"]
        shown(iteration)
        if iteration.number == enough:
            raise _Enough

    with temporary_folder("pretext") as place, suppress(_Enough):
        Experiment.open(plan, place).learn(0, watch)
    return losses


def compare(stored: dict[int, float], losses: dict[int, float]) -> Repeated:
    """The later half of a repeated beginning beside the stored losses.

    Args:
        stored: Losses by iteration; a few of all.
        losses: The same of the repetition, of every iteration.
    """
    later = [number for number in losses if number > max(losses) / 2]
    here = np.array([losses[number] for number in later])
    spread = float(np.std(here - np.polyval(np.polyfit(later, here, 1), later)))
    shared = [number for number in later if number in stored]
    means = (float(np.mean([curve[number] for number in shared])) for curve in (losses, stored))
    return Repeated((shared[0], shared[-1]), *means, 3 * spread / len(shared) ** 0.5)
