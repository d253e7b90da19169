"""What has become of the classes that a model knew, in a later model: what is shown, what is known, what has moved."""

from dataclasses import replace

from satkit.analysis.probes import (
    EMBEDDING,
    Probe,
    Samples,
    alignment,
    class_accuracy,
    linear_cka,
    region_drift,
    samples,
)
from satkit.data.step_images import StepImages
from satkit.models import Segmenter

PLACES = 128  # of every test image, for probes, angles and similarities


def measure(before: Segmenter, after: Segmenter, tests: StepImages, classes, seed: int = 0) -> dict[str, list | float]:
    """What has become of some classes between two models: a list by class for each measure, one number for each CKA.

    Probes are fitted on every second test image and tested on the others.

    Args:
        before: The model that learnt the classes. after: The model that learnt others since.
        tests: With the whole annotation as class indices.
        classes: Class indices.
        seed: Decides the places.
    """
    halves = [replace(tests, indices=tests.indices[part::2]) for part in (0, 1)]
    was, now = ([samples(model, half, PLACES, seed) for half in halves] for model in (before, after))
    found: dict[str, list | float] = {}
    for suffix, model, (fitted, tested) in (("_before", before, was), ("", after, now)):
        labels = tested.labels[EMBEDDING]
        probe = Probe(fitted.features[EMBEDDING], fitted.labels[EMBEDDING])
        found_by = {"shown": tested.predicted, "known": probe.predict(tested.features[EMBEDDING])}
        for name, predicted in found_by.items():
            found[name + suffix] = [class_accuracy(labels, predicted, [each]) for each in classes]
        found["cosine" + suffix] = _cosines(model, tested, classes)
    for layer in was[1].features:
        found["cka_" + layer.replace(" ", "")] = linear_cka(now[1].features[layer], was[1].features[layer])
    for stage, drift in enumerate(region_drift(before, after, tests, classes).values(), start=1):
        for head, values in enumerate(drift.T, start=1):
            found[f"drift_s{stage}h{head}"] = values.tolist()
    return found


def _cosines(model: Segmenter, tested: Samples, classes) -> list[float]:
    """Cosine of every class; NaN where deep heads have no weights to compare."""
    if model.classifier.deep:
        return [float("nan")] * len(classes)
    return alignment(model, tested.features[EMBEDDING], tested.labels[EMBEDDING])[list(classes)].tolist()
