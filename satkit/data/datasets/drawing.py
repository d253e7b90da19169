"""Drawing of objects on smooth coloured noise: what the embedded data sets share.

Positions, radii and shifts are in parts of the image's side or of the object's radius, so that another size shows the
same objects at another resolution. Only uniform numbers are drawn, and all is computed in float64 and rounded to whole
levels at the end, so that every machine draws the same pixels.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from satkit.data.labels import IGNORE

# Signed distance to an outline in radii, negative inside, from x and y in radii; exact near the outline, which lies
# within `REACH` of the centre.
Shape = Callable[[np.ndarray, np.ndarray], np.ndarray]

# Share of the second colour, 0 to 1, from two coordinates in pixels, turned at random, and the object's radius.
Fill = Callable[[np.ndarray, np.ndarray, float, float], np.ndarray | float]

STRIPE_PERIOD = 0.5  # in radii
SHORTEST_PERIOD = 4.0  # in pixels, so that a pattern can be seen
REACH = 1.3  # radii around the centre in which an object is drawn


@dataclass(frozen=True)
class Placing:
    """How objects are placed.

    Attributes:
        radius: Lowest and highest radius, as a part of the image's side.
        centre: Lowest and highest row and column of a centre, as a part of the side.
        tries: Positions that are drawn; of them the one that covers least is taken, so fewer mean more occlusion.
    """

    radius: tuple[float, float]
    centre: tuple[float, float]
    tries: int

    def __call__(self, random: np.random.Generator, taken: list[tuple]) -> tuple[float, float, float]:
        """Row, column and radius of an object, in parts of the side, given those that are there already."""
        radius = self.radius[0] + (self.radius[1] - self.radius[0]) * random.random()
        candidates = self.centre[0] + (self.centre[1] - self.centre[0]) * random.random((self.tries, 2))

        def space(row: float, column: float) -> float:
            return min((math.hypot(row - y, column - x) - r for y, x, r in taken), default=0.0)

        row, column = max(candidates.tolist(), key=lambda candidate: space(*candidate))
        return row, column, radius


def background(
    random: np.random.Generator, size: int, layers: Sequence[tuple[int, float]] = ((4, 0.5), (10, 0.2))
) -> np.ndarray:
    """Smooth coloured noise in [0, 1], (channel, size, size): a colour and interpolated lattices.

    Args:
        layers: Cells along a side and amplitude of each lattice.
    """
    canvas = np.empty((3, size, size))
    canvas[:] = (0.25 + 0.5 * random.random(3))[:, None, None]
    for cells, amplitude in layers:
        lattice = amplitude * (random.random((3, cells + 1, cells + 1)) - 0.5)
        position = (np.arange(size) + 0.5) * cells / size
        first = position.astype(int)
        weight = position - first
        weight = weight * weight * (3.0 - 2.0 * weight)
        rows = lattice[:, first] * (1.0 - weight[:, None]) + lattice[:, first + 1] * weight[:, None]
        canvas += rows[:, :, first] * (1.0 - weight) + rows[:, :, first + 1] * weight
    return np.clip(canvas, 0.0, 1.0)


@dataclass(frozen=True)
class Pose:
    """Where an object lies, and how it looks beside its shape and its fill.

    Attributes:
        row: Of the centre, as a part of the image's side.
        column: Likewise.
        radius: Likewise.
        turn: Of the shape, in whole turns.
        fill_turn: Of the fill, in half turns.
        fill_shift: Of the fill, in its periods.
        colour: Red, green and blue in [0, 1].
    """

    row: float
    column: float
    radius: float
    turn: float
    fill_turn: float
    fill_shift: float
    colour: tuple[float, float, float]


def draw_pose(canvas, position, random) -> Pose:
    """The pose of an object at row, column and radius, its turns and colour drawn; nothing is painted."""
    row, column, radius = position
    turn, fill_turn, fill_shift = random.random(3).tolist()
    size = canvas.shape[-1]
    colour = _colour(random, canvas[:, int(size * row), int(size * column)])
    return Pose(row, column, radius, turn, fill_turn, fill_shift, tuple(colour.tolist()))


def paint_object(canvas, labels, label: int, look: tuple[Shape, Fill], pose: Pose) -> None:
    """Paint an object over image and labels: its edge mixed over one pixel, the pixels around it IGNORE.

    Args:
        canvas: The image in [0, 1], (channel, size, size); changed in place.
        labels: uint8 (size, size); changed in place.
        label: Of the object.
        look: Its shape and its fill.
        pose: Its centre must be in the image.
    """
    size = labels.shape[0]
    row, column, radius = (size * part for part in (pose.row, pose.column, pose.radius))
    colour = np.array(pose.colour)

    reach = REACH * radius + 2.0  # 2 pixels for edge and border
    top, left = max(0, int(row - reach)), max(0, int(column - reach))
    bottom, right = min(size, int(row + reach) + 1), min(size, int(column + reach) + 1)
    down = (np.arange(top, bottom) + 0.5 - row)[:, None]
    along = (np.arange(left, right) + 0.5 - column)[None, :]

    shape, fill = look
    x, y = turned(along, down, 2.0 * math.pi * pose.turn)
    distance = radius * shape(x / radius, y / radius)
    cover = np.clip(0.5 - distance, 0.0, 1.0)
    u, v = turned(along, down, math.pi * pose.fill_turn)
    pattern = np.broadcast_to(fill(u, v, radius, pose.fill_shift), cover.shape)
    paint = colour[:, None, None] + pattern * (1.0 - 2.0 * colour)[:, None, None]

    part = canvas[:, top:bottom, left:right]
    part += cover * (paint - part)
    inside = distance <= 0.0
    shown = labels[top:bottom, left:right]
    shown[_grow(inside)] = IGNORE
    shown[inside] = label


def turned(along, down, angle: float) -> tuple[np.ndarray, np.ndarray]:
    """Two coordinates in a system that is turned by an angle."""
    cosine, sine = math.cos(angle), math.sin(angle)
    return cosine * along + sine * down, cosine * down - sine * along


def to_pixels(canvas: np.ndarray) -> np.ndarray:
    """An image in [0, 1], (channel, size, size), as uint8 (size, size, channel)."""
    return np.rint(255.0 * canvas.transpose(1, 2, 0)).astype(np.uint8)


def plain(u, v, radius: float, shift: float) -> float:
    """One colour."""
    return 0.0


def striped(u, v, radius: float, shift: float) -> np.ndarray:
    """Stripes of two colours along one direction."""
    period = stripe_period(radius)
    return wave(u / period + shift, period)


def stripe_period(radius: float) -> float:
    """Length of a period of a pattern, in pixels."""
    return max(SHORTEST_PERIOD, STRIPE_PERIOD * radius)


def wave(phase: np.ndarray, period: float) -> np.ndarray:
    """A square wave in [0, 1], its edges mixed over one pixel.

    Args:
        phase: In periods.
        period: In pixels.
    """
    return np.clip(0.5 + period * (np.abs(phase - np.floor(phase) - 0.5) - 0.25), 0.0, 1.0)


def _colour(random: np.random.Generator, under: np.ndarray) -> np.ndarray:
    """A random colour far from its complement: of four the one that differs most from the colour below it."""
    draws = 2.0 * random.random((4, 3)) - 1.0
    colours = 0.5 + np.where(draws < 0.0, draws * 0.3 - 0.2, draws * 0.3 + 0.2)
    differences = [sum((c - u) ** 2 for c, u in zip(colour, under, strict=True)) for colour in colours]
    return colours[int(np.argmax(differences))]


def _grow(inside: np.ndarray) -> np.ndarray:
    """The pixels of a region and those beside, above and below them."""
    grown = inside.copy()
    grown[1:] |= inside[:-1]
    grown[:-1] |= inside[1:]
    grown[:, 1:] |= inside[:, :-1]
    grown[:, :-1] |= inside[:, 1:]
    return grown
