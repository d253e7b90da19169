"""The confusion matrices of a page, class by class, with some test images in which each kind of mistake can be seen.

A cell is a class, and what its pixels are predicted as: right, an old class, background or a new class. The images are
few, and chosen so that as many cells as possible have one that shows much of it; the page finds those of a cell by
counting pixels in them.
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from satkit.analysis.codes import label_runs
from satkit.analysis.images import confusions_by_image, image_and_labels, prediction
from satkit.plots.class_flow import KINDS, flow_counts
from satkit.plots.style import ATTENTION_MAP
from satkit.studies.page_data import EXACT, Students
from satkit.widgets import scene

MOST_SEARCHED = 200  # test images
MOST_KEPT = 24
SIDE = 128  # pixels; of larger images every second, third, ... pixel is kept
ENOUGH = 0.5  # of the pixels that the best image of a cell has: with it a cell has its image


def confusion_data(students: Students, shown: Sequence[tuple[str, int]], kept: int = MOST_KEPT) -> dict:
    """Cells of every model that is shown, and images for them.

    Args:
        shown: Name and step of each model.
        kept: How many images at most.
    """
    plan, tests = students.plan, students.plan.complete(students.tests)
    tests = replace(tests, indices=tests.indices[:MOST_SEARCHED])
    counts = [
        confusions_by_image(students.model(*each), tests, len(plan.scenario.names), plan.window) for each in shown
    ]
    flows = np.stack([flow_counts(each, plan.scenario.base, plan.scenario.added) for each in counts])
    images = [_image(students, tests, number, shown) for number in covering(flows, kept)]
    return {
        "kinds": list(KINDS),
        "old": list(plan.scenario.base),
        "new": list(plan.scenario.added),
        "titles": [name if name == shown[0][0] else f"{name}, after step {step}" for name, step in shown],
        "not_learnt": [_not_learnt(students, each) for each in shown],
        "searched": len(tests),
        "flows": flows.sum(axis=1).tolist(),
        "table": scene.colour_table(ATTENTION_MAP),
        "images": images,
    }


def covering(flows: np.ndarray, most: int) -> list[int]:
    """Numbers of images, the most useful first: each shows much of cells that those before it do not show.

    Args:
        flows: Pixels of (model, image, class, kind).
    """
    cells = np.moveaxis(flows, 1, 0).reshape(flows.shape[1], -1)
    best = cells.max(axis=0, initial=0)
    shares = np.divide(cells, best, out=np.zeros(cells.shape), where=best > 0)
    chosen: list[int] = []
    while len(chosen) < min(most, len(shares)):
        open_cells = (shares[chosen].max(axis=0, initial=0) < ENOUGH) & (best > 0)
        gains = shares[:, open_cells].sum(axis=1)
        gains[chosen] = -1
        if gains.max() <= 0:
            break
        chosen.append(int(gains.argmax()))
    return chosen


def _not_learnt(students: Students, model: tuple[str, int]) -> list[int]:
    """Classes that a model has not learnt yet."""
    return list(range(sum(students.model(*model).classifier.counts), len(students.plan.scenario.names)))


def _image(students: Students, tests, number: int, shown) -> dict:
    """An image, small, with what every model predicts."""
    picture, labels = image_and_labels(tests, number)
    step = -(-max(picture.shape[:2]) // SIDE)
    seen = [prediction(students.model(*each), picture, students.plan.window) for each in shown]
    small = np.ascontiguousarray(picture[::step, ::step])
    exact = small.shape[0] * small.shape[1] <= EXACT
    return {
        "title": f"test image {number}",
        **scene.picture_of(small, labels[::step, ::step], exact=exact),
        "predictions": [label_runs(each[::step, ::step]) for each in seen],
    }
