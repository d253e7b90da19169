"""Checks of lesson 11: what a classifier shows, what a probe knows, and how similar two representations are."""

import numpy as np
import torch

from satkit.analysis.probes import linear_cka
from satkit.notebooks.checks.checking import Names, called, same, wants


@wants(
    shown="a function of a strategy's name, a step and classes: the share of a class's places that the model calls by "
    "its name, a mean over the classes"
)
def shown(at: Names) -> None:
    """Counted place by place, for the first strategy's first and last model."""
    for t in (0, -1):
        seen = at.testing[at.one][t]
        pairs = list(zip(seen.labels["embedding"].tolist(), seen.predicted.tolist()))
        found = [[called == c for truth, called in pairs if truth == c] for c in at.scenario.base]
        expected = float(np.mean([np.mean(each) for each in found if each]))
        same(f"shown after step {t % len(at.steps)}", called("shown", at.shown, at.one, t, at.scenario.base), expected)


@wants(
    known="a function of a strategy's name, a step, classes and a layer (embedding, if none is given): what a probe "
    "finds of the classes, a share"
)
def known(at: Names) -> None:
    """Against the probe above, which was fitted to the last model of the first strategy."""
    same("known", called("known", at.known, at.one, -1, at.scenario.base), float(at.found))


@wants(cka="a function of two representations, tensors (place, channel): their linear CKA, a number")
def cka(at: Names) -> None:
    """Against the library, for two models and for places that are mixed."""
    X, Y = (at.testing[at.one][t].features["embedding"] for t in (0, -1))
    for what, other in (("two models", Y), ("a model and itself, mixed", X.flip(0)), ("a shifted copy", X + 3.0)):
        found = called("cka", at.cka, X, other)
        same(f"cka of {what}", float(found) if isinstance(found, torch.Tensor) else found, linear_cka(X, other))


@wants(
    by_stage="how far the relations of the old classes have drifted under every strategy of short (rows) in the stages "
    "1 to 4 (columns), a mean over all rows of the strategy and all heads of the stage, an array"
)
def drift_by_stage(at: Names) -> None:
    """Exercise 4: value by value."""
    expected = np.zeros((len(at.short), 4))
    for row, name in enumerate(at.short):
        for stage in range(4):
            heads = [column for column in at.rows if column.startswith(f"drift_s{stage + 1}h")]
            its = zip(at.rows["strategy"], *(at.rows[column] for column in heads))
            expected[row, stage] = np.mean([values for strategy, *values in its if strategy == name])
    same("by_stage", at.by_stage, expected, "strategy stage")
