"""Label maps over images, and the film strip of predictions step by step.

Classes are coloured by index. Not everyone can distinguish 21 colours, so every region also shows the number of its
class. The image below is grey, so that its colours do not mix with those of the classes. Background is transparent,
IGNORE white and hatched, UNKNOWN grey with a question mark.
"""

import textwrap
from collections.abc import Sequence

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from satkit.data.labels import BACKGROUND, IGNORE, UNKNOWN
from satkit.plots import style

SMALLEST_NUMBERED = 0.004  # of the image's area
MOST_NUMBERS = 8  # of one class in one image
PANEL = 1.75  # inches, if there is space
SEARCH_SIZE = 64  # side in pixels of the reduced mask in which regions are found


def overlay(
    image: np.ndarray,
    labels: np.ndarray,
    *,
    names: Sequence[str] | None = None,
    numbers: bool = True,
    ax: Axes | None = None,
) -> Axes:
    """A label map in colour over its image, each region with the number of its class.

    Compare the borders of the coloured regions with the objects in the grey image.

    Args:
        image: uint8 of shape (height, width, 3).
        labels: uint8 of shape (height, width).
        names: Name of each label value; adds a legend of the classes that occur.
        numbers: Whether to write the number of the class into each region; never below 0.4 % of the image.

    Raises:
        ValueError: If image and labels do not have these shapes.
    """
    check_image(image)
    labels = np.asarray(labels)
    if labels.shape != image.shape[:2]:
        raise ValueError(
            f"labels must have the height and width of their image, {image.shape[:2]}, got shape "
            f"{labels.shape}. Resize them with nearest neighbours."
        )
    ax = style.axes_or_new(ax, (4, 4))
    ax.imshow(grey(image))
    ax.imshow(style.class_image(labels), interpolation="nearest")
    style.hatch_ignore(labels, ax)
    if numbers:
        for index in occurring([labels]):
            _number(labels == index, "?" if index == UNKNOWN else str(index), ax)
    if names is not None:
        handles = class_handles([labels], names)
        if handles:
            ax.legend(handles=handles, loc="upper left", bbox_to_anchor=(1.02, 1), fontsize=style.SMALL)
    return style.bare(ax)


def film_strip(
    images: Sequence[np.ndarray],
    truths: Sequence[np.ndarray],
    predictions: Sequence[Sequence[np.ndarray]],
    names: Sequence[str],
    *,
    step_titles: Sequence[str],
    old: Sequence[int] = (),
) -> Figure:
    """Image, ground truth and the prediction after each step; one row for each image.

    Follow one old class from left to right. Where it becomes transparent it is predicted as background; where its
    number changes, as another class.

    Args:
        images: uint8 of shape (height, width, 3) each.
        truths: Label map of each image.
        predictions: `predictions[step][image]` is a label map.
        names: Name of each label value; the legend lists the classes that occur anywhere in the strip.
        step_titles: Title of each step's column.
        old: Label values to be marked "old" in the legend, the others "new"; empty marks none.

    Raises:
        ValueError: If there is not one truth per image, one title per step and one prediction per step and
            image.
    """
    _check_strip(images, truths, predictions, step_titles)
    columns = 2 + len(predictions)
    panel = style.side_of_panel(columns, PANEL)
    titles = [
        textwrap.fill(each, max(8, int(panel / 0.085)), break_long_words=False)
        for each in ("image", "ground truth", *step_titles)
    ]
    handles = class_handles([*truths, *(labels for step in predictions for labels in step)], names, old=old)
    beside = _entries_beside(handles, panel * columns)
    height = panel * np.mean([image.shape[0] / image.shape[1] for image in images]) + 0.08
    above, below = 0.4 + 0.17 * max(each.count("\n") for each in titles), 0.22 * np.ceil(len(handles) / beside)
    size = (panel * columns, height * len(images) + above + below)
    figure, axes = plt.subplots(len(images), columns, figsize=size, layout="constrained", squeeze=False)
    for row, (image, truth) in enumerate(zip(images, truths, strict=True)):
        style.bare(axes[row, 0]).imshow(image)
        for ax, labels in zip(axes[row, 1:], [truth, *(step[row] for step in predictions)], strict=True):
            overlay(image, labels, ax=ax)
    for ax, title in zip(axes[0], titles, strict=True):
        ax.set_title(title, fontsize=10)
    if handles:
        figure.legend(handles=handles, loc="outside lower center", ncols=beside, fontsize=style.SMALL)
    return figure


def _check_strip(images, truths, predictions, step_titles) -> None:
    if not (len(images) == len(truths) and len(images) > 0):
        raise ValueError(f"There must be one truth per image, got {len(truths)} truths and {len(images)} images.")
    if len(predictions) != len(step_titles) or any(len(step) != len(images) for step in predictions):
        raise ValueError(
            f"predictions[step][image] must have one entry per step title ({len(step_titles)}), each with "
            f"one label map per image ({len(images)}), got {len(predictions)} entries with "
            f"{sorted({len(step) for step in predictions})} label maps. Swap steps and images if needed."
        )
    for image in images:
        check_image(image)


def _entries_beside(handles: Sequence[Patch], width: float) -> int:
    """How many legend entries fit beside each other in a width in inches, at least 1."""
    widest = max((len(handle.get_label()) for handle in handles), default=0)
    return max(1, min(len(handles), int(width / (0.55 + 0.075 * widest))))


def class_handles(label_maps: Sequence[np.ndarray], names: Sequence[str], *, old: Sequence[int] = ()) -> list[Patch]:
    """Legend entries "number name" of the classes that occur, ascending, and of UNKNOWN and IGNORE if they occur."""
    old = set(old)
    handles = []
    for index in occurring(label_maps):
        colour = style.class_colour(index)
        if index == UNKNOWN:
            handles.append(Patch(facecolor=colour, edgecolor="black", linewidth=0.5, label="? unknown"))
            continue
        if index >= len(names):
            raise ValueError(
                f"Every label must have a name, got label {index} and {len(names)} names. "
                f"Give the names of all label values, background first."
            )
        mark = "" if not old else " (old)" if index in old else " (new)"
        handles.append(Patch(facecolor=colour, edgecolor="black", linewidth=0.5, label=f"{index} {names[index]}{mark}"))
    if any((np.asarray(labels) == IGNORE).any() for labels in label_maps):
        handles.append(
            Patch(
                facecolor="white",
                edgecolor=style.HATCH_GREY,
                linewidth=0.5,
                hatch=style.HATCH,
                label="ignored",
            )
        )
    return handles


def occurring(label_maps: Sequence[np.ndarray]) -> list[int]:
    """Label values that occur, ascending, without BACKGROUND and IGNORE."""
    values = set()
    for labels in label_maps:
        values.update(np.unique(labels).tolist())
    return sorted(values - {BACKGROUND, IGNORE})


def grey(image: np.ndarray) -> np.ndarray:
    """The image without its colours and slightly faded, uint8 of the same shape."""
    brightness = image @ np.array([0.299, 0.587, 0.114])
    return np.repeat((50 + 0.75 * brightness)[..., None], 3, axis=2).astype(np.uint8)


def check_image(image: np.ndarray) -> None:
    """Raise ValueError unless it is uint8 of shape (height, width, 3)."""
    shape, kind = np.shape(image), getattr(image, "dtype", type(image).__name__)
    if len(shape) != 3 or shape[2] != 3 or kind != np.uint8:
        raise ValueError(
            f"image must be uint8 of shape (height, width, 3), got {kind} of shape {shape}. "
            f"Undo the normalisation and put channels last."
        )


def inside(mask: np.ndarray) -> tuple[int, int]:
    """Row and column of a pixel well inside the regions of a mask with at least one True."""
    core = mask
    while True:  # remove the border until nothing would be left
        padded = np.pad(core, 1)
        peeled = core & padded[:-2, 1:-1] & padded[2:, 1:-1] & padded[1:-1, :-2] & padded[1:-1, 2:]
        if not peeled.any():
            break
        core = peeled
    pixels = np.argwhere(core)
    nearest = pixels[np.abs(pixels - pixels.mean(axis=0)).sum(axis=1).argmin()]
    return int(nearest[0]), int(nearest[1])


def connected(mask: np.ndarray, pixel: tuple[int, int]) -> np.ndarray:
    """The part of a mask that is connected to one of its pixels through edges."""
    part = np.zeros_like(mask)
    part[pixel] = True
    while True:
        padded = np.pad(part, 1)
        grown = part | padded[:-2, 1:-1] | padded[2:, 1:-1] | padded[1:-1, :-2] | padded[1:-1, 2:]
        grown &= mask
        if (grown == part).all():
            return part
        part = grown


def _number(mask: np.ndarray, text: str, ax: Axes) -> None:
    """Write the number of a class into its regions, which are found at a coarse resolution."""
    stride = max(1, max(mask.shape) // SEARCH_SIZE)
    rest = mask[::stride, ::stride].copy()
    smallest = SMALLEST_NUMBERED * rest.size
    for _ in range(MOST_NUMBERS):
        if rest.sum() < max(smallest, 1):
            return
        row, column = inside(rest)
        region = connected(rest, (row, column))
        rest &= ~region
        if region.sum() >= smallest:
            ax.text(
                column * stride,
                row * stride,
                text,
                ha="center",
                va="center",
                fontsize=style.SMALL,
                fontweight="bold",
                color="white",
                path_effects=style.outlined(),
                clip_on=True,
            )
