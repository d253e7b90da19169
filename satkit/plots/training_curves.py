"""Curves of a training: the loss terms, and the mIoU of old classes at the beginning of a step."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes

from satkit.plots import style

NOT_TERMS = ("step", "iteration", "lr")
TOTAL = "total"
MARKS = 12  # markers along a curve
WINDOWS = 25  # smoothing windows along a curve
CURVE = "stability gap"  # marks the curves that are already on the axes


def loss_terms(history: Mapping[str, Sequence[float]], *, ax: Axes | None = None) -> Axes:
    """Every term of the loss over the iterations: thin as logged, thick smoothed, on a logarithmic axis.

    See which term is the largest part of the total, and whether one term rises while another falls. Terms include
    their weights, so their heights can be compared.

    Args:
        history: By column, a value per logged iteration: "iteration" and every term of one step. The columns
            "step" and "lr" are not terms. Values <= 0, which a logarithmic axis cannot show, are counted in
            the legend; None and NaN are gaps.

    Raises:
        ValueError: Without iterations or terms, with columns of different lengths, or if iterations do not
            increase.
    """
    columns = {name: np.array(values, dtype=float) for name, values in history.items()}
    terms = [name for name in columns if name not in NOT_TERMS]
    if "iteration" not in columns or not terms:
        raise ValueError(
            f"The history must have a column 'iteration' and at least one term, got the columns {list(history)}."
        )
    iterations = columns["iteration"]
    lengths = {name: len(values) for name, values in columns.items()}
    if len(set(lengths.values())) > 1:
        raise ValueError(f"All columns must have one value per logged iteration, got lengths {lengths}.")
    if (np.diff(iterations) <= 0).any():
        raise ValueError("Iterations must increase, but the history goes back. Pass the rows of one step.")
    ax = style.axes_or_new(ax, (8, 4.2))
    looks = {**style.strategy_style([name for name in terms if name != TOTAL]), TOTAL: style.TRUTH}
    every = max(1, len(iterations) // MARKS)
    for name in terms:
        shown = np.where(columns[name] > 0, columns[name], np.nan)
        hidden = int((columns[name] <= 0).sum())
        label = name + (f"\n({hidden} of {len(shown)} values \N{LESS-THAN OR EQUAL TO} 0 not shown)" if hidden else "")
        colour = looks[name].colour
        ax.plot(iterations, shown, color=colour, linewidth=0.7, alpha=0.35)
        ax.plot(iterations, running_mean(shown), **looks[name].line(), linewidth=2.2, markevery=every, label=label)
    ax.set_yscale("log")
    ax.set(xlabel="iteration", ylabel="loss (logarithmic axis)")
    ax.legend(**style.BESIDE)
    return ax


def stability_gap(
    iterations: Sequence[int],
    values: Sequence[float],
    *,
    boundary: int = 0,
    ax: Axes | None = None,
    label: str | None = None,
) -> Axes:
    """mIoU of the old classes, evaluated every few iterations before and after a new step begins.

    See the drop right after the boundary and how much is recovered: scores after the step do not show the drop. The
    lowest point is marked. To draw several strategies, pass the same `ax` again; the i-th has the i-th look of
    `strategy_style`.

    Args:
        iterations: Increasing; those up to the boundary belong to the model before the step.
        values: mIoU of the old classes at each iteration, in [0, 1].
        boundary: Iteration at which the new step begins.
        label: Name of the curve in the legend, which then also holds the lowest value.

    Raises:
        ValueError: If iterations and values differ in length, or nothing was evaluated after the boundary.
    """
    iterations, values = np.asarray(iterations), 100 * np.asarray(values, dtype=float)
    if iterations.shape != values.shape or iterations.ndim != 1:
        raise ValueError(f"There must be one value per iteration, got shapes {iterations.shape} and {values.shape}.")
    after = np.flatnonzero((iterations > boundary) & np.isfinite(values))
    if not len(after):
        raise ValueError(
            f"Some value must have been measured after the boundary ({boundary}), got iterations up to "
            f"{iterations.max() if len(iterations) else 'none'}. Evaluate during the new step too."
        )
    ax = style.axes_or_new(ax, (8 if label is None else 9.5, 4.2))
    curves = sum(line.get_gid() == CURVE for line in ax.lines)
    look = list(style.strategy_style(map(str, range(curves + 1))).values())[curves]
    if not curves:
        _mark_boundary(ax, boundary)
    lowest = after[np.argmin(values[after])]
    depth = f"lowest {values[lowest]:.1f} % at iteration {iterations[lowest]}"
    every = max(1, len(iterations) // MARKS)
    name = None if label is None else f"{label}\n({depth})"
    ax.plot(iterations, values, **look.line(), markevery=every, markersize=5, gid=CURVE, label=name)
    mark = {"marker": look.marker, "color": look.colour, "markersize": 10, "markeredgecolor": "black"}
    ax.plot(iterations[lowest], values[lowest], **mark)
    if label is None:
        _write_depth(ax, iterations, values, lowest, depth)
    else:
        ax.legend(**style.BESIDE)
    ax.set(xlabel="iteration", ylabel="mIoU of old classes (%)")
    ax.set_ylim(0, max(ax.get_ylim()[1], 1.1 * np.nanmax(values)))
    return ax


def _mark_boundary(ax: Axes, boundary: int) -> None:
    """A dotted line where the new step begins, with its name."""
    ax.axvline(boundary, color="black", linewidth=1.2, linestyle=":")
    ax.annotate(
        "new step begins",
        (boundary, 0.03),
        (-3, 0),
        xycoords=("data", "axes fraction"),
        textcoords="offset points",
        rotation=90,
        ha="right",
        va="bottom",
        fontsize=style.SMALL,
    )


def _write_depth(ax: Axes, iterations: np.ndarray, values: np.ndarray, lowest: int, text: str) -> None:
    """Write a text beside the lowest point, inside the axes."""
    low = values[lowest] < 0.15 * np.nanmax(values)  # no space below
    late = iterations[lowest] > iterations.mean()
    ax.annotate(
        text,
        (iterations[lowest], values[lowest]),
        (-10 if late else 10, 5 if low else -5),
        textcoords="offset points",
        ha="right" if late else "left",
        va="bottom" if low else "top",
        fontsize=style.SMALL,
        path_effects=style.outlined(3, "white"),
    )


def running_mean(values: np.ndarray, window: int | None = None) -> np.ndarray:
    """Centred mean over a window, shorter at both ends; NaN values are left out, all-NaN windows give NaN.

    Args:
        window: Number of values, made odd; by default a twenty-fifth of them.
    """
    values = np.asarray(values, dtype=float)
    half = (len(values) // WINDOWS if window is None else window) // 2
    known = np.isfinite(values)
    sums = np.concatenate([[0.0], np.cumsum(np.where(known, values, 0.0))])
    counts = np.concatenate([[0], np.cumsum(known)])
    positions = np.arange(len(values))
    first, stop = np.maximum(positions - half, 0), np.minimum(positions + half + 1, len(values))
    inside = counts[stop] - counts[first]
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(inside > 0, (sums[stop] - sums[first]) / inside, np.nan)
