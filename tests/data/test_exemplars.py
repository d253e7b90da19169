"""Remembered images keep the labels and the look of the step that kept them, or are labelled completely."""

import numpy as np
import pytest
from hand_made import NAMES

from satkit.data.exemplars import Conditions, exemplar_presence, exemplars
from satkit.data.labels import BACKGROUND, IGNORE
from satkit.data.shift import Shift
from satkit.scenario import scenario
from satkit.strategies import ExemplarMemory

SEEN = np.array([[1, 0], [1, 1], [3, 0], [3, 1]])  # images 1 and 3, each kept in step 0 and in step 1


@pytest.mark.parametrize(
    ("labels", "expected"),
    [
        ("step", {(1, 0): {1, 2}, (1, 1): {0}, (3, 0): {0, 1}, (3, 1): {0, 3}}),
        ("complete", {(1, 0): {1, 2}, (1, 1): {1, 2}, (3, 0): {1, 3, 4}, (3, 1): {1, 3, 4}}),
    ],
)
def test_labels_of_exemplars_are_those_of_their_own_step_or_complete(data, labels, expected):
    built = scenario(NAMES, "2-1")
    kept = exemplars(data, built, SEEN, built.steps[2], ExemplarMemory(labels=labels, background="kept"))
    for (index, step), shown in expected.items():
        source = kept.sources[step]
        assert set(np.unique(source.table[source.split.labels[index]]).tolist()) == shown


def test_presence_of_exemplars_follows_the_labels_they_are_read_with(data):
    built = scenario(NAMES, "2-1")
    own = exemplar_presence(data.train, built, SEEN, "step", built.steps[1])
    complete = exemplar_presence(data.train, built, SEEN, "complete", built.steps[1])
    assert [np.flatnonzero(row).tolist() for row in own] == [[1, 2], [], [1], [3]]
    assert [np.flatnonzero(row).tolist() for row in complete] == [[1, 2], [1, 2], [1, 3], [1, 3]]


def test_sequential_labels_of_exemplars_and_their_presence_agree(data):
    built = scenario(NAMES, "2-1", "sequential", order=[4, 1, 3, 2])
    last, entries = built.steps[1], np.array([[3, 0], [3, 1], [0, 0], [2, 1], [6, 0], [4, 0]])
    for labels in ("step", "complete"):
        found = exemplar_presence(data.train, built, entries, labels, last)
        sources = exemplars(data, built, entries, last, ExemplarMemory(labels=labels)).sources
        for (image, step), row in zip(entries.tolist(), found, strict=True):
            shown = sources[step].table[data.train.labels[image]]
            assert [index in shown for index in range(1, last.num_outputs)] == row[1:].tolist()


def test_exemplars_have_the_shift_of_the_step_that_stored_them(data):
    built = scenario(NAMES, "2-1")
    kept = exemplars(data, built, SEEN, built.steps[2], ExemplarMemory(), Conditions(shift=0.5, seed=7))
    assert {step: source.shift for step, source in kept.sources.items()} == {0: None, 1: Shift(0.5, 1, 7)}


@pytest.mark.parametrize("setting", ["overlapped", "sequential"])
def test_background_of_exemplars_is_ignored_where_a_new_class_may_be_in_it(data, setting):
    built = scenario(NAMES, "2-1", setting)
    for background in ("ignored", "kept"):
        source = exemplars(data, built, SEEN, built.steps[2], ExemplarMemory(background=background)).sources[0]
        expected = IGNORE if (background, setting) == ("ignored", "overlapped") else BACKGROUND
        assert source.table[[BACKGROUND, 4]].tolist() == [expected] * 2  # 4 comes after step 0
        assert source.table[[1, 2, IGNORE]].tolist() == [1, 2, IGNORE]
    complete = ExemplarMemory(labels="complete")
    source = exemplars(data, built, SEEN, built.steps[2], complete).sources[0]
    assert source.table[BACKGROUND] == BACKGROUND
