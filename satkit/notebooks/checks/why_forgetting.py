"""Checks of lesson 11: what a classifier shows, what a probe knows, and how similar two representations are."""

import numpy as np
import torch

from satkit.analysis.probes import linear_cka, rank_correlation
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
    every="the rank correlation of drift and forgetting over all strategies, a number",
    without="the same with one strategy left out at a time, in the order of short, a list",
)
def leave_one_out(at: Names) -> None:
    """Exercise 4: from the means of each strategy."""
    columns = (at.stored["drift"], at.stored["forgetting"])
    means = [[float(np.mean(column[at.stored["strategy"] == name])) for name in at.short] for column in columns]
    same("every", at.every, rank_correlation(*map(np.array, means)))
    places = range(len(at.short))
    left = [[np.array([value for n, value in enumerate(part) if n != out]) for part in means] for out in places]
    same("without", list(at.without), [rank_correlation(*pair) for pair in left])
