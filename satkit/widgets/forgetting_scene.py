"""What the canvas of the forgetting explorer draws, as plain values and bytes; `forgetting_canvas` reads them."""

from collections.abc import Mapping, Sequence

import numpy as np

from satkit.analysis.codes import label_runs
from satkit.plots.style import ATTENTION_MAP, NEW, OLD, REST
from satkit.widgets import scene


def scores_of(
    iou: np.ndarray,
    confusions: Sequence[np.ndarray],
    names: Sequence[str],
    learnt_at: Sequence[int],
    rows: Sequence[int],
) -> dict:
    """The scores of a run.

    Args:
        iou: Shape (step, class), in [0, 1]; NaN before a class is learnt.
        confusions: Per step, pixel counts `[truth, predicted]`.
        learnt_at: Step in which each class is learnt.
        rows: Classes that have a line, a row and a column.
    """
    return {
        **scene.common(names),
        "tables": {"share": scene.colour_table(ATTENTION_MAP)},  # as the matrix of the figure
        "iou": np.asarray(iou, dtype="<f4").tobytes(),
        "confusions": [
            {"classes": len(each), "counts": np.asarray(each, dtype="<f8").tobytes()} for each in confusions
        ],
        "learnt_at": [int(step) for step in learnt_at],
        "rows": [int(label) for label in rows],
        "looks": {"old": OLD.colour, "new": NEW.colour, "rest": REST.colour},
    }


def image_of(number: int, picture: np.ndarray, truth: np.ndarray) -> dict:
    """An image and its ground truth."""
    return {"number": number, **scene.picture_of(picture, truth)}


def predictions_of(number: int, by_step: Mapping[int, np.ndarray]) -> dict:
    """What an image was predicted as after some steps."""
    return {"number": number, "steps": {str(step): label_runs(found) for step, found in by_step.items()}}
