"""The loss of SATS: regions, relations, and the distance between student and teacher.

`golden_losses.npz` holds random inputs and what the field's released functions return for them in float32.
"""

from dataclasses import dataclass, replace

import numpy as np
import pytest
import torch
from PIL import Image
from places import GOLDEN_FILE
from taps import STEP, by_loops, loss_inputs, random_tap, random_targets
from torch import Tensor
from torch.testing import assert_close

from satkit.data import IGNORE
from satkit.models import AttentionTap
from satkit.models import attention_pooling as pooling
from satkit.scenario import scenario
from satkit.strategies import AttentionTransfer, LossInputs, region_pool, resize_labels

GOLDEN = np.load(GOLDEN_FILE)
GRIDS = [(32, 32), (16, 16), (8, 8), (4, 4)]


@dataclass(frozen=True)
class GivenAttention:
    """A stand-in for a tap whose weights are given instead of computed."""

    rows: Tensor
    query_grid: tuple[int, int]

    def weights(self) -> Tensor:
        return self.rows

    def pool(self, membership: Tensor) -> Tensor:
        return torch.einsum("brq,bhqk->brhk", membership.to(self.rows), self.rows)


def golden_inputs() -> tuple[LossInputs, list[Tensor]]:
    student = [torch.from_numpy(GOLDEN[f"attn_student_{i}"]).requires_grad_() for i in range(4)]
    teacher = [torch.from_numpy(GOLDEN[f"attn_teacher_{i}"]) for i in range(4)]
    step = scenario(["background", *"abcdefgh"], "4-4").steps[1]
    taps = [[GivenAttention(*each) for each in zip(side, GRIDS, strict=True)] for side in (student, teacher)]
    return loss_inputs(*taps, torch.from_numpy(GOLDEN["labels"]), step), student


@pytest.mark.parametrize(
    ("settings", "entry"),
    [
        ({}, "CRP"),
        ({"pooling": "image"}, "GP"),
        ({"pooling": "none"}, "NP"),
        ({"layout": "as_released"}, "CRP_literal_reshape"),
    ],
)
def test_golden_values(settings, entry):
    inputs, _ = golden_inputs()
    assert float(AttentionTransfer(1, **settings)(inputs).detach()) == pytest.approx(
        float(GOLDEN[f"expected_sats_{entry}"]), rel=1e-5
    )
    if entry != "CRP_literal_reshape":
        term = AttentionTransfer(**settings)
        stages = [
            term.stage(*pair, inputs.targets, inputs.step.seen)
            for pair in zip(inputs.student.attention, inputs.teacher.attention, strict=True)
        ]
        expected = torch.from_numpy(GOLDEN[f"expected_sats_{entry}_per_stage"]).float()
        assert_close(torch.stack(stages), expected, rtol=1e-5, atol=0)


def test_golden_gradients_of_the_student_s_attention():
    inputs, student = golden_inputs()
    AttentionTransfer(1)(inputs).backward()
    for index, attention in enumerate(student):
        expected = torch.from_numpy(GOLDEN[f"expected_grad_student_{index}"])
        assert_close(attention.grad, expected, rtol=1e-4, atol=1e-4 * float(expected.abs().max()))


def test_the_weight_multiplies_and_defaults_to_twenty():
    inputs, _ = golden_inputs()
    assert_close(AttentionTransfer()(inputs), 20 * AttentionTransfer(1)(inputs))


@pytest.mark.parametrize("kind", ["class", "image"])
def test_as_released_equals_the_paper_with_one_head_and_only_then(kind):
    for heads, same in ((1, True), (3, False)):
        inputs = loss_inputs([random_tap(0, heads=heads)], [random_tap(1, heads=heads)], random_targets(2))
        paper, released = (AttentionTransfer(1, kind, layout)(inputs) for layout in ("paper", "as_released"))
        assert torch.allclose(paper, released, atol=1e-6) == same


def test_without_pooling_the_layouts_agree_because_every_row_counts_alike():
    inputs = loss_inputs([random_tap(0)], [random_tap(1)], random_targets(2))
    assert_close(AttentionTransfer(1, "none", "paper")(inputs), AttentionTransfer(1, "none", "as_released")(inputs))


@pytest.mark.parametrize("chunked", [False, True])
@pytest.mark.parametrize(("grid", "key_grid", "heads"), [((4, 6), (2, 3), 3), ((8, 8), (4, 4), 1), ((3, 7), (3, 7), 2)])
def test_the_loss_equals_slow_loops_over_images_classes_and_heads(monkeypatch, chunked, grid, key_grid, heads):
    if chunked:
        monkeypatch.setattr(pooling, "LARGE", 0)
        monkeypatch.setattr(pooling, "CHUNK", 70)
    for seed in range(5):
        student, teacher = (random_tap(10 * seed + i, grid, key_grid, heads) for i in (0, 1))
        targets = random_targets(seed, (17, 23))
        value = AttentionTransfer(1)(loss_inputs([student], [teacher], targets))
        assert float(value.detach()) == pytest.approx(by_loops(student, teacher, targets, STEP), abs=1e-6)


def test_stages_count_alike():
    student, teacher = random_tap(0), random_tap(1)
    other = [random_tap(seed, (2, 3), (2, 3), heads=5) for seed in (2, 3)]
    targets = random_targets(4)
    both = AttentionTransfer(1)(loss_inputs([student, other[0]], [teacher, other[1]], targets))
    expected = (by_loops(student, teacher, targets, STEP) + by_loops(*other, targets, STEP)) / 2
    assert float(both.detach()) == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("chunked", [False, True])
@pytest.mark.parametrize("kind", ["class", "image", "none"])
@pytest.mark.parametrize("layout", ["paper", "as_released"])
def test_equal_student_and_teacher_give_zero_and_gradient_zero(monkeypatch, chunked, kind, layout):
    if chunked:
        monkeypatch.setattr(pooling, "LARGE", 0)
    student = random_tap(0)
    teacher = replace(student, queries=student.queries.detach(), keys=student.keys.detach())
    value = AttentionTransfer(20, kind, layout)(loss_inputs([student], [teacher], random_targets(1)))
    value.backward()
    assert value == 0
    assert torch.equal(student.queries.grad, torch.zeros_like(student.queries))
    assert torch.equal(student.keys.grad, torch.zeros_like(student.keys))


def test_an_image_without_region_counts_zero_but_stays_in_the_mean():
    student, teacher = random_tap(0), random_tap(1)
    targets = random_targets(2)
    targets[1] = torch.where(targets[1] == IGNORE, IGNORE, 0)
    both = AttentionTransfer(1)(loss_inputs([student], [teacher], targets))
    alone = [
        AttentionTap(tap.name, tap.queries[:1], tap.keys[:1], tap.scale, tap.query_grid, tap.key_grid)
        for tap in (student, teacher)
    ]
    first = AttentionTransfer(1)(loss_inputs(alone[:1], alone[1:], targets[:1]))
    assert_close(both, first / 2)
    assert first > 0


@pytest.mark.parametrize("fill", [0, 5, IGNORE])
def test_a_batch_without_any_region_gives_zero_and_a_finite_gradient(fill):
    student = random_tap(0)
    targets = torch.full((2, 8, 12), fill, dtype=torch.uint8)  # background, a class yet to come, IGNORE
    value = AttentionTransfer()(loss_inputs([student], [random_tap(1)], targets))
    value.backward()
    assert value == 0
    assert student.queries.grad.abs().max() == 0
    assert student.keys.grad.abs().max() == 0


def test_regions_come_from_the_targets_and_not_from_the_labels():
    taps = [random_tap(0)], [random_tap(1)]
    targets, labels = random_targets(2), torch.zeros(2, 8, 12, dtype=torch.uint8)
    expected = by_loops(*taps[0], *taps[1], targets, STEP)
    assert float(AttentionTransfer(1)(loss_inputs(*taps, targets, labels=labels)).detach()) == pytest.approx(
        expected, abs=1e-6
    )
    assert AttentionTransfer(1)(loss_inputs(*taps, labels, labels=targets)) == 0


def test_the_image_as_one_region_ignores_every_label():
    taps = [random_tap(0)], [random_tap(1)]
    values = [AttentionTransfer(1, "image")(loss_inputs(*taps, random_targets(seed))) for seed in (2, 3)]
    assert torch.equal(*values)
    means = [tap.weights().mean(2) for (tap,) in taps]
    assert_close(values[0], (means[0] - means[1]).norm(dim=-1).mean())


def test_region_pool_by_hand():
    rows = torch.tensor([[0.1, 0.9], [0.3, 0.7], [0.5, 0.5], [1.0, 0.0]]).view(1, 1, 4, 2)
    labels = torch.tensor([[[1, 1], [0, 2]]], dtype=torch.uint8)
    relations, present = region_pool(GivenAttention(rows, (2, 2)), labels, (1, 2, 3))
    assert_close(relations[0, :, 0], torch.tensor([[0.2, 0.8], [1.0, 0.0], [0.0, 0.0]]))
    assert present.tolist() == [[True, True, False]]


SIZES = [
    ((512, 512), (128, 128)),
    ((512, 512), (16, 16)),
    ((366, 500), (92, 125)),
    ((366, 500), (23, 32)),
    ((333, 500), (11, 16)),
    ((70, 90), (18, 23)),
    ((70, 90), (9, 12)),
    ((70, 90), (5, 6)),
    ((70, 90), (3, 3)),
    ((64, 64), (16, 16)),
    ((64, 64), (4, 4)),
    ((96, 96), (3, 3)),
    ((33, 47), (33, 47)),
    ((33, 47), (7, 5)),
    ((101, 37), (10, 10)),
    ((17, 1), (3, 1)),
    ((5, 5), (1, 1)),
    ((7, 9), (14, 18)),
    ((13, 11), (20, 31)),
    ((720, 960), (180, 240)),
]


@pytest.mark.parametrize(("size", "grid"), SIZES)
def test_resize_labels_takes_the_pixels_that_pil_s_nearest_takes(size, grid):
    labels = torch.from_numpy(np.random.default_rng(0).integers(0, 256, (2, *size), dtype=np.uint8))
    expected = [
        np.asarray(Image.fromarray(each.numpy()).resize(grid[::-1], Image.Resampling.NEAREST)) for each in labels
    ]
    assert np.array_equal(resize_labels(labels, grid).numpy(), np.stack(expected))


def test_resize_labels_takes_the_pixel_at_the_centre_in_exact_arithmetic():
    for pixels in range(1, 256, 7):
        columns = torch.arange(pixels).view(1, 1, pixels)
        for cells in range(1, 130):
            expected = [(2 * cell + 1) * pixels // (2 * cells) for cell in range(cells)]
            assert resize_labels(columns, (1, cells)).flatten().tolist() == expected


@pytest.mark.parametrize("chunked", [False, True])
@pytest.mark.parametrize("kind", ["class", "image", "none"])
@pytest.mark.parametrize("layout", ["paper", "as_released"])
def test_the_term_is_computed_in_float32_under_autocast(monkeypatch, chunked, kind, layout):
    if chunked:
        monkeypatch.setattr(pooling, "LARGE", 0)
    student, teacher = random_tap(0, (8, 8), (8, 8)), random_tap(1, (8, 8), (8, 8))
    inputs = loss_inputs([student], [teacher], random_targets(2))
    expected = AttentionTransfer(1, kind, layout)(inputs)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        value = AttentionTransfer(1, kind, layout)(inputs)
    assert value.dtype == torch.float32
    assert_close(value, expected, atol=1e-7, rtol=1e-6)


def test_a_smaller_drift_than_bfloat16_resolves_is_still_seen():
    student = random_tap(0)
    teacher = AttentionTap("stage 1", student.queries * 1.0001, student.keys, 0.5, student.query_grid, student.key_grid)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        value = AttentionTransfer(1)(loss_inputs([student], [teacher], random_targets(2)))
    assert float(value.detach()) == pytest.approx(by_loops(student, teacher, random_targets(2), STEP), rel=0.02)
