"""Training and test images of each domain, in the settings by domain.

All images with a domain form a pool: for Cityscapes the official training and validation images, 3,475 of 21 cities.
Four fifths are for training. "domain" divides each city once, so that no test image is ever a training image.
"domain-leaking" repeats the code of PLOP and RCIL: the images of a step are shuffled and divided together, but the test
images of step t come from another shuffle, of all images seen so far. After the last step of 11-5, 496 of the 695 test
images have been training images. A shuffle depends on the order of its input: the pool holds the official training
cities in alphabetical order, then those of validation.
"""

from collections.abc import Sequence

import numpy as np

from satkit.scenario import Scenario, Step

TRAINING_SHARE = 0.8
SHUFFLE_SEED = 1  # of the published code


def learnt_from(domains: Sequence[str], scenario: Scenario, step: Step) -> np.ndarray:
    """Numbers of the training images of a step in the pool, ascending.

    Args:
        domains: The domain of each image of the pool.
    """
    if scenario.setting == "domain-leaking":
        return np.sort(_divided(domains, step.domains)[0])
    return np.sort(np.concatenate([_divided(domains, (domain,))[0] for domain in step.domains]))


def tested_on(domains: Sequence[str], scenario: Scenario, step: Step) -> np.ndarray:
    """Numbers of the test images after a step in the pool, ascending."""
    seen = tuple(domain for earlier in scenario.steps[: step.index + 1] for domain in earlier.domains)
    if scenario.setting == "domain-leaking":
        return np.sort(_divided(domains, seen)[1])
    return np.sort(np.concatenate([_divided(domains, (domain,))[1] for domain in seen]))


def _divided(domains: Sequence[str], chosen: tuple[str, ...]) -> tuple[np.ndarray, np.ndarray]:
    """The images of the chosen domains, shuffled: training images, and the others."""
    indices = np.flatnonzero(np.isin(domains, chosen))
    np.random.RandomState(SHUFFLE_SEED).shuffle(indices)
    count = int(TRAINING_SHARE * len(indices))
    return indices[:count], indices[count:]
