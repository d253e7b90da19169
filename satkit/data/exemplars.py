"""Exemplars: images of earlier steps that a step trains on again, and the labels that they have in it."""

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from satkit.data.dataset import SegmentationData, Split
from satkit.data.labels import BACKGROUND, IGNORE, label_table
from satkit.data.shift import shift_of
from satkit.data.step_images import StepImages, void_label
from satkit.scenario import Scenario, Step


@dataclass(frozen=True)
class Conditions:
    """What decides how the images and labels of a run's steps differ from those of the data set.

    Attributes:
        shift: How much images of later steps differ from those of the base step, 0 to 1; see `Shift`.
        seed: Decides how they differ.
        void: What unlabelled pixels count as: "ignored" or "background".
    """

    shift: float = 0.0
    seed: int = 0
    void: str = "ignored"


class Reading(Protocol):
    """What an `ExemplarMemory` says about its images: which labels, what background counts as, part of a batch."""

    labels: str
    background: str
    share: float


@dataclass(frozen=True, eq=False)
class Exemplars:
    """Images of earlier steps to train on again.

    Attributes:
        entries: Number of an image in the training split, and the step that annotated it: int64 (image, 2).
        sources: By step, its images and how their labels are read.
        share: Part of every batch.
    """

    entries: np.ndarray
    sources: dict[int, StepImages]
    share: float


def exemplars(
    data: SegmentationData,
    scenario: Scenario,
    entries: np.ndarray,
    step: Step,
    reading: Reading,
    conditions: Conditions = Conditions(),
) -> Exemplars:
    """The exemplars that a step trains on.

    Args:
        entries: What `ExemplarMemory.choose` returned.
        step: The step that trains on them.
        reading: How their labels are read.
        conditions: Images are shifted as in their own step.
    """
    split = data.pool if scenario.by_domain else data.train
    sources = {}
    for index in np.unique(entries[:, 1]).tolist():
        complete = reading.labels == "complete"
        shown = scenario.test_table(step) if complete else scenario.training_table(scenario.steps[index])
        table = label_table(shown | void_label(conditions.void))
        if reading.background == "ignored" and not complete and not scenario.annotates_old:
            table = np.where(table == BACKGROUND, IGNORE, table).astype(table.dtype)
        indices = entries[entries[:, 1] == index, 0]
        sources[index] = StepImages(indices, table, split, shift_of(index, conditions.shift, conditions.seed))
    return Exemplars(entries, sources, reading.share)


def exemplar_presence(split: Split, scenario: Scenario, entries: np.ndarray, labels: str, last: Step) -> np.ndarray:
    """Which classes the labels of each exemplar show: bool (image, background and classes up to step `last`)."""
    shows = np.zeros((len(entries), last.num_outputs), dtype=bool)
    for row, (index, step) in enumerate(entries.tolist()):
        table = scenario.test_table(last) if labels == "complete" else scenario.training_table(scenario.steps[step])
        for label, number in table.items():
            shows[row, number] = split.present[index, label]
    return shows
