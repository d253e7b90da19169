"""Distillation of feature maps, against loops and released values."""

import math
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from places import GOLDEN_FILE
from torch.testing import assert_close

from satkit.data import IGNORE
from satkit.scenario import Step, scenario
from satkit.strategies import (
    FeatureDistillation,
    LocalPOD,
    LossInputs,
    PooledCube,
    RegionFeatureTransfer,
    resize_labels,
)
from satkit.strategies.terms.feature_distillation import (
    fold_new_into_background,
    local_pod,
    pod_embedding,
    pooled_in_space,
    pooled_over_channels,
)
from satkit.utils.errors import UsageError

GOLDEN = np.load(GOLDEN_FILE)
LATER = scenario(["background", *"abcdefghijk"], "8-3").steps[1]
STEP = Step(1, old=(1, 2), new=(3,), future=())
TERMS = (FeatureDistillation(), LocalPOD(), PooledCube(), RegionFeatureTransfer())
every_term = pytest.mark.parametrize("term", TERMS, ids=lambda term: type(term).__name__)


def golden(name: str) -> torch.Tensor:
    return torch.from_numpy(GOLDEN[name])


def random_map(seed: int, channels=4, size=(5, 7), batch=2) -> torch.Tensor:
    return torch.randn(batch, channels, *size, generator=torch.Generator().manual_seed(seed))


def output(seed: int, classes: int, sizes=((5, 7), (3, 4), (1, 2))) -> SimpleNamespace:
    features = [random_map(seed + place, size=size).requires_grad_() for place, size in enumerate(sizes)]
    embedding = random_map(seed + 10, 6, sizes[0]).requires_grad_()
    coarse = random_map(seed + 20, classes, sizes[0]).requires_grad_()
    return SimpleNamespace(features=tuple(features), embedding=embedding, coarse=coarse)


def inputs(student, teacher, targets=None, step=STEP) -> LossInputs:
    targets = torch.zeros(2, 10, 14, dtype=torch.uint8) if targets is None else targets
    return LossInputs(step, targets, targets, student, teacher)


def some_targets(seed=0, size=(10, 14)) -> torch.Tensor:
    values = torch.tensor([0, 1, 3, IGNORE], dtype=torch.uint8)
    return values[torch.randint(4, (2, *size), generator=torch.Generator().manual_seed(seed))]


def test_golden_ilt():
    student, teacher = (SimpleNamespace(features=(golden(f"feat_{who}"),)) for who in ("student", "teacher"))
    value = FeatureDistillation(1)(inputs(student, teacher))
    assert float(value) == pytest.approx(float(GOLDEN["expected_ilt_mse"]), rel=1e-5)


def test_golden_local_pod_over_two_maps_and_the_logits():
    sides = []
    for who in ("student", "teacher"):
        maps = [golden(f"pod_feat_{who}_{number}") for number in (0, 1)]
        sides.append(SimpleNamespace(features=(maps[0],), embedding=maps[1], coarse=golden(f"pod_logits_{who}")))
    value = LocalPOD()(inputs(*sides, step=LATER))
    assert float(value) == pytest.approx(float(GOLDEN["expected_plop_pod"]), rel=1e-5)


def test_the_pod_embedding_equals_a_loop_over_cells():
    features = random_map(0, channels=2, size=(5, 7), batch=1)
    expected = []
    for scale in (1, 2, 4):
        rows, columns = 5 // scale, 7 // scale
        for kind in ("rows", "columns"):
            for channel in range(2):
                for i in range(scale):
                    for j in range(scale):
                        down, across = slice(i * rows, (i + 1) * rows), slice(j * columns, (j + 1) * columns)
                        cell = features[0, channel, down, across].square()
                        expected += (cell.mean(1) if kind == "rows" else cell.mean(0)).tolist()
    found = pod_embedding(features, (1, 2, 4))[0].tolist()
    assert sorted(found) == pytest.approx(sorted(expected), rel=1e-5)


@pytest.mark.parametrize("size", [(1, 1), (2, 2), (3, 5)])
def test_a_scale_finer_than_the_map_is_left_out(size):
    rows, columns = size
    possible = [scale for scale in (1, 2, 4) if scale <= min(size)]
    found = pod_embedding(random_map(0, 3, size), (1, 2, 4))
    per_channel = sum(scale * scale * (rows // scale + columns // scale) for scale in possible)
    assert found.shape == (2, 3 * per_channel)


def test_the_distance_is_a_norm_and_not_its_square():
    one, other = random_map(0), random_map(1)
    root_two = math.sqrt(2)
    assert_close(local_pod(root_two * one, root_two * other), 2 * local_pod(one, other))


def test_new_logits_are_added_to_background_s():
    logits = torch.arange(10.0).view(1, 5, 1, 2)
    folded = fold_new_into_background(logits, 3)
    assert folded.tolist() == [[[[0 + 6 + 8, 1 + 7 + 9]], [[2, 3]], [[4, 5]]]]


def test_pooling_in_space_equals_a_loop_over_windows():
    one, other = random_map(0, 2, (6, 7), 1), random_map(1, 2, (6, 7), 1)
    padded = torch.nn.functional.pad(one.square() - other.square(), (2, 2, 2, 2))[0]
    total = 0.0
    for channel in range(2):
        for row in range(6 + 4 - 4 + 1):
            for column in range(7 + 4 - 4 + 1):
                total += float(padded[channel, row : row + 4, column : column + 4].sum() / 16) ** 2
    assert float(pooled_in_space(one, other, (4,))) == pytest.approx(math.sqrt(total), rel=1e-4)
    separately = [pooled_in_space(one, other, (kernel,)) for kernel in (4, 8, 12)]
    assert_close(pooled_in_space(one, other, (4, 8, 12)), torch.stack(separately).mean(0))


@pytest.mark.parametrize("size", [(1, 1), (2, 2), (3, 8)])
@pytest.mark.parametrize("kernel", [3, 4, 24])
def test_a_window_larger_than_the_map_averages_it_with_the_zeros_around_it(size, kernel):
    one, other = random_map(0, size=size), random_map(1, size=size)
    difference = (one.square() - other.square()).double()
    total = torch.zeros(2, dtype=torch.float64)
    (rows, columns), half = size, kernel // 2
    for top in range(-half, rows + half - kernel + 1):
        for left in range(-half, columns + half - kernel + 1):
            window = difference[..., max(top, 0) : top + kernel, max(left, 0) : left + kernel]
            total += (window.sum(dim=(2, 3)) / kernel**2).square().sum(dim=1)
    assert_close(pooled_in_space(one, other, (kernel,)), total.sqrt().float())


def test_pooling_over_channels_equals_a_loop():
    one, other = random_map(0, 5, (2, 3), 1), random_map(1, 5, (2, 3), 1)
    difference = (one.square() - other.square())[0]
    total = 0.0
    for channel in range(5):  # the neighbours beyond the first and the last channel are zero
        total += float((difference[max(channel - 1, 0) : channel + 2].sum(0) / 3).square().sum())
    assert float(pooled_over_channels(one, other, 3)) == pytest.approx(math.sqrt(total), rel=1e-4)


def test_the_pooled_cube_averages_channels_of_features_and_not_of_logits():
    student, teacher = output(0, 4), output(1, 3)
    folded = fold_new_into_background(student.coarse, 3)
    total = 0.0005 * pooled_in_space(folded, teacher.coarse, (4, 8)).mean()
    for pair in [*zip(student.features, teacher.features), (student.embedding, teacher.embedding)]:
        total = total + 0.01 * (pooled_in_space(*pair, (4, 8)) + pooled_over_channels(*pair, 3)).mean()
    assert_close(PooledCube(kernels=(4, 8))(inputs(student, teacher)), total / 5 * math.sqrt(4 / 1))


def test_layers_are_averaged_and_weighted_by_how_much_is_old():
    student, teacher = output(0, 4), output(1, 3)
    case = inputs(student, teacher)
    folded = fold_new_into_background(student.coarse, 3)
    pairs = [*zip(student.features, teacher.features), (student.embedding, teacher.embedding)]
    total = sum(0.01 * local_pod(*pair).mean() for pair in pairs) + 0.0005 * local_pod(folded, teacher.coarse).mean()
    assert_close(LocalPOD()(case), total / 5 * math.sqrt(4 / 1))


def test_region_features_equal_a_loop_over_images_and_classes():
    student, teacher, targets = output(0, 4), output(1, 3), some_targets()
    per_stage = []
    for new, old in zip(student.features, teacher.features):
        small, per_image = resize_labels(targets, new.shape[-2:]), []
        for image in range(2):
            distances = []
            for index in STEP.seen:
                inside = small[image] == index
                if inside.any():
                    means = [each[image][:, inside].mean(dim=1) for each in (new, old)]
                    distances.append((means[0] - means[1]).norm().item())
            per_image.append(np.mean(distances) if distances else 0.0)
        per_stage.append(np.mean(per_image))
    value = RegionFeatureTransfer(1)(inputs(student, teacher, targets))
    assert float(value.detach()) == pytest.approx(np.mean(per_stage), rel=1e-4)


def test_an_image_without_region_counts_zero_and_a_batch_without_any_has_no_gradient():
    student, teacher, targets = output(0, 4), output(1, 3), some_targets()
    targets[1] = torch.where(targets[1] == IGNORE, IGNORE, 0)
    both = RegionFeatureTransfer(1)(inputs(student, teacher, targets))
    alone = (SimpleNamespace(features=[each[:1] for each in side.features]) for side in (student, teacher))
    assert_close(both, RegionFeatureTransfer(1)(inputs(*alone, targets[:1])) / 2)
    nothing = RegionFeatureTransfer(1)(inputs(student, teacher, torch.full_like(targets, IGNORE)))
    nothing.backward()
    assert nothing == 0
    assert all(torch.equal(each.grad, torch.zeros_like(each)) for each in student.features)


def test_regions_may_come_from_the_teacher_where_the_labels_show_background():
    student, teacher, labels = output(0, 4), output(1, 3), some_targets()
    teacher.classes = lambda: torch.full((2, 10, 14), 2)
    expected = RegionFeatureTransfer(1)(inputs(student, teacher, torch.where(labels == 0, 2, labels)))
    assert_close(RegionFeatureTransfer(1, regions="teacher")(inputs(student, teacher, labels)), expected)
    assert not torch.isclose(RegionFeatureTransfer(1)(inputs(student, teacher, labels)), expected)


@every_term
@pytest.mark.parametrize("sizes", [((1, 1),), ((2, 2), (1, 1)), ((3, 1), (2, 1))])
def test_tiny_maps_have_a_finite_loss_and_gradient(term, sizes):
    student, teacher = output(0, 4, sizes), output(1, 3, sizes)
    value = term(inputs(student, teacher, torch.full((2, 10, 14), 3, dtype=torch.uint8)))
    value.backward()
    assert value > 0
    assert value.isfinite()
    assert all(each.grad.isfinite().all() for each in student.features if each.grad is not None)


@every_term
def test_it_is_computed_in_float32_under_autocast(term):
    student, teacher, targets = output(0, 4), output(1, 3), some_targets()
    for side in (student, teacher):
        side.features = tuple(each.bfloat16() for each in side.features)
        side.embedding, side.coarse = side.embedding.bfloat16(), side.coarse.bfloat16()
    as_float = [
        SimpleNamespace(
            features=tuple(each.float() for each in side.features),
            embedding=side.embedding.float(),
            coarse=side.coarse.float(),
        )
        for side in (student, teacher)
    ]
    with torch.autocast("cpu", dtype=torch.bfloat16):
        value = term(inputs(student, teacher, targets))
    assert value.dtype == torch.float32
    assert_close(value, term(inputs(*as_float, targets)), rtol=1e-6, atol=0)


@every_term
def test_it_is_zero_for_equal_models_and_pulls_the_student_only(term):
    student, teacher, targets = output(0, 4), output(0, 3), some_targets()
    teacher.coarse = fold_new_into_background(student.coarse, 3).detach()
    assert float(term(inputs(student, teacher, targets)).detach()) == pytest.approx(0, abs=1e-5)
    other = output(5, 3)
    term(inputs(student, other, targets)).backward()
    assert student.features[-1].grad.abs().max() > 0
    assert all(each.grad is None for each in (*other.features, other.embedding, other.coarse))
    assert all(feature.grad is None or feature.grad.isfinite().all() for feature in student.features)


@every_term
def test_the_weight_multiplies_and_must_not_be_negative(term):
    kind = type(term)
    student, teacher, targets = output(0, 4), output(1, 3), some_targets()
    weights = ("weight", "logits_weight") if hasattr(term, "logits_weight") else ("weight",)
    one, three = (kind(**dict.fromkeys(weights, value))(inputs(student, teacher, targets)) for value in (1, 3))
    assert_close(three, 3 * one)
    with pytest.raises(UsageError, match="needs weight >= 0, got -1"):
        kind(-1)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: LocalPOD(scales=(2, 4)), r"scales from 1 on, 1 among them, got \(2, 4\)"),
        (lambda: PooledCube(kernels=()), "PooledCube needs kernels from 1 on"),
        (lambda: RegionFeatureTransfer(regions="student"), "Unknown regions 'student'"),
    ],
)
def test_settings_that_mean_nothing_are_refused(make, message):
    with pytest.raises(UsageError, match=message):
        make()
