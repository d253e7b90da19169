"""The cells of a page hold the counts of the evaluation, and the images kept show as many cells as they can."""

import numpy as np
import pytest

from satkit.analysis.codes import labels_from
from satkit.experiments.kit_models import open_kit_model
from satkit.plots.class_flow import flow_counts
from satkit.studies import confusion_data as module
from satkit.studies.confusion_data import confusion_data, covering
from satkit.studies.page_data import Students


def test_the_image_with_most_of_the_open_cells_comes_first_and_none_that_shows_nothing_new():
    cells = np.zeros((1, 4, 2, 2), dtype=int)
    cells[0, 0, 0] = (10, 0)
    cells[0, 1, 0] = (6, 0)  # less than the best of its cell, but there are two others in it
    cells[0, 1, 1] = (5, 5)
    cells[0, 2, 1] = (0, 4)
    assert covering(cells, 4) == [1]
    cells[0, 1, 0] = (4, 0)
    assert covering(cells, 4) == [1, 0]
    assert covering(cells, 1) == [1]
    assert covering(np.zeros((1, 3, 2, 2), dtype=int), 4) == []


@pytest.fixture(scope="module")
def made():
    """The cells of fine-tuning, from a few images."""
    students = Students({"fine-tuning": open_kit_model("fine-tuning")})
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "MOST_SEARCHED", 12)
        return students, confusion_data(students, students.shown((1,)), kept=5)


def test_the_counts_are_those_of_the_images_that_are_kept_and_of_the_others(made):
    students, cells = made
    assert cells["titles"] == ["base model", "fine-tuning, after step 1"]
    assert np.shape(cells["flows"]) == (2, 21, 4)
    assert cells["not_learnt"] == [[16, 17, 18, 19, 20], []]
    assert 0 < len(cells["images"]) <= 5
    for model in range(2):
        total = np.zeros((21, 4), dtype=int)
        for image in cells["images"]:
            truth, seen = labels_from(image["labels"]), labels_from(image["predictions"][model])
            known = truth < 21
            counts = np.zeros((21, 21), dtype=int)
            np.add.at(counts, (truth[known], seen[known]), 1)
            total += flow_counts(counts, cells["old"], cells["new"])
        assert (total <= np.array(cells["flows"][model])).all()
        assert total.sum() > 0


def test_large_images_are_kept_small(made, monkeypatch):
    students, _ = made
    monkeypatch.setattr(module, "SIDE", 20)
    monkeypatch.setattr(module, "MOST_SEARCHED", 3)
    image = confusion_data(students, students.shown(()), kept=1)["images"][0]
    assert image["image"]["size"] == [16, 16]
    assert len(labels_from(image["labels"])) == len(labels_from(image["predictions"][0])) == 256
