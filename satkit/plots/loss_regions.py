"""The regions of the loss: the label map of an image on the query grid of each stage."""

from collections.abc import Sequence

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure

from satkit.plots import style
from satkit.plots.predictions import check_image, class_handles, overlay

PANEL = 1.9  # inches
LINE = 0.22  # inches, of the legend


def loss_regions(
    image: np.ndarray,
    labels: np.ndarray,
    by_stage: Sequence[np.ndarray],
    names: Sequence[str],
    *,
    stage_names: Sequence[str],
    old: Sequence[int] = (),
) -> Figure:
    """The label map at full size, then the labels of each stage's queries.

    Look for classes that are missing in a later stage: an object smaller than the distance between two queries may
    contain no query, and then the loss does not include its relations there.

    Args:
        image: uint8 of shape (height, width, 3).
        labels: uint8 of shape (height, width).
        by_stage: Per stage, the labels of its queries, uint8 of shape (query_height, query_width).
        names: Name of each label value.
        stage_names: Per stage, a title.
        old: Label values to be marked "old" in the legend, the others "new"; empty marks none.

    Raises:
        ValueError: If there is not one title per stage, or no stage.
    """
    check_image(image)
    if len(by_stage) != len(stage_names) or not len(by_stage):
        raise ValueError(
            f"There must be one title per stage, got {len(stage_names)} titles and {len(by_stage)} label maps."
        )
    handles = class_handles([labels, *by_stage], names, old=old)
    columns = 1 + len(by_stage)
    beside = max(1, min(len(handles), int(PANEL * columns / 1.9)))
    height = PANEL * image.shape[0] / image.shape[1] + 0.5 + LINE * np.ceil(len(handles) / beside)
    figure, axes = plt.subplots(1, columns, figsize=(PANEL * columns, height), layout="constrained")
    overlay(image, labels, ax=axes[0]).set_title("labels", fontsize=style.SMALL)
    for ax, stage, name in zip(axes[1:], by_stage, stage_names, strict=True):
        _cells(image, np.asarray(stage), ax)
        ax.set_title(f"{name}: {stage.shape[0]} x {stage.shape[1]} queries", fontsize=style.SMALL)
    if handles:
        figure.legend(handles=handles, loc="outside lower center", ncols=beside, fontsize=style.SMALL)
    return figure


def _cells(image: np.ndarray, stage: np.ndarray, ax) -> None:
    """Labels of queries, each drawn as a cell over its part of the image."""
    height, width = image.shape[:2]
    rows = np.arange(height) * stage.shape[0] // height
    columns = np.arange(width) * stage.shape[1] // width
    overlay(image, stage[rows[:, None], columns], ax=ax)
