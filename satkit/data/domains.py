"""Which images of a place are learnt from, and which are tested on, where places arrive step by step.

Every image carries its place, and all images with one form a pool: for Cityscapes the official training and validation
images, 3,475 of 21 cities. Four fifths are for training. "domain" divides each city once and for all, so that no test
image is ever learnt from. "domain-leaking" does what PLOP's code does, and RCIL's after it: the images of a step are
shuffled and divided together, but the test images of step t come from another shuffle, of all images seen so far. After
the last step of 11-5, 496 of its 695 test images have been learnt from. A shuffle depends on the order of what it
shuffles: the pool holds the official training cities in alphabetical order, then those of validation.
"""

from collections.abc import Sequence

import numpy as np

from satkit.scenario import Scenario, Step

TRAINING_SHARE = 0.8
SHUFFLE_SEED = 1  # of the published code


def learnt_from(places: Sequence[str], scenario: Scenario, step: Step) -> np.ndarray:
    """Numbers of the images in the pool that a step learns from, ascending.

    Args:
        places: The place of each image of the pool.
    """
    if scenario.setting == "domain-leaking":
        return np.sort(_divided(places, step.domains)[0])
    return np.sort(np.concatenate([_divided(places, (place,))[0] for place in step.domains]))


def tested_on(places: Sequence[str], scenario: Scenario, step: Step) -> np.ndarray:
    """Numbers of the images in the pool that scores are computed on after a step, ascending."""
    seen = tuple(place for earlier in scenario.steps[: step.index + 1] for place in earlier.domains)
    if scenario.setting == "domain-leaking":
        return np.sort(_divided(places, seen)[1])
    return np.sort(np.concatenate([_divided(places, (place,))[1] for place in seen]))


def _divided(places: Sequence[str], chosen: tuple[str, ...]) -> tuple[np.ndarray, np.ndarray]:
    """The images of these places, shuffled: those to learn from, and the others."""
    indices = np.flatnonzero(np.isin(places, chosen))
    np.random.RandomState(SHUFFLE_SEED).shuffle(indices)
    count = int(TRAINING_SHARE * len(indices))
    return indices[:count], indices[count:]
