"""What lessons 00 and 04 say about edited scenes is what their own cells compute."""

import nbformat
import numpy as np
import pytest

from satkit.notebooks.finding import find_notebook

pytestmark = pytest.mark.slow

REMEMBER = ("teacher", "pseudo+distillation", "sats")


def run(lesson, *ids):
    """The names that cells of a lesson define."""
    cells = {cell.id: cell.source for cell in nbformat.read(str(find_notebook(lesson)), as_version=4).cells}
    found = {"np": np}
    for each in ids:
        sources = [text for name, text in cells.items() if name.startswith(each)]  # two where a cell is split
        assert sources, each
        for source in sources:
            exec(source, found)
    return found


def test_what_lesson_04_says_of_stripes_occlusions_and_neighbours():
    letters = "bdeghjk"
    found = run("04", *(f"04-29{letter}" for letter in letters))
    right, counts = found["right"], {which: len(scenes) for which, scenes in found["in_front"].items()}
    for name in REMEMBER:
        assert all(right[which, "plain"][name] >= 0.8 * counts[which] for which in counts)
    assert right["new", "striped"]["fine-tuning"] >= 0.9 * counts["new"]
    assert right["old", "plain"]["fine-tuning"] == right["new", "plain"]["fine-tuning"] == 0

    share, still = found["seen_share"], found["still_right"]
    assert 0.65 < share[1] < 0.85
    assert 0.25 < share[3] < 0.45
    for name in REMEMBER:
        assert still[1][name] >= 0.7 * counts["old"]
        assert still[3][name] <= 0.4 * counts["old"]
        assert all(abs(line[name] - line["teacher"]) <= 2 for line in still)

    for shares in found["drawn_away"].values():
        assert np.mean(shares["striped"]) > 2.5 * np.mean(shares["plain"])


def test_what_lesson_00_says_of_the_first_image():
    play = run("00", "00-01-", "00-05-", "00-24")["play"]
    labels = [each.label for each in play.scene.objects]
    assert len(labels) == 4
    for name, answers in play.answers().items():
        called = [answer.called for answer in answers]
        if name == "fine-tuning":
            assert called == [0] * 4
        else:
            assert sum(each == label for each, label in zip(called, labels, strict=True)) >= 3
