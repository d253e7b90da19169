"""The best weights of a step: the ones with the highest score, also after an interruption."""

from types import SimpleNamespace

import pytest
import torch

from satkit.experiments.best_weights import BestWeights, ScoredByAll
from satkit.experiments.run_folder import Run
from satkit.utils.files import DamagedFile


@pytest.fixture
def run(tmp_path):
    return Run.create(tmp_path / "run", {})


def tried(run, scores, first=1, total=20):
    """Watch a student whose weight is the number of the iteration, from `first` on."""
    student = torch.nn.Linear(1, 1)
    best = BestWeights(run, 1, student, lambda student: scores.get(round(student.weight.item()), 0.0), first - 1, total)
    for number in range(first, total + 1):
        torch.nn.init.constant_(student.weight, number)
        best(SimpleNamespace(number=number, total=total))
    return best, student


def test_the_student_gets_the_weights_of_the_highest_score_back(run):
    best, student = tried(run, {4: 0.5, 8: 0.7, 20: 0.6})
    assert (best.put_back(), student.weight.item()) == (8, 8)


def test_only_some_iterations_are_tried_and_the_last_always(run):
    best, _ = tried(run, {3: 0.9, 19: 0.2}, total=19)
    assert best.put_back() == 3, "every iteration is tried where there are few"
    best, _ = tried(Run.create(run.folder.parent / "other", {}), {3: 0.9, 20: 0.1})
    assert best.put_back() == 20, "3 is none of the ten iterations that are tried"


def test_a_tie_goes_to_the_earlier_iteration(run):
    assert tried(run, {6: 0.5, 12: 0.5})[0].put_back() == 6


def test_a_step_that_goes_on_finds_the_same_best_weights(run):
    scores = {4: 0.7, 12: 0.5}
    tried(run, scores, total=12)
    best, student = tried(run, scores, first=9, total=20)  # killed after 12, went on from a checkpoint at 8
    assert (best.put_back(), student.weight.item()) == (4, 4)


def test_best_weights_that_are_lost_are_said_and_never_replaced_by_others(run):
    scores = {4: 0.7, 12: 0.5}
    tried(run, scores, total=12)
    path = run.step_folder(1) / "best.safetensors"
    path.write_bytes(path.read_bytes()[:-3])
    with pytest.raises(DamagedFile, match=r"best\.safetensors is damaged"):
        tried(run, scores, first=9)
    path.unlink()
    with pytest.raises(DamagedFile, match=r"best\.safetensors is missing"):
        tried(run, scores, first=9)


def test_another_process_scores_in_the_same_iterations_and_keeps_nothing():
    asked, student = [], torch.nn.Linear(1, 1)
    best = ScoredByAll(student, lambda student: asked.append(round(student.weight.item())))
    for number in range(1, 20):
        torch.nn.init.constant_(student.weight, number)
        best(SimpleNamespace(number=number, total=19))
    assert asked == list(range(1, 20))
    assert best.put_back() is None
    assert student.weight.item() == 19
