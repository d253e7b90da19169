"""SDR's terms over class means, against loops."""

import itertools
import math
from types import SimpleNamespace

import pytest
import torch
from torch.testing import assert_close

from satkit.data import BACKGROUND, IGNORE
from satkit.scenario import scenario
from satkit.strategies import Attraction, LossInputs, PrototypeMatching, Repulsion, Sparsity
from satkit.utils.errors import UsageError

STEP = scenario(["background", *"abcd"], "3-1").steps[1]
TERMS = (PrototypeMatching, Attraction, Repulsion, Sparsity)
every_term = pytest.mark.parametrize("term", TERMS)


def case(seed=0, labels=None, guess=None) -> LossInputs:
    generator = torch.Generator().manual_seed(seed)
    student, teacher = (torch.randn(2, 6, 4, 5, generator=generator).relu().requires_grad_() for _ in range(2))
    if labels is None:
        labels = torch.tensor([0, 4, IGNORE], dtype=torch.uint8)[torch.randint(3, (2, 4, 5), generator=generator)]
    if guess is None:
        guess = torch.randint(0, 3, (2, 4, 5), generator=generator)  # class 3 is never there
    outputs = (SimpleNamespace(embedding=student), SimpleNamespace(embedding=teacher, classes=lambda: guess))
    return LossInputs(STEP, labels, labels, *outputs)


def cells(inputs: LossInputs, embedding: torch.Tensor, classes) -> dict[int, torch.Tensor]:
    """Features of each class that is there, one pixel after the other, (cell, channel)."""
    guess, found = inputs.teacher.classes(), {index: [] for index in classes}
    for image, row, column in torch.ones(2, 4, 5).nonzero().tolist():
        label = int(inputs.labels[image, row, column])
        label = int(guess[image, row, column]) if label == BACKGROUND else label
        if label in found:
            found[label].append(embedding[image, :, row, column].detach())
    return {index: torch.stack(values) for index, values in found.items() if values}


def test_matching_compares_the_means_of_old_classes():
    inputs = case()
    ours, theirs = (cells(inputs, each.embedding, STEP.old) for each in (inputs.student, inputs.teacher))
    assert set(ours) == {1, 2}
    expected = sum(float((ours[c].mean(0) - theirs[c].mean(0)).square().mean()) for c in ours) / 2
    assert float(PrototypeMatching(1)(inputs).detach()) == pytest.approx(expected, rel=1e-5)


def test_attraction_is_the_mean_squared_distance_to_the_prototype():
    inputs = case()
    found = cells(inputs, inputs.student.embedding, STEP.seen)
    assert set(found) == {1, 2, 4}
    expected = sum(float((f - f.mean(0)).square().mean()) for f in found.values()) / 3
    assert float(Attraction(1)(inputs).detach()) == pytest.approx(expected, rel=1e-5)


def test_repulsion_is_the_mean_inverse_distance_over_pairs():
    inputs = case()
    means = [f.mean(0) for f in cells(inputs, inputs.student.embedding, STEP.seen).values()]
    pairs = list(itertools.combinations(means, 2))
    expected = sum(1 / float((one - other).norm()) for one, other in pairs) / len(pairs)
    assert float(Repulsion(1)(inputs).detach()) == pytest.approx(expected, rel=1e-4)


def test_sparsity_is_the_ratio_of_exponentials_to_sums_over_channels():
    inputs = case()
    ratios = []
    for features in cells(inputs, inputs.student.embedding, STEP.seen).values():
        largest = float(features.max())
        for cell in (features / largest).tolist():
            if sum(cell) / len(cell) > 1e-3:
                ratios.append(sum(math.exp(value) for value in cell) / sum(cell))
    assert float(Sparsity(1)(inputs).detach()) == pytest.approx(sum(ratios) / len(ratios), rel=1e-4)


def test_sparsity_is_e_where_every_channel_is_as_active_as_the_largest_and_more_elsewhere():
    inputs = case(guess=torch.ones(2, 4, 5, dtype=torch.int64))
    with torch.no_grad():
        inputs.student.embedding.fill_(0.3)
    assert float(Sparsity(1)(inputs).detach()) == pytest.approx(math.e, rel=1e-6)
    assert float(Sparsity(1)(case()).detach()) > math.e


def test_sparsity_leaves_out_cells_that_are_hardly_active_and_counts_negative_features_as_zero():
    inputs = case(labels=torch.full((2, 4, 5), 4, dtype=torch.uint8))
    with torch.no_grad():
        inputs.student.embedding.fill_(1.0)
        inputs.student.embedding[0, :, 0, 0] = 0.0
        inputs.student.embedding[0, :, 0, 1] = 1e-9
        inputs.student.embedding[0, :, 0, 2] = -1.0
        inputs.student.embedding[0, :3, 0, 3] = -2.0  # half of its channels
    value = Sparsity(1)(inputs)
    value.backward()
    expected = (36 * math.e + (math.e + 1)) / 37  # the first three of 40 cells do not count
    assert float(value.detach()) == pytest.approx(expected, rel=1e-6)
    assert inputs.student.embedding.grad.isfinite().all()


def test_attraction_resolves_a_spread_far_smaller_than_the_features():
    inputs = case()
    with torch.no_grad():
        inputs.student.embedding.mul_(0.01).add_(100)
    found = cells(inputs, inputs.student.embedding.double(), STEP.seen)
    expected = sum(float((f - f.mean(0)).square().mean()) for f in found.values()) / len(found)
    assert float(Attraction(1)(inputs).detach()) == pytest.approx(expected, rel=0.01)


def test_repulsion_of_equal_prototypes_is_a_thousand():
    inputs = case(labels=torch.zeros(2, 4, 5, dtype=torch.uint8))
    with torch.no_grad():
        inputs.student.embedding.fill_(0.5)
    assert float(Repulsion(1)(inputs).detach()) == pytest.approx(1000, rel=1e-3)


def test_matching_is_zero_for_equal_models_and_looks_at_old_classes_only():
    inputs = case()
    with torch.no_grad():
        inputs.teacher.embedding.copy_(inputs.student.embedding)
        new = (inputs.labels == 4)[:, None].expand_as(inputs.teacher.embedding)
        inputs.teacher.embedding[new] += 1
    assert PrototypeMatching(1)(inputs) == 0


@every_term
def test_it_is_computed_in_float32_under_autocast(term):
    inputs = case()
    for side in (inputs.student, inputs.teacher):
        side.embedding = side.embedding.bfloat16()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        value = term(1)(inputs)
    assert value.dtype == torch.float32
    for side in (inputs.student, inputs.teacher):
        side.embedding = side.embedding.float()
    assert_close(value, term(1)(inputs), rtol=1e-6, atol=0)


@every_term
def test_a_batch_without_any_region_counts_zero_and_has_a_finite_gradient(term):
    nothing = torch.zeros(2, 4, 5, dtype=torch.int64)
    inputs = case(labels=nothing.to(torch.uint8), guess=nothing)
    value = term()(inputs)
    value.backward()
    assert float(value.detach()) == 0
    assert inputs.student.embedding.grad is None or inputs.student.embedding.grad.isfinite().all()


@every_term
def test_equal_prototypes_and_single_regions_stay_finite(term):
    labels, guess = torch.zeros(2, 4, 5, dtype=torch.uint8), torch.ones(2, 4, 5, dtype=torch.int64)
    guess[1] = 2
    inputs = case(labels=labels, guess=guess)
    with torch.no_grad():
        inputs.student.embedding.fill_(0.5)
    value = term()(inputs)
    value.backward()
    assert value.isfinite()
    assert inputs.student.embedding.grad.isfinite().all()


@every_term
def test_only_the_student_is_pulled(term):
    inputs = case()
    term(1)(inputs).backward()
    assert inputs.student.embedding.grad.abs().max() > 0
    assert inputs.teacher.embedding.grad is None


@every_term
def test_the_weight_multiplies_and_must_not_be_negative(term):
    inputs = case()
    assert_close(term(6)(inputs), 3 * term(2)(inputs))
    with pytest.raises(UsageError, match=f"{term.__name__} needs weight >= 0, got -1"):
        term(-1)
