"""Models are equal in all processes, or it is said where they differ."""

import json

import pytest
import torch
from in_threads import as_process, in_threads
from samples import segmenter

from satkit.experiments.equal_models import check_equal, model_from_first, take_from_first, weights_hash
from satkit.utils import processes
from satkit.utils.processes import ProcessLost


def test_every_process_gets_the_model_that_the_first_loads():
    first = segmenter(seed=3)
    found = in_threads(lambda: model_from_first(lambda: first), lambda: model_from_first(lambda: pytest.fail("alone")))
    assert found[0] is first
    assert found[1] is not first
    assert weights_hash(found[1]) == weights_hash(first)
    assert not found[1].training


def test_weights_are_taken_from_the_first():
    models = [segmenter(seed) for seed in (0, 1)]
    assert weights_hash(models[0]) != weights_hash(models[1])
    wanted = weights_hash(models[0])
    in_threads(*(lambda model=model: take_from_first(model) for model in models))
    assert [weights_hash(model) for model in models] == [wanted, wanted]


def test_the_model_that_differs_is_named(monkeypatch):
    student, teacher = segmenter(0), segmenter(1)
    same = json.dumps({"student": weights_hash(student), "teacher": weights_hash(teacher)})
    monkeypatch.setattr(processes, "texts", lambda own: [own, same])
    said = "The teacher must be the same in all processes, but that of process 1 is not that of process 0"
    with as_process(0, 2):
        check_equal({"student": student, "teacher": teacher})
        with torch.no_grad():
            next(teacher.parameters()).view(-1)[0] += 1e-6
        with pytest.raises(ProcessLost, match=said):
            check_equal({"student": student, "teacher": teacher})


def test_a_step_without_a_teacher_and_a_process_alone_compare_nothing(monkeypatch):
    check_equal({"student": segmenter(), "teacher": None})
    monkeypatch.setattr(processes, "texts", lambda own: [own, own])
    with as_process(0, 2):
        check_equal({"student": segmenter(), "teacher": None})
