"""The IoU of every class over the steps as small multiples: one panel per class, readable for 150 classes."""

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from satkit.data.labels import BACKGROUND
from satkit.plots import style
from satkit.plots.forgetting import check_table, look_of

COLUMNS = 6
PANEL = (1.45, 1.15)  # inches, title included
GAP = 0.3  # inches between two rows, for the title
LONGEST = 19  # characters of a panel's title
PALE = "#DADADA"
MARK = {"color": "black", "linewidth": 1, "linestyle": (0, (1, 1.5))}


def iou_multiples(
    iou: np.ndarray | Mapping[str, np.ndarray],
    names: Sequence[str],
    *,
    learnt_at: Sequence[int],
    title: str = "",
) -> Figure:
    """IoU of every class after every step, one panel per class, with its number and name.

    For one table, a panel shows its class as an old or new class and all other classes in pale grey: see whether the
    class is worse than the others. For several tables, it shows one line per strategy: see which strategies keep or
    learn the class. A dotted line marks the step in which the class is learnt.

    Args:
        iou: Shape (step, class), in [0, 1]; NaN before a class is learnt. Or such tables by strategy. A class that is
            NaN throughout has no panel.
        names: Name of each class, background first; long ones are cut.
        learnt_at: Step in which each class is learnt; its value for background does not matter.
        title: Of the whole figure.

    Raises:
        ValueError: If names, learnt_at and a table disagree on the number of classes, or no class has been learnt.
    """
    several = isinstance(iou, Mapping)
    given = iou if several else {"": iou}
    tables = {name: 100 * check_table(table, names, learnt_at) for name, table in given.items()}
    finite = np.any([np.isfinite(table).any(axis=0) for table in tables.values()] or [[False]], axis=0)
    drawn = np.flatnonzero(finite).tolist()
    if not drawn:
        raise ValueError("Some class must have an IoU, got none. Evaluate a step first.")
    looks = style.strategy_style(tables) if several else {}
    handles = [Line2D([], [], **look.line(), label=name) for name, look in looks.items()] or _groups(drawn, learnt_at)
    figure, axes = _panels(len(drawn), [*handles, Line2D([], [], **MARK, label="learnt in this step")], title)
    for ax, index in zip(axes.flat, drawn, strict=False):
        if several:
            for name, table in tables.items():
                _line(ax, table[:, index], looks[name], name)
        else:
            _others(ax, tables[""], [other for other in drawn if other != index])
            _line(ax, tables[""][:, index], look_of(index, learnt_at), names[index])
        if index != BACKGROUND:
            ax.axvline(learnt_at[index], zorder=1.5, **MARK)
        ax.set_title(_cut(f"{index} {names[index]}"), fontsize=style.SMALL, pad=3)
    last = max(len(table) for table in tables.values()) - 1
    axes[0, 0].set(xlim=(-0.2 - 0.02 * last, 1.02 * last + 0.2), ylim=(-5, 105), yticks=(0, 50, 100))
    axes[0, 0].set_xticks(np.arange(0, last + 1, 1 + last // 6))
    return figure


def _panels(count: int, handles: Sequence[Line2D], title: str) -> tuple[Figure, np.ndarray]:
    """A figure with this number of panels that share their axes, in rows, below a legend.

    The layout is computed here, since a constrained layout of 150 panels takes many seconds.
    """
    columns = min(COLUMNS, count)
    rows = -(-count // columns)
    width = max(PANEL[0] * columns + 0.75, 4.5)
    widest = max(len(handle.get_label()) for handle in handles)
    beside = max(1, min(len(handles), int(width / (0.7 + 0.08 * widest))))
    above = 0.3 + 0.2 * -(-len(handles) // beside) + 0.27 * bool(title)
    height = PANEL[1] * rows + above + 0.5 - GAP
    figure, axes = plt.subplots(rows, columns, figsize=(width, height), sharex=True, sharey=True, squeeze=False)
    figure.subplots_adjust(
        0.65 / width, 0.5 / height, 1 - 0.1 / width, 1 - above / height, 0.08, GAP / (PANEL[1] - GAP)
    )
    for ax in axes.flat:
        ax.grid(False)
    for ax in axes.flat[count:]:
        ax.set_visible(False)
    for ax in axes.flat[max(0, count - columns) : count]:
        ax.tick_params(labelbottom=True)
    figure.supxlabel("step", fontsize=10, y=0.05 / height)
    figure.supylabel("IoU (%)", fontsize=10, x=0.05 / width)
    figure.legend(
        handles=handles,
        loc="upper center",
        ncols=beside,
        fontsize=style.SMALL,
        title=title or None,
        title_fontsize=12,
        borderaxespad=0.2,
    )
    return figure, axes


def _line(ax: Axes, values: np.ndarray, look: style.Look, label: str) -> None:
    ax.plot(np.arange(len(values)), values, **look.line(), markersize=3.5, linewidth=1.4, label=label)


def _others(ax: Axes, table: np.ndarray, others: Sequence[int]) -> None:
    """The lines of many classes as one, with gaps between them."""
    lines = np.vstack([table[:, others], np.full((1, len(others)), np.nan)])
    steps = np.append(np.arange(len(table), dtype=float), np.nan)
    ax.plot(np.tile(steps, len(others)), lines.T.ravel(), color=PALE, linewidth=0.6, zorder=1, label="other classes")


def _groups(drawn: Sequence[int], learnt_at: Sequence[int]) -> list[Line2D]:
    """Legend entries for background, old and new classes if they occur, and for the pale lines."""
    groups = {"background": style.REST, "old class": style.OLD, "new class": style.NEW}
    used = {look_of(index, learnt_at) for index in drawn}
    handles = [Line2D([], [], **look.line(), label=label) for label, look in groups.items() if look in used]
    return [*handles, Line2D([], [], color=PALE, label="all other classes")]


def _cut(text: str) -> str:
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 1].rstrip()}\N{HORIZONTAL ELLIPSIS}"
