"""Checks of lesson 11: what a classifier shows, what a probe knows, and how similar two representations are."""

import numpy as np
import torch

from satkit.analysis.probes import Probe, linear_cka
from satkit.notebooks.checks.checking import Names, called, must, same, wants


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
    objects="a function of samples to fit a probe and samples to test it: of background against everything else, the "
    "percentage that the model shows and the percentage that a probe knows, each a mean over these two classes"
)
def objects(at: Names) -> None:
    """Exercise 3: counted place by place, for the base step."""
    fitted, tested = at.taken["base step"]
    learn, truth = (np.array(each.labels["embedding"]) > 0 for each in (fitted, tested))
    probe = Probe(fitted.features["embedding"], torch.from_numpy(learn).long())
    said = np.array(tested.predicted) > 0, np.array(probe.predict(tested.features["embedding"])) > 0
    expected = [100 * np.mean([np.mean(each[truth == c] == c) for c in (False, True)]) for each in said]
    found = called("objects", at.objects, fitted, tested)
    must(isinstance(found, list | tuple) and len(found) == 2, "objects must give two numbers.")
    for name, value, wanted in zip(("shown", "known"), found, expected):
        same(f"what objects gives as {name}", value, float(wanted))
