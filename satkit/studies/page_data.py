"""What the explorer of a page holds: images, and what every model of a study attends to in them, as plain values.

The form is that of `satkit.widgets.scene`. It has to fit into a page, so steps, stages and images are chosen by size:
first steps between the first and the last are left out, then the largest stages, then images; `Extent` says what was.
"""

import base64
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from satkit.analysis.attention import look
from satkit.analysis.images import image_and_labels, informative_images, main_pixel
from satkit.data.step_images import StepImages
from satkit.experiments.experiment import Experiment
from satkit.models import Segmenter
from satkit.widgets import scene

FEW = 3  # images for which steps and stages are left out
BASE64 = 4 / 3
PEAK = 4  # bytes of the largest weight of a row
OVERHEAD = 1.03  # of names, brackets and label maps
ESCAPED = {"<": "\\u003c", ">": "\\u003e", "&": "\\u0026", "\u2028": "\\u2028", "\u2029": "\\u2029"}
EXACT = 100 * 100  # pixels up to which an image is kept exactly
BASE = "base model"


@dataclass(frozen=True)
class Extent:
    """What of a study a page shows.

    Attributes:
        steps: Numbers of the steps after the base step.
        stages: Numbers of the stages, from 0.
        images: How many images.
        whole: All that there is of these; None for an extent that is whole itself.
    """

    steps: tuple[int, ...]
    stages: tuple[int, ...]
    images: int
    whole: "Extent | None" = None

    @property
    def left_out(self) -> str:
        """What there was no room for, as a sentence; "" if nothing was left out."""
        whole = self.whole or self
        gone = [
            *(f"step {step}" for step in whole.steps if step not in self.steps),
            *(f"stage {stage + 1}" for stage in whole.stages if stage not in self.stages),
            *([f"{whole.images - self.images} of {whole.images} images"] if self.images < whole.images else []),
        ]
        return f"So that this page stays small, the explorer is without {', '.join(gone)}." if gone else ""


class Students:
    """The models of a page: the base model, and every strategy after every step that the page shows.

    Args:
        experiments: By the names that the page gives them; all on the same data and task.
    """

    def __init__(self, experiments: Mapping[str, Experiment]):
        self.experiments = dict(experiments)
        self.first = next((each for each in experiments.values() if not each.plan.strategy.joint), None)
        self.first = self.first or next(iter(experiments.values()))
        self.plan = self.first.plan
        self.steps = tuple(range(1, len(self.plan.steps)))
        self._models: dict[tuple[str, int], Segmenter] = {}

    @cached_property
    def tests(self) -> StepImages:
        """The test images, with the labels of all classes that are learnt at the end."""
        return self.plan.test_pictures(self.plan.steps[-1])

    def names(self, step: int) -> list[str]:
        """The strategies that have a model after a step; joint training, which has no steps, after the last."""
        last = step == len(self.plan.steps) - 1
        return [name for name, each in self.experiments.items() if last or not each.plan.strategy.joint]

    def model(self, name: str, step: int) -> Segmenter:
        """The model of a strategy after a step, or the base model."""
        if (name, step) not in self._models:
            experiment = self.first if name == BASE else self.experiments[name]
            index = 0 if name == BASE or experiment.plan.strategy.joint else step
            self._models[name, step] = experiment.model(index)
        return self._models[name, step]

    def shown(self, steps: Sequence[int]) -> list[tuple[str, int]]:
        """Name and step of every model of a page, the base model first."""
        return [(BASE, 0), *((name, step) for step in steps for name in self.names(step))]


def page_data(students: Students, extent: Extent, numbers: Sequence[int], room: int) -> tuple[dict, Extent]:
    """What the explorer of a page holds, and what that is of the study.

    Args:
        extent: What is to be shown, see `extent_of`.
        numbers: Numbers of the test images, the most important first.
        room: Bytes of JSON that the images may take; the last ones are left out where they would take more.
    """
    shown, found, taken = students.shown(extent.steps), [], 0
    for number in numbers[: extent.images]:
        image = image_data(students, number, shown, extent.stages)
        taken += len(json_inside(image))
        if found and taken > room:
            break
        found.append(image)
    places = {step: [place for place, (_, at) in enumerate(shown) if at == step] for step in extent.steps}
    steps = [{"title": step_title(students, step), "models": [0, *places[step]]} for step in extent.steps]
    return {
        "common": scene.common(students.plan.scenario.names),
        "models": [name for name, _ in shown],
        "steps": steps or [{"title": "base step", "models": [0]}],
        "stage": min(1, len(extent.stages) - 1),
        "images": found,
    }, replace(extent, images=len(found))


def telling_images(students: Students, count: int) -> list[int]:
    """Numbers of test images with large objects, of old classes and of new ones in turn."""
    last, tests = students.plan.steps[-1], students.tests
    chosen: list[int] = []
    groups = [group for group in (last.old, last.new) if group] or [last.seen]
    lists = [informative_images(tests, group, count=count) for group in groups]
    for several in zip(*lists, strict=True):
        chosen += [number for number in several if number not in chosen]
    return chosen[:count]


def image_data(students: Students, number: int, shown: Sequence[tuple[str, int]], stages: Sequence[int]) -> dict:
    """One image and what every model that is shown makes of it."""
    picture, labels = image_and_labels(students.tests, number)
    looks = [look(students.model(*each), picture) for each in shown]
    last = students.plan.steps[-1]
    exact = picture.shape[0] * picture.shape[1] <= EXACT
    return {
        "title": f"test image {number}",
        "pixel": list(main_pixel(labels, last.old, last.seen)),
        **scene.picture_of(picture, labels, exact=exact),
        "predictions": [model["prediction"] for model in scene.models_of(dict(enumerate(looks)))],
        "stages": [scene.stage_of([each.taps[stage] for each in looks], labels) for stage in stages],
    }


def extent_of(students: Students, numbers: Sequence[int], room: int) -> Extent:
    """What fits, by the sizes of the maps alone: see the module.

    Args:
        numbers: Numbers of the test images.
        room: Bytes of JSON that they may take together.

    Raises:
        BackboneError: If the backbone has no attention to tap.
    """
    taps = look(students.model(BASE, 0), image_and_labels(students.tests, numbers[0])[0]).taps
    steps, stages = list(students.steps), list(range(len(taps)))

    def size(images: int) -> float:
        return images * len(students.shown(steps)) * sum(rows(taps[stage]) for stage in stages) * BASE64 * OVERHEAD

    few = min(FEW, len(numbers))
    while size(few) > room and len(steps) > 2:
        steps.pop(len(steps) // 2)
    while size(few) > room and len(stages) > 1:
        stages.remove(max(stages, key=lambda stage: rows(taps[stage])))
    images = max(1, min(len(numbers), int(room // size(1))))
    asked = Extent(students.steps, tuple(range(len(taps))), len(numbers))
    return Extent(tuple(steps), tuple(stages), images, asked)


def rows(tap) -> int:
    """Bytes that the attention of one model in a stage takes, before it is written as text."""
    (high, wide), (tall, broad) = tap.query_grid, tap.key_grid
    return tap.queries.shape[1] * high * wide * (tall * broad + PEAK)


def step_title(students: Students, step: int) -> str:
    """A step, and what was learnt in it."""
    new = students.plan.steps[step].new
    names = students.plan.scenario.names
    words = f"{names[new[0]]} to {names[new[-1]]}" if len(new) > 1 else "".join(names[each] for each in new)
    return f"after step {step}" + (f": {words}" if words else "")


def json_inside(data: dict) -> str:
    """Data as JSON that can stand inside an element: nothing in it ends the element or begins another."""
    text = json.dumps(as_text(data), ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    for character, number in ESCAPED.items():
        text = text.replace(character, number)
    return text


def as_text(value: object) -> object:
    """The same values with bytes as Base64, as JSON can hold them."""
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    if isinstance(value, dict):
        return {name: as_text(each) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [as_text(each) for each in value]
    return value.item() if isinstance(value, np.generic) else value
