"""A scene of the embedded data as objects that can be edited, drawn and kept in a file.

`scene_of` gives the objects of an image of the data set; drawn as they are, they give exactly its pixels and labels.
An edited scene is drawn in the same way. The class of an object is its shape and its fill, so a striped disc without
its stripes is a disc, and is labelled as one.
"""

import json
import math
from dataclasses import asdict, dataclass, fields, replace
from numbers import Real
from typing import NamedTuple

import numpy as np

from satkit.data.datasets.drawing import Pose, background, paint_object, to_pixels
from satkit.data.datasets.drawn import SMALLEST_SIZE, SPLITS
from satkit.data.datasets.scenes import CLASS_NAMES, FILLS, HABITAT, SHAPES, drawn_objects
from satkit.data.labels import BACKGROUND, IGNORE
from satkit.utils.errors import UsageError, shown

KIND, VERSION = "satkit scene", 1
LARGEST_SIZE = 512
MOST_OBJECTS = 12
RADIUS = (0.05, 0.6)  # parts of the side
LARGEST_SEED = 2**53 - 1  # JavaScript knows whole numbers up to here
# Lowest and highest value of what a file says about a pose; the centre is always in the image.
RANGES = {
    "row": (0.0, 1.0 - 1e-9),
    "column": (0.0, 1.0 - 1e-9),
    "radius": RADIUS,
    "turn": (-1e6, 1e6),
    "fill_turn": (-1e6, 1e6),
    "fill_shift": (-1e6, 1e6),
}


class Drawing(NamedTuple):
    """A scene that was drawn: image, uint8 (size, size, 3), labels, uint8 (size, size), and numbers of objects.

    `numbers` is 1 for the object at the back, 0 for background and IGNORE around objects.
    """

    image: np.ndarray
    labels: np.ndarray
    numbers: np.ndarray


@dataclass(frozen=True)
class SceneObject(Pose):
    """An object: its pose, and the names of its shape and its fill, which make its class."""

    shape: str
    fill: str

    @property
    def label(self) -> int:
        """The label of its class in the data set."""
        return 1 + list(FILLS).index(self.fill) * len(SHAPES) + list(SHAPES).index(self.shape)

    @property
    def name(self) -> str:
        """The name of its class."""
        return CLASS_NAMES[self.label]


@dataclass(frozen=True)
class Scene:
    """What is to be drawn.

    Attributes:
        size: Side of the image in pixels.
        background: What the noise is made from: the seed of the data set, the number of the split, and of the image.
        objects: From the back to the front; a later one covers an earlier one.
    """

    size: int
    background: tuple[int, int, int]
    objects: tuple[SceneObject, ...]

    def drawn(self) -> Drawing:
        """Image, labels and numbers of objects."""
        canvas, numbers = self._noise(), np.full((self.size, self.size), BACKGROUND, dtype=np.uint8)
        for number, each in enumerate(self.objects, start=1):
            paint_object(canvas, numbers, number, (SHAPES[each.shape], FILLS[each.fill]), each)
        table = np.full(256, BACKGROUND, dtype=np.uint8)
        table[1 : 1 + len(self.objects)] = [each.label for each in self.objects]
        table[IGNORE] = IGNORE
        return Drawing(to_pixels(canvas), table[numbers], np.where(numbers == IGNORE, 0, numbers))

    def edited(self, number: int, **changes) -> "Scene":
        """The scene with another pose, shape or fill of an object; objects are numbered from 0, at the back."""
        objects = list(self.objects)
        objects[number] = replace(objects[number], **changes)
        return replace(self, objects=tuple(objects))

    def without(self, number: int) -> "Scene":
        """The scene without an object."""
        return replace(self, objects=tuple(each for place, each in enumerate(self.objects) if place != number))

    def with_object(self, new: SceneObject) -> "Scene":
        """The scene with a further object, in front of all others."""
        return replace(self, objects=(*self.objects, new))

    def to_front(self, number: int) -> "Scene":
        """The scene with an object in front of all others."""
        return self.without(number).with_object(self.objects[number])

    def empty(self) -> np.ndarray:
        """Its background alone, uint8 (size, size, 3)."""
        return to_pixels(self._noise())

    def plain(self) -> dict:
        """The scene as plain values, as its file holds them."""
        about = {"kind": KIND, "version": VERSION, "size": self.size, "background": list(self.background)}
        return {**about, "objects": [{**asdict(each), "colour": list(each.colour)} for each in self.objects]}

    def to_json(self) -> str:
        """The scene as text; `from_json` reads exactly the same scene from it."""
        return json.dumps(self.plain(), indent=1) + "\n"

    @classmethod
    def from_json(cls, text: str) -> "Scene":
        """The scene that `to_json` wrote.

        Raises:
            UsageError: For any other text, in one sentence.
        """
        try:
            values = json.loads(text)
        except (ValueError, RecursionError) as error:
            raise UsageError("A scene must be JSON as the playground writes it, got another text.") from error
        return cls.from_plain(values)

    @classmethod
    def from_plain(cls, values: dict) -> "Scene":
        """The scene of plain values, each of which is checked.

        Raises:
            UsageError: If something is missing or out of range, in one sentence.
        """
        if not isinstance(values, dict) or (values.get("kind"), values.get("version")) != (KIND, VERSION):
            raise UsageError(f"A scene must be of kind {KIND!r} and version {VERSION}, got another file.")
        size, noise, objects = (values.get(name) for name in ("size", "background", "objects"))
        _check(_whole(size, SMALLEST_SIZE, LARGEST_SIZE), "size", f"from {SMALLEST_SIZE} to {LARGEST_SIZE}", size)
        seeds = isinstance(noise, list) and len(noise) == 3 and all(_whole(each, 0, LARGEST_SEED) for each in noise)
        _check(seeds, "background", "three whole numbers from 0", noise)
        there = isinstance(objects, list) and len(objects) <= MOST_OBJECTS
        _check(there, "objects", f"a list of at most {MOST_OBJECTS}", objects)
        return cls(size, tuple(noise), tuple(_object(each) for each in objects))

    def _noise(self) -> np.ndarray:
        return background(np.random.Generator(np.random.PCG64(list(self.background))), self.size)


def scene_of(split: str, index: int, size: int = 96, seed: int = 0, habitat: float = HABITAT) -> Scene:
    """The objects of an image of the scenes; see `satkit.data.datasets.scenes.load` for what its options mean."""
    shapes, fills = list(SHAPES), list(FILLS)
    *_, objects = drawn_objects(split, index, size, seed, habitat)
    named = [
        SceneObject(**vars(pose), shape=shapes[(label - 1) % len(shapes)], fill=fills[(label - 1) // len(shapes)])
        for label, pose in objects
    ]
    return Scene(size, (seed, SPLITS.index(split), index), tuple(named))


def _object(values) -> SceneObject:
    names = {field.name for field in fields(SceneObject)}
    _check(
        isinstance(values, dict) and set(values) == names, "an object", f"given by {', '.join(sorted(names))}", values
    )
    for name, (low, high) in RANGES.items():
        _check(_number(values[name], low, high), f"{name} of an object", f"from {low:g} to {high:g}", values[name])
    colour = values["colour"]
    mixed = isinstance(colour, list) and len(colour) == 3 and all(_number(each, 0.0, 1.0) for each in colour)
    _check(mixed, "colour of an object", "three numbers from 0 to 1", colour)
    for name, known in (("shape", SHAPES), ("fill", FILLS)):
        there = isinstance(values[name], str) and values[name] in known
        _check(there, f"{name} of an object", f"one of {', '.join(known)}", values[name])
    numbers = {name: float(values[name]) for name in RANGES}
    return SceneObject(**numbers, colour=tuple(map(float, colour)), shape=values["shape"], fill=values["fill"])


def _check(holds: bool, what: str, must: str, came) -> None:
    if not holds:
        raise UsageError(f"In a scene {what} must be {must}, got {shown(came)}.")


def _whole(value, low: int, high: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and low <= value <= high


def _number(value, low: float, high: float) -> bool:
    return isinstance(value, Real) and not isinstance(value, bool) and low <= value <= high and math.isfinite(value)
