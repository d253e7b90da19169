"""Scores from confusion matrices: IoU, old / new / all, forgetting, average over steps.

`confusion[truth, predicted]` counts pixels; index 0 is background. A class without a pixel in the ground truth has no
IoU (NaN) and is left out of all means. In the tables, *old* means the classes of the base step and *new* those of all
later steps, as in the published tables; `background_in_old` decides whether background counts as an old class; in
"all" it always counts.
"""

import numpy as np

from satkit.scenario import Scenario


def iou(confusion: np.ndarray) -> np.ndarray:
    """Intersection over union of every class, in [0, 1]; NaN for a class without ground truth."""
    hits = np.diag(confusion).astype(float)
    truth, predicted = confusion.sum(axis=1), confusion.sum(axis=0)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(truth > 0, hits / (truth + predicted - hits), np.nan)


def mean_iou(confusion: np.ndarray, classes) -> float:
    """Mean IoU over those of the classes that occur in the ground truth; NaN if none does."""
    scores = iou(confusion)[list(classes)]
    return float(np.nanmean(scores)) if np.isfinite(scores).any() else float("nan")


def pixel_accuracy(confusion: np.ndarray) -> float:
    """Share of pixels that are predicted correctly."""
    return float(np.diag(confusion).sum() / max(confusion.sum(), 1))


def old_new_all(confusion: np.ndarray, scenario: Scenario, background_in_old: bool = True) -> dict[str, float]:
    """Mean IoU of the classes of the base step, of later steps so far, and of all classes so far."""
    seen = range(1, len(confusion))
    old = [index for index in scenario.base if index in seen]
    new = [index for index in scenario.added if index in seen]
    return {
        "old": mean_iou(confusion, [0, *old] if background_in_old else old),
        "new": mean_iou(confusion, new) if new else float("nan"),
        "all": mean_iou(confusion, [0, *seen]),
    }


def iou_table(confusions: list[np.ndarray], num_outputs: int) -> np.ndarray:
    """IoU of shape (step, class), NaN before a class is learnt."""
    table = np.full((len(confusions), num_outputs), np.nan)
    for step, confusion in enumerate(confusions):
        table[step, : len(confusion)] = iou(confusion)
    return table


def forgetting(table: np.ndarray, scenario: Scenario) -> np.ndarray:
    """Per class, the best IoU it had after any earlier step minus its IoU after the last; NaN for the last step's.

    Background is NaN, since it is not a learnt class. After Chaudhry et al., ECCV 2018, equation 3, with
    IoU in place of accuracy.
    """
    drop = np.full(table.shape[1], np.nan)
    last = len(table) - 1
    for step in scenario.steps[:last]:
        for index in step.new:
            earlier = table[step.index : last, index]
            if np.isfinite(earlier).any():
                drop[index] = np.nanmax(earlier) - table[last, index]
    return drop


def old_new_all_places(places: np.ndarray, scenario: Scenario) -> dict[str, float]:
    """Mean IoU on the test images of the base step's domains, of later domains so far, and of all domains so far.

    Args:
        places: Confusion matrices of shape (domain, truth, predicted), in the order of learning.
    """
    parts = np.split(places, [len(scenario.steps[0].domains)])
    old, new = (mean_iou(part.sum(axis=0), range(places.shape[1])) if len(part) else float("nan") for part in parts)
    return {"old": old, "new": new, "all": mean_iou(places.sum(axis=0), range(places.shape[1]))}


def summary_of_places(steps: list[np.ndarray], scenario: Scenario) -> dict:
    """The same as `summary`, for settings by domain.

    Args:
        steps: For each step the confusion matrices of the domains so far, as in `old_new_all_places`.

    Returns:
        forgetting: Mean drop of a domain's mean IoU from its best earlier step, over the domains of earlier steps.
        kept: old after the last step, as a share of what it was after step 0. per_place: The mean IoU of every domain
        after each step, NaN before its step.
    """
    per_step = [old_new_all_places(places, scenario) for places in steps]
    names = [name for step in scenario.steps for name in step.domains]
    table = np.full((len(steps), len(names)), np.nan)
    for index, places in enumerate(steps):
        table[index, : len(places)] = [mean_iou(place, range(len(place))) for place in places]
    earlier = len(steps[-2]) if len(steps) > 1 else 0
    drops = np.nanmax(table[:-1, :earlier], axis=0) - table[-1, :earlier] if earlier else np.array([])
    total = [places.sum(axis=0) for places in steps]
    ious = iou_table(total, len(scenario.names))
    per_class = {name: (ious[:, index], float("nan")) for index, name in enumerate(scenario.names)}
    return {
        **_summary(per_step, (per_step[0]["old"], per_step[-1]["old"]), drops, total[-1], per_class),
        "per_place": {name: table[:, index].tolist() for index, name in enumerate(names)},
    }


def summary(confusions: list[np.ndarray], scenario: Scenario, background_in_old: bool = True) -> dict:
    """All scores of a run, from its confusion matrices, one per step.

    Returns:
        old, new, all: Mean IoU after the last step. base: "old" after step 0. average: "all" averaged over steps.
        kept: Mean IoU of the base step's classes after the last step, as a share of what it was after step 0,
        without background; NaN if nothing was learnt. forgetting: Mean over classes. per_class: IoU and
        forgetting by class name. steps: old / new / all per step.
    """
    per_step = [old_new_all(confusion, scenario, background_in_old) for confusion in confusions]
    table = iou_table(confusions, len(scenario.names))
    drop = forgetting(table, scenario)
    base = tuple(mean_iou(confusion, scenario.base) for confusion in (confusions[0], confusions[-1]))
    per_class = {name: (table[:, index], float(drop[index])) for index, name in enumerate(scenario.names)}
    return _summary(per_step, base, drop, confusions[-1], per_class)


def _summary(per_step: list[dict], base: tuple[float, float], drops: np.ndarray, last: np.ndarray, per_class) -> dict:
    """What both summaries share, from the base classes' score after the first and last step, and every drop."""
    return {
        **per_step[-1],
        "base": per_step[0]["old"],
        "kept": base[1] / base[0] if base[0] > 0 else float("nan"),
        "average": float(np.mean([scores["all"] for scores in per_step])),
        "forgetting": float(np.nanmean(drops)) if np.isfinite(drops).any() else float("nan"),
        "pixel_accuracy": pixel_accuracy(last),
        "steps": per_step,
        "per_class": {name: {"iou": ious.tolist(), "forgetting": drop} for name, (ious, drop) in per_class.items()},
    }
