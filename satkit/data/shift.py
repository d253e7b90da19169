"""Simulated illumination shift: the training images of every later step have another illumination.

Images of step t > 0 lose contrast and get an added pattern of waves; frequencies, directions and phases differ from
step to step. Test images and those of the base step do not change. So the classes stay the same and the input changes,
which lets the representation drift.
"""

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from satkit.utils.errors import UsageError
from satkit.utils.seeding import derive

CONTRAST = 0.5  # of the contrast is lost at amount 1
AMPLITUDE = 0.4  # of the waves at amount 1, in parts of white
CYCLES = (1.5, 5.0)  # of a wave along an image's longer side


@dataclass(frozen=True)
class Shift:
    """The illumination of a step; called with an image, uint8 (height, width, 3), it returns the shifted one.

    Attributes:
        amount: 0 changes nothing, 1 is the strongest.
        step: Each step has its own pattern; the base step, 0, has none.
        seed: Of the run; another seed draws other patterns.
    """

    amount: float
    step: int
    seed: int = 0

    def __post_init__(self):
        if not 0 <= self.amount <= 1:
            raise UsageError(f"The shift must be between 0 (none) and 1, got {self.amount}.")

    def __call__(self, image: np.ndarray) -> np.ndarray:
        if self.amount == 0 or self.step == 0:
            return image
        light = waves(self.seed, self.step, *image.shape[:2])
        shifted = 127.5 + (1 - CONTRAST * self.amount) * (image - 127.5) + (255 * AMPLITUDE * self.amount) * light
        return np.clip(np.rint(shifted), 0, 255).astype(np.uint8)


def shift_of(step: int, amount: float, seed: int) -> Shift | None:
    """The shift of a step; None where images stay as they are."""
    return Shift(amount, step, seed) if amount and step else None


@lru_cache(maxsize=64)
def waves(seed: int, step: int, height: int, width: int) -> np.ndarray:
    """A sine wave for each colour, float64 (height, width, 3) in [-1, 1]; it depends on seed and step only."""
    random = np.random.Generator(np.random.PCG64(derive(seed, "shift", step)))
    side = max(height, width)
    down, along = (np.arange(count)[:, None, None] / side for count in (height, width))
    cycles = CYCLES[0] + (CYCLES[1] - CYCLES[0]) * random.random(3)
    angle, phase = 2 * math.pi * random.random((2, 3))
    position = down * np.sin(angle) + along.transpose(1, 0, 2) * np.cos(angle)
    light = np.sin(2 * math.pi * cycles * position + phase)
    light.setflags(write=False)  # it is shared
    return light
