"""Alt text of figures: what a figure shows, in a sentence with its numbers."""

from collections.abc import Mapping, Sequence

import numpy as np

from satkit.plots.class_flow import KINDS, flow_counts

DASH = "no score"


def of_scores(table: Mapping[str, Mapping[str, float | None]]) -> str:
    """Mean IoU of old, new and all classes of every strategy, in [0, 1] or None."""
    parts = [
        f"{name} {', '.join(f'{key} {_percent(scores[key])}' for key in scores)}" for name, scores in table.items()
    ]
    return f"{'; '.join(parts)}."


def of_classes(tables: Mapping[str, np.ndarray], base: Sequence[int]) -> str:
    """How the mean IoU of the base classes went from the first step to the last, by strategy.

    Args:
        tables: By strategy, IoU of shape (step, class), in [0, 1].
        base: Indices of the base classes.
    """
    parts = []
    for name, table in tables.items():
        means = [_mean(step[list(base)]) for step in table]
        parts.append(f"{name} from {_percent(means[0])} to {_percent(means[-1])}")
    return f"Mean IoU of the base classes over the steps: {'; '.join(parts)}."


def of_forgetting(drops: Mapping[str, np.ndarray], names: Sequence[str]) -> str:
    """The mean drop of every strategy, and the class that fell furthest.

    Args:
        drops: By strategy, drop in IoU of shape (class,), in [0, 1]; NaN where there is none.
        names: Name of each class.
    """
    parts = []
    for name, values in drops.items():
        if not np.isfinite(values).any():
            parts.append(f"{name} {DASH}")
            continue
        worst = int(np.nanargmax(values))
        parts.append(f"{name} {100 * _mean(values):.1f} points, most for {names[worst]} ({100 * values[worst]:.1f})")
    return f"Mean drop: {'; '.join(parts)}."


def of_flow(pairs: Mapping[str, tuple[np.ndarray, np.ndarray]], old: Sequence[int], new: Sequence[int]) -> str:
    """Where the pixels of old classes went, by strategy.

    Args:
        pairs: By strategy, confusion matrices before and after.
        old: Indices of the old classes. new: Indices of the new classes.
    """
    parts = []
    for name, confusions in pairs.items():
        shares = []
        for confusion in confusions:
            counts = flow_counts(confusion, old, new)[[each for each in old if each < len(confusion)]].sum(axis=0)
            shares.append(counts / max(counts.sum(), 1))
        changes = [
            f"{kind} {_percent(before)} before, {_percent(after)} after"
            for kind, before, after in zip(KINDS, *shares, strict=True)
        ]
        parts.append(f"{name}: {', '.join(changes)}")
    return f"{'; '.join(parts)}."


def of_attention(teacher: Sequence[np.ndarray], student: Sequence[np.ndarray], names: Sequence[str]) -> str:
    """How much of the attention has moved from the teacher to the student: half of the absolute difference.

    Args:
        teacher: By stage or region, weights that sum to 1. student: The same of the student.
        names: What each is.
    """
    moved = [0.5 * np.abs(ours - theirs).sum() for theirs, ours in zip(teacher, student, strict=True)]
    parts = [f"{name} {_percent(share)}" for name, share in zip(names, moved, strict=True)]
    return f"Attention that has moved: {', '.join(parts)}."


def of_loss(history: Mapping[str, Sequence[float]]) -> str:
    """How every term went from the first logged iteration to the last."""
    terms = [name for name in history if name not in ("step", "iteration", "lr")]
    parts = [f"{name} from {history[name][0]:.3g} to {history[name][-1]:.3g}" for name in terms]
    return f"{', '.join(parts)}."


def _mean(values: np.ndarray) -> float:
    values = np.asarray(values, dtype=float)
    return float(np.nanmean(values)) if np.isfinite(values).any() else float("nan")


def _percent(value: float | None) -> str:
    return DASH if value is None or not np.isfinite(value) else f"{100 * value:.1f} %"
