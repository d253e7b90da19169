"""Checks of lesson 01: what the annotator of a step shows, what is called background, and which images a step gets."""

import numpy as np

from satkit.data.labels import BACKGROUND, IGNORE
from satkit.notebooks.checks.checking import Names, called, must, same, wants

MOST = 200  # images that are counted


@wants(
    first="the steps that are shown, plan.steps or the first of them",
    seen="what the annotator of each of these steps marks in the chosen images: by step, then by image, (row, column)",
)
def annotations(at: Names) -> None:
    """The whole annotation, with background in place of the classes that a step does not annotate."""
    steps = list(at.first)
    must(
        steps == list(at.plan.steps[: len(steps)]) and bool(steps),
        "first must hold the steps of the plan in their order.",
    )
    shown = [{*at.plan.scenario.training_table(step).values(), IGNORE} for step in steps]
    expected = [[np.where(np.isin(truth, [*kept]), truth, BACKGROUND) for truth in at.truths] for kept in shown]
    same("seen", at.seen, expected, "row column")


@wants(
    called_background="a function of a step: three numbers, how many % of what its annotator calls background are "
    "background, of an old class, and of a class to come"
)
def background(at: Names) -> None:
    """Counted value by value, in the first and in the last step."""
    for step in (at.plan.steps[0], at.plan.steps[-1]):
        found = called("called_background", at.called_background, step)
        same(f"called_background of step {step.index}", found, _called_background(at.plan, step), "kind")


def _called_background(plan, step) -> np.ndarray:
    images, counts = plan.annotated(step), np.zeros(3)
    whole = plan.complete(images)
    kind = {BACKGROUND: 0} | {c: 1 for c in step.old} | {c: 2 for c in step.future}
    for index in range(min(MOST, len(images))):
        hidden = whole.labels(index)[images.labels(index) == BACKGROUND]
        for value, count in zip(*np.unique(hidden, return_counts=True)):
            if int(value) in kind:
                counts[kind[int(value)]] += count
    return 100 * counts / max(1, counts.sum())


@wants(images_in="a function of a setting's name and of the number of a step: how many images the step learns from")
def images(at: Names) -> None:
    """Counted from the labels of every image, for two settings."""
    if at.plan.scenario.by_domain:
        return
    for index in (0, len(at.plan.steps) - 1):
        shows, later = (_shows(at.plan, classes) for classes in _new_and_future(at.plan, index))
        for name, expected in (("overlapped", shows.sum()), ("disjoint", (shows & ~later).sum())):
            found = called("images_in", at.images_in, name, index)
            same(f"images_in({name!r}, {index})", found, int(expected))


@wants(
    belongs="a function of the set of labels in an image and of a step: whether the image belongs to the step in the "
    "setting disjoint"
)
def disjoint_rule(at: Names) -> None:
    """Against the filter of the library's scenario, image by image."""
    for index, step in enumerate(at.steps):
        shows, later = (_shows(at.plan, classes) for classes in _new_and_future(at.plan, index))
        sets = [set(np.flatnonzero(row)) for row in at.present[:MOST]]
        found = [bool(called("belongs", at.belongs, labels, step)) for labels in sets]
        same(f"belongs in step {index}", np.array(found), (shows & ~later)[:MOST], "image")


def _new_and_future(plan, index: int) -> tuple:
    return plan.steps[index].new, plan.steps[index].future


def _shows(plan, classes) -> np.ndarray:
    """Whether each image to learn from shows one of the classes."""
    labels = [plan.scenario.order[c - 1] for c in classes]
    return plan.data.train.present[:, labels].any(axis=1)
