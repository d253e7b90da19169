"""Checks of lesson 12: which labels are annotated in which images, and how many images each step learns from."""

import numpy as np

from satkit.data.labels import BACKGROUND, IGNORE
from satkit.notebooks.checks.checking import Names, same, wants

ANNOTATED, MOST = range(1, 7), 40


@wants(
    annotated="a table of labels: entry v says what label v becomes, 1 to 6 stay, all others are background, an array",
    chosen="the numbers of the first forty images of scenes.train that show one of these labels, an array",
)
def folder(at: Names) -> None:
    """Entry by entry, and image by image."""
    table = [value if value in (*ANNOTATED, IGNORE) else BACKGROUND for value in range(len(at.annotated))]
    same("annotated", at.annotated, np.array(table), "label")
    shows = [index for index, row in enumerate(at.scenes.train.present) if any(row[label] for label in ANNOTATED)]
    same("chosen", np.asarray(at.chosen), np.array(shows[:MOST]), "image")


@wants(by_step="for each step, how many images to learn from show one of its classes, a list of whole numbers")
def images_by_step(at: Names) -> None:
    """Image by image."""
    order, rows = at.plan.scenario.order, at.plan.data.train.present
    labels = [{order[c - 1] for c in step.new} for step in at.plan.steps]
    expected = [sum(bool(each & set(np.flatnonzero(row).tolist())) for row in rows) for each in labels]
    same("by_step", list(map(int, at.by_step)), expected)
