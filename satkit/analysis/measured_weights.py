"""What the weight of the attention term does, as it was measured: scores, drift of relations, and example predictions.

`satkit reference --weights` writes a file of runs that differ in this weight, in the world and in the seed. Here it is
read and checked. Nothing between two weights is guessed: there are values only for weights that were run.
"""

import base64
from dataclasses import dataclass
from itertools import product
from pathlib import Path

import numpy as np
from PIL import UnidentifiedImageError

from satkit.analysis.codes import labels_from
from satkit.evaluation.seeds import CLASSES, Estimate, estimate
from satkit.utils.errors import UsageError
from satkit.utils.files import read_json
from satkit.utils.images import opened_image
from satkit.utils.json_form import NUMBER, must_hold

FILE = "weight_study.json"
AGAIN = "satkit reference --weights makes it again."
DRIFT = "drift"
MEASURES = (*CLASSES, DRIFT)
ROW = {"world": str, "weight": NUMBER, "seed": int} | {name: NUMBER for name in MEASURES}
EXAMPLE = {"number": int, "image": {"size": [int], "file": str, "type": str}, "labels": str, "predictions": [str]}
FORM = {
    "settings": {"task": str, "preset": str, "seed": [int]},
    "strategy": str,
    "strategies": {str: {"name": str}},
    "weights": [NUMBER],
    "paper_weight": NUMBER,
    "worlds": {str: {}},
    "class_names": [str],
    "base_classes": [int],
    "rows": [ROW],
    "examples": {str: [EXAMPLE]},
}


@dataclass(frozen=True)
class Example:
    """A test image.

    Attributes:
        number: Of the image among the test images.
        image: uint8 (height, width, 3).
        truth: Its label map. predictions: What each weight's model predicts, in the order of the weights.
    """

    number: int
    image: np.ndarray
    truth: np.ndarray
    predictions: tuple[np.ndarray, ...]


@dataclass(frozen=True)
class MeasuredWeights:
    """Runs that differ in the weight of the attention term.

    Attributes:
        about: Everything that the file says.
        weights: Those that were run, ascending; 0 is the strategy without the term.
        worlds: Names of the worlds.
        names: Name of every class, background first. old: Indices of the classes of the base step.
        examples: Of each world.
    """

    about: dict
    weights: tuple[float, ...]
    worlds: tuple[str, ...]
    names: tuple[str, ...]
    old: tuple[int, ...]
    examples: dict[str, tuple[Example, ...]]

    @property
    def seeds(self) -> tuple[int, ...]:
        """The seeds of every weight and world."""
        return tuple(self.about["settings"]["seed"])

    @property
    def first(self) -> float:
        """The weight to begin with: the paper's, or the largest where that was not run."""
        paper = self.about["paper_weight"]
        return paper if paper in self.weights else self.weights[-1]

    def estimate(self, world: str, weight: float, measure: str) -> Estimate:
        """A mean over seeds: of the mean IoU of "old", "new" or "all" classes, in [0, 1], or of the "drift", >= 0."""
        rows = self.about["rows"]
        return estimate(row[measure] for row in rows if (row["world"], row["weight"]) == (world, weight))

    def curve(self, world: str, measure: str) -> tuple[np.ndarray, np.ndarray]:
        """Means over seeds by weight, and half the widths of their 95 % intervals; NaN for one seed."""
        found = [self.estimate(world, weight, measure) for weight in self.weights]
        return np.array([each.mean for each in found]), np.array([each.half_width for each in found])


def read_weights(path: str | Path) -> MeasuredWeights:
    """What `satkit reference --weights` wrote.

    Raises:
        UsageError: If the file holds something else, or lacks a run.
    """
    path = Path(path)
    about = read_json(path, AGAIN)
    must_hold(path, about, FORM)
    weights, worlds, seeds = tuple(about["weights"]), tuple(about["worlds"]), about["settings"]["seed"]
    rows = [(row["world"], row["weight"], row["seed"]) for row in about["rows"]]
    lacks = [each for each in product(worlds, weights, seeds) if rows.count(each) != 1]
    if lacks or len(rows) != len(weights) * len(worlds) * len(seeds):
        world, weight, seed = lacks[0] if lacks else rows[-1]
        raise UsageError(
            f"{path} must have one row for each world, weight and seed, not so for the {world} world, weight "
            f"{weight:g}, seed {seed}. {AGAIN}"
        )
    if list(about["examples"]) != list(worlds):
        raise UsageError(
            f"{path} must have examples of {', '.join(worlds)}, got {', '.join(about['examples'])}. {AGAIN}"
        )
    examples = {world: tuple(_example(path, each, weights) for each in about["examples"][world]) for world in worlds}
    return MeasuredWeights(about, weights, worlds, tuple(about["class_names"]), tuple(about["base_classes"]), examples)


def _example(path: Path, given: dict, weights: tuple[float, ...]) -> Example:
    """An image with its label maps."""
    size = tuple(given["image"]["size"])
    try:
        with opened_image(base64.b64decode(given["image"]["file"], validate=True), path.name, ("PNG", "WEBP")) as file:
            picture = file.convert("RGB")
        maps = [labels_from(base64.b64decode(each, validate=True)) for each in (given["labels"], *given["predictions"])]
        truth, *predictions = (each.reshape(size) for each in maps)
    except (ValueError, UnidentifiedImageError, OSError) as error:
        raise UsageError(
            f"{path} must hold test images of {size} pixels, got something else ({error}). {AGAIN}"
        ) from error
    if picture.size != size[::-1] or len(predictions) != len(weights):
        raise UsageError(
            f"{path} must hold an image of {size[::-1]} pixels and a prediction for each of {len(weights)} weights, "
            f"got {picture.size} and {len(predictions)} for image {given['number']}. {AGAIN}"
        )
    return Example(given["number"], np.array(picture), truth, tuple(predictions))
