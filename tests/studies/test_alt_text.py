"""Sentences that say what a figure shows: with the figure's numbers, and without one where there is none."""

import numpy as np

from satkit.studies import alt_text

NAN = float("nan")


def test_scores():
    said = alt_text.of_scores({"SATS": {"old": 0.5561, "new": None}, "fine-tuning": {"old": 0.0, "new": 0.25}})
    assert said == "SATS old 55.6 %, new no score; fine-tuning old 0.0 %, new 25.0 %."


def test_classes_over_the_steps():
    table = np.array([[0.9, 0.5, 0.3, NAN], [0.8, 0.1, NAN, 0.7]])
    assert alt_text.of_classes({"SATS": table}, (1, 2)) == (
        "Mean IoU of the base classes over the steps: SATS from 40.0 % to 10.0 %."
    )


def test_forgetting():
    drops = {"SATS": np.array([NAN, 0.1, 0.3]), "joint": np.array([NAN, NAN, NAN])}
    assert alt_text.of_forgetting(drops, ["background", "cat", "dog"]) == (
        "Mean drop: SATS 20.0 points, most for dog (30.0); joint no score."
    )


def test_where_old_pixels_went():
    before = np.array([[90, 10, 0], [20, 70, 10], [0, 0, 100]])
    after = np.zeros((4, 4), dtype=int)
    after[1], after[2] = [60, 40, 0, 0], [0, 0, 50, 50]
    said = alt_text.of_flow({"SATS": (before, after)}, (1, 2), (3,))
    assert said == (
        "SATS: right 85.0 % before, 45.0 % after, an old class 5.0 % before, 0.0 % after, "
        "background 10.0 % before, 30.0 % after, a new class 0.0 % before, 25.0 % after."
    )


def test_attention():
    teacher, student = np.array([[0.5, 0.5], [1.0, 0.0]]), np.array([[0.4, 0.6], [0.0, 1.0]])
    said = alt_text.of_attention(teacher, student, ["stage 1", "stage 2"])
    assert said == "Attention that has moved: stage 1 10.0 %, stage 2 100.0 %."


def test_loss_terms():
    history = {"iteration": [1, 9], "lr": [1, 0], "total": [3.25, 0.5], "attention": [0.0, 0.01]}
    assert alt_text.of_loss(history) == "total from 3.25 to 0.5, attention from 0 to 0.01."
