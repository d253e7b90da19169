"""Many images, each beside its label map, with one legend for all."""

from collections.abc import Sequence

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure

from satkit.plots import style
from satkit.plots.predictions import check_image, class_handles, overlay

PANEL = 1.75  # inches, if there is space
LINE = 0.22  # inches, of the legend


def contact_sheet(
    images: Sequence[np.ndarray],
    label_maps: Sequence[np.ndarray],
    names: Sequence[str],
    *,
    titles: Sequence[str] = (),
    columns: int = 3,
    old: Sequence[int] = (),
    title: str = "",
) -> Figure:
    """Images in colour, each with its label map over the grey image on the right.

    Look for objects without a colour in the label map: the annotator labels them background. An exemplar memory can be
    drawn too: its images, their labels in training, and as titles the step that each image is from.

    Args:
        images: uint8 of shape (height, width, 3) each.
        label_maps: uint8 of shape (height, width) each.
        names: Name of each label value.
        titles: One for each image; longer ones are cut in the middle.
        columns: Number of pairs side by side.
        old: Label values to be marked "old" in the legend, the others "new"; empty marks none.
        title: Of the whole sheet.

    Raises:
        ValueError: If there are no images, or not one label map, and one title if any, for each.
    """
    if not images or len(label_maps) != len(images) or (titles and len(titles) != len(images)):
        raise ValueError(
            f"A contact sheet needs images with one label map each, and one title each or none, got {len(images)} "
            f"images, {len(label_maps)} label maps and {len(titles)} titles."
        )
    for image in images:
        check_image(image)
    columns = min(columns, len(images))
    rows = -(-len(images) // columns)
    panel = style.side_of_panel(2 * columns, PANEL)
    handles = class_handles(label_maps, names, old=old)
    widest = max((len(handle.get_label()) for handle in handles), default=0)
    beside = max(1, min(len(handles), int(2 * panel * columns / (0.55 + 0.075 * widest))))
    height = panel * np.median([image.shape[0] / image.shape[1] for image in images]) + 0.28
    size = (2 * panel * columns, height * rows + LINE * (2 * bool(title) + np.ceil(len(handles) / beside)) + 0.1)
    figure, axes = plt.subplots(rows, 2 * columns, figsize=size, layout="constrained", squeeze=False)
    for ax in axes.flat:
        ax.set_visible(False)
    for number, (image, labels) in enumerate(zip(images, label_maps, strict=True)):
        row, column = divmod(number, columns)
        left, right = axes[row, 2 * column], axes[row, 2 * column + 1]
        left.set_visible(True), right.set_visible(True)
        style.bare(left).imshow(image)
        overlay(image, labels, ax=right)
        if titles:
            left.set_title(_cut(titles[number], int(panel / 0.052)), fontsize=style.SMALL, loc="left")
    if title:
        figure.suptitle(title)
    if handles:
        figure.legend(handles=handles, loc="outside lower center", ncols=beside, fontsize=style.SMALL)
    return figure


def _cut(text: str, longest: int) -> str:
    half = longest // 2 - 1
    return text if len(text) <= longest else f"{text[:half]} … {text[-half:]}"
