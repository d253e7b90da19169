"""Figures of forgetting: IoU of every class over the steps, comparison of strategies, predictions of old pixels.

IoU and mIoU are given in [0, 1], as the metrics compute them, and drawn in percent. Classes of the base step
are called old, those of later steps new; label 0 is background and neither. Confusion matrices count pixels
as `confusion[truth, predicted]`.
"""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.patches import Rectangle

from satkit.data.labels import BACKGROUND
from satkit.plots import style

GROUPS = ("old", "new", "all")
NARROW = 8.0  # percent of a stacked bar; the value of a smaller segment is written above it


def iou_over_steps(
    iou: np.ndarray,
    names: Sequence[str],
    *,
    learnt_at: Sequence[int],
    ax: Axes | None = None,
    title: str | None = None,
) -> Axes:
    """IoU of every class after every step, one line per class, with its name at the end.

    See which old classes fall, at which step, and whether new classes rise. Old classes are blue with
    circles, new ones orange, dashed and with triangles, background grey and dotted.

    Args:
        iou: Shape (step, class), in [0, 1]; NaN before a class is learnt. A class that is NaN throughout has
            no line.
        names: Name of each class, background first.
        learnt_at: Step in which each class is learnt; its value for background does not matter.

    Raises:
        ValueError: If names, learnt_at and the table disagree on the number of classes.
    """
    iou = check_table(iou, names, learnt_at)
    drawn = [index for index in range(len(names)) if np.isfinite(iou[:, index]).any()]
    ax = style.axes_or_new(ax, (8, max(4.2, 0.2 * len(drawn) + 0.9)))
    steps = np.arange(len(iou))
    ends = []
    for index in reversed(drawn):  # of classes with equal last values, the first is named first
        look = look_of(index, learnt_at)
        ax.plot(
            steps,
            100 * iou[:, index],
            **look.line(),
            markersize=5,
            linewidth=1.6,
            zorder=2.5 if look is style.NEW else 2,
            label=names[index],
        )
        last = np.flatnonzero(np.isfinite(iou[:, index]))[-1]
        ends.append((last, 100 * iou[last, index], names[index], look.colour))
    ax.set(xlabel="step", ylabel="IoU (%)", xticks=steps, ylim=(-3, 103))
    ax.set_xlim(-0.15, max(len(iou) - 1, 0) + 0.15)
    style.name_ends(ax, ends)
    groups = {"background": style.REST, "old classes": style.OLD, "new classes": style.NEW}
    used = {look_of(index, learnt_at) for index in drawn}
    handles = [Line2D([], [], **look.line(), label=label) for label, look in groups.items() if look in used]
    if handles:
        ax.legend(handles=handles, loc="lower center", bbox_to_anchor=(0.5, 1), ncols=3, fontsize=style.SMALL)
    if title is not None:
        ax.set_title(title, pad=26)
    return ax


def iou_heatmap(iou: np.ndarray, names: Sequence[str], *, learnt_at: Sequence[int], ax: Axes | None = None) -> Axes:
    """IoU in percent of every class (row) after every step (column); the step that learns a class is framed.

    Read each row to the right of its frame: if it becomes darker, the class is forgotten.

    Args:
        iou: Shape (step, class), in [0, 1]; NaN, drawn as a dash, before a class is learnt.
        names: Name of each class, background first.
        learnt_at: Step in which each class is learnt; background gets no frame.

    Raises:
        ValueError: If names, learnt_at and the table disagree on the number of classes.
    """
    iou = check_table(iou, names, learnt_at)
    ax = style.axes_or_new(ax, (0.55 * len(iou) + 2.2, 0.27 * len(names) + 1))
    ax.set_facecolor(style.EMPTY)
    ax.imshow(100 * iou.T, cmap=style.ATTENTION_MAP, vmin=0, vmax=100, aspect="auto")
    style.named_cells(ax, names, [str(step) for step in range(len(iou))])
    style.print_cells(ax, 100 * iou.T, form="{:.0f}")
    for index in range(1, len(names)):
        if 0 <= learnt_at[index] < len(iou):
            corner = (learnt_at[index] - 0.44, index - 0.42)
            frame = Rectangle(corner, 0.88, 0.84, fill=False, edgecolor="black", linewidth=1.6, zorder=3)
            frame.set_path_effects(style.outlined(3.5, "white"))
            ax.add_patch(frame)
    ax.set(xlabel="step", title="IoU (%)")
    return ax


def compare_strategies(table: Mapping[str, Mapping[str, float]], *, ax: Axes | None = None) -> Axes:
    """Old, new and all mIoU of each strategy as bars, with their values.

    A strategy that forgets has a short blue bar; one that does not learn new classes has a short orange bar. "All"
    alone does not show which of the two is the case.

    Args:
        table: By strategy, mIoU in [0, 1] under "old", "new" and "all"; NaN is drawn as a dash.

    Raises:
        ValueError: If a strategy lacks one of the three.
    """
    for strategy, scores in table.items():
        missing = [group for group in GROUPS if group not in scores]
        if missing:
            raise ValueError(
                f"Each strategy must have old, new and all, but {strategy!r} has no {', '.join(missing)}. "
                f"Use NaN for a score that does not exist."
            )
    ax = style.axes_or_new(ax, (8, 0.75 * len(table) + 1.2))
    rows = np.arange(len(table))
    looks = {"old": (style.OLD, ""), "new": (style.NEW, "//"), "all": (style.ALL, "")}
    for number, group in enumerate(GROUPS):
        look, hatch = looks[group]
        values = np.array([100 * scores[group] for scores in table.values()], dtype=float)
        heights = rows + 0.27 * (number - 1)
        ax.barh(
            heights,
            np.nan_to_num(values),
            0.25,
            color=look.colour,
            hatch=hatch,
            edgecolor="white",
            label=group,
        )
        for height, value in zip(heights, values, strict=True):
            text = f"{value:.1f}" if np.isfinite(value) else "–"
            ax.annotate(
                text,
                (np.nan_to_num(value), height),
                (3, 0),
                textcoords="offset points",
                va="center",
                fontsize=style.SMALL,
            )
    ax.set_yticks(rows, list(table))
    ax.set_ylim(len(table) - 0.5, -0.5)
    longest = np.nanmax([100 * scores[group] for scores in table.values() for group in GROUPS] + [1e-6])
    ax.set_xlim(0, 1.12 * longest)
    ax.grid(False, axis="y")
    ax.set_xlabel("mIoU (%)")
    ax.legend(title="classes", **style.BESIDE)
    return ax


def forgetting_per_class(forgetting: Mapping[str, np.ndarray], names: Sequence[str], *, ax: Axes | None = None) -> Axes:
    """How much IoU each class has lost since its best step, one mark per strategy.

    Marks far to the right are forgotten classes; left of zero a class has improved. See whether all strategies forget
    the same classes.

    Args:
        forgetting: By strategy, shape (class), as a difference of IoU in [-1, 1]; NaN where it is not
            defined.
        names: Name of each class. A class that is NaN for every strategy has no row.

    Raises:
        ValueError: If a strategy does not have one value per class.
    """
    looks = style.strategy_style(forgetting)
    drops = {strategy: np.asarray(values, dtype=float) for strategy, values in forgetting.items()}
    for strategy, values in drops.items():
        if values.shape != (len(names),):
            raise ValueError(
                f"Forgetting must have one value per class ({len(names)}), but {strategy!r} has shape {values.shape}."
            )
    rows = [index for index in range(len(names)) if any(np.isfinite(values[index]) for values in drops.values())]
    ax = style.axes_or_new(ax, (8, 0.32 * len(rows) + 1.2))
    ax.axvline(0, color="black", linewidth=1)
    shifts = np.linspace(-0.24, 0.24, len(drops)) if len(drops) > 1 else [0.0]
    for (strategy, values), shift in zip(drops.items(), shifts, strict=True):
        colour, marker, _ = looks[strategy]
        heights = np.arange(len(rows)) + shift
        ax.plot(100 * values[rows], heights, marker, color=colour, markersize=6, label=strategy)
    ax.set_yticks(range(len(rows)), [names[index] for index in rows])
    ax.set_yticks(np.arange(len(rows) - 1) + 0.5, minor=True)
    ax.set_ylim(len(rows) - 0.5, -0.5)
    ax.grid(False, axis="y")
    ax.grid(True, axis="y", which="minor", color=style.GRID)
    ax.tick_params(axis="y", which="both", length=0)
    ax.set_xlabel("forgetting (percentage points of IoU)")
    ax.legend(**style.BESIDE)
    return ax


def confusion_blocks(confusion: np.ndarray, *, old: Sequence[int], new: Sequence[int], ax: Axes | None = None) -> Axes:
    """How the pixels of background, of old and of new classes are predicted, in percent of each row.

    In the row of the old classes, "background" shows the background shift, "new" confusion with new classes. The
    diagonal includes confusions among the classes of one block; `old_class_flow` shows them separately.

    Args:
        confusion: Pixel counts of shape (class, class).
        old: Indices of the old classes. new: Indices of the new classes.

    Raises:
        ValueError: If counts lie on a class that is neither background nor old nor new.
    """
    confusion = _check_confusion(confusion, old, new)
    blocks = [[BACKGROUND], list(old), list(new)]
    counts = np.array([[confusion[np.ix_(rows, columns)].sum() for columns in blocks] for rows in blocks], dtype=float)
    totals = counts.sum(axis=1, keepdims=True)
    shares = np.divide(100 * counts, totals, out=np.full((3, 3), np.nan), where=totals > 0)
    ax = style.axes_or_new(ax, (4.6, 3.4))
    ax.set_facecolor(style.EMPTY)
    ax.imshow(shares, cmap=style.ATTENTION_MAP, vmin=0, vmax=100, aspect="auto")
    named = ("background", "old", "new")
    style.named_cells(ax, named, named)
    for label in ax.get_xticklabels():
        label.set(rotation=0, ha="center")
    style.print_cells(ax, shares, form="{:.1f} %", size=11)
    ax.set(xlabel="predicted", ylabel="ground truth", title="pixels of each row (%)")
    return ax


def old_class_flow(
    confusion_before: np.ndarray,
    confusion_after: np.ndarray,
    *,
    old: Sequence[int],
    new: Sequence[int],
    labels: Sequence[str] = ("before", "after"),
    ax: Axes | None = None,
) -> Axes:
    """How the pixels of the old classes are predicted, before and after a step (or by teacher and student).

    Compare the two bars. A larger grey part is background shift, a larger orange part confusion with new classes, a
    larger pale part confusion among old classes.

    Args:
        confusion_before: Pixel counts of shape (class, class). confusion_after: The same; may have more
            classes.
        old: Indices of the old classes. new: Indices of the new classes.
        labels: Name of each bar.

    Raises:
        ValueError: If counts lie on a class that is neither background nor old nor new, or no pixel is of an
            old one.
    """
    ax = style.axes_or_new(ax, (8, 2.8))
    parts = ("correct", "another old class", "background", "a new class")
    colours = (style.OLD.colour, style.OTHER_OLD, style.BACKGROUND_GREY, style.NEW.colour)
    hatches = ("", "..", "", "//")
    shares = np.array([_flow(confusion, old, new) for confusion in (confusion_before, confusion_after)])
    starts = np.cumsum(shares, axis=1) - shares
    for part, colour, hatch, width, left in zip(parts, colours, hatches, shares.T, starts.T, strict=True):
        ax.barh([0, 1], width, 0.55, left=left, color=colour, hatch=hatch, edgecolor="white", label=part)
    for row in (0, 1):
        _print_shares(row, starts[row] + shares[row] / 2, shares[row], colours, ax)
    ax.set_yticks([0, 1], labels)
    ax.set(xlim=(0, 100), ylim=(1.4, -0.6), xlabel="pixels of old classes (%)")
    ax.grid(False, axis="y")
    ax.legend(loc="lower center", bbox_to_anchor=(0.5, 1), ncols=4, fontsize=style.SMALL, title="predicted as")
    return ax


def _print_shares(row, centres, shares, colours, ax) -> None:
    """Write each share into its segment of a stacked bar, or above the bar where the segment is narrow."""
    narrow = (shares > 0) & (shares < NARROW)
    centres = centres.copy()
    centres[narrow] = style.spread(centres[narrow], NARROW - 1, low=3, high=97)
    for share, centre, above, colour in zip(shares, centres, narrow, colours, strict=True):
        position = {"va": "bottom", "y": row - 0.3} if above else {"va": "center", "y": row, "backgroundcolor": colour}
        if share > 0:
            ax.text(x=centre, s=f"{share:.1f} %", ha="center", fontsize=style.SMALL, **position)


def look_of(index: int, learnt_at) -> style.Look:
    """How a class is drawn: as old, new or background."""
    if index == BACKGROUND:
        return style.REST
    return style.OLD if learnt_at[index] == 0 else style.NEW


def _flow(confusion, old, new) -> np.ndarray:
    """Percent of the pixels of old classes that are correct, another old class, background, a new class."""
    counts = _check_confusion(confusion, old, new)
    inside = [index for index in old if index < len(counts)]
    rows = counts[inside]
    total = rows.sum()
    if total == 0:
        raise ValueError("The confusion matrix must count pixels of old classes, got none. Check the indices in old.")
    correct = counts[inside, inside].sum()
    added = rows[:, [index for index in new if index < len(counts)]].sum()
    parts = np.array([correct, rows[:, inside].sum() - correct, rows[:, BACKGROUND].sum(), added])
    return 100 * parts / total


def check_table(iou, names, learnt_at) -> np.ndarray:
    """The table of IoU as floats, or ValueError unless names and learnt_at fit it."""
    iou = np.asarray(iou, dtype=float)
    if iou.ndim != 2 or iou.shape[1] != len(names) or len(learnt_at) != len(names):
        raise ValueError(
            f"The IoU table must have shape (step, class) with one name and one learnt_at per class, got "
            f"shape {iou.shape}, {len(names)} names and {len(learnt_at)} entries of learnt_at. Count "
            f"background as a class."
        )
    return iou


def _check_confusion(confusion, old, new) -> np.ndarray:
    confusion = np.asarray(confusion)
    if confusion.ndim != 2 or confusion.shape[0] != confusion.shape[1]:
        raise ValueError(f"A confusion matrix must have shape (class, class), got {confusion.shape}.")
    named = {BACKGROUND, *old, *new}
    others = [
        index
        for index in range(len(confusion))
        if index not in named and (confusion[index] + confusion[:, index]).any()
    ]
    if others:
        raise ValueError(
            f"Every class with pixels must be background, old or new, got pixels on {others}. Add them to old or new."
        )
    return confusion
