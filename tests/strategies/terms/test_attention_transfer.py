"""The loss of SATS: regions, relations, and the distance between student and teacher.

`golden_losses.npz` holds random inputs and what the field's released functions return for them in float32.
"""

import math
from dataclasses import dataclass, replace
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from PIL import Image
from places import GOLDEN_FILE
from torch import Tensor
from torch.testing import assert_close

from satkit.data import IGNORE
from satkit.models import AttentionTap
from satkit.models import attention_pooling as pooling
from satkit.scenario import Step, scenario
from satkit.strategies import AttentionTransfer, LossInputs, region_pool, resize_labels
from satkit.strategies.terms.attention_transfer import region_map
from satkit.utils.errors import UsageError

GOLDEN = np.load(GOLDEN_FILE)
GRIDS = [(32, 32), (16, 16), (8, 8), (4, 4)]
STEP = Step(1, old=(1, 2), new=(3, 4), future=(5,))


@dataclass(frozen=True)
class GivenAttention:
    """A stand-in for a tap whose weights are given instead of computed."""

    rows: Tensor
    query_grid: tuple[int, int]

    def weights(self) -> Tensor:
        return self.rows

    def pool(self, membership: Tensor) -> Tensor:
        return torch.einsum("brq,bhqk->brhk", membership.to(self.rows), self.rows)


def loss_inputs(student, teacher, targets, step=STEP, labels=None) -> LossInputs:
    labels = targets if labels is None else labels
    taps = (SimpleNamespace(attention=tuple(each)) for each in (student, teacher))
    return LossInputs(step, labels, targets, *taps)


def golden_inputs() -> tuple[LossInputs, list[Tensor]]:
    student = [torch.from_numpy(GOLDEN[f"attn_student_{i}"]).requires_grad_() for i in range(4)]
    teacher = [torch.from_numpy(GOLDEN[f"attn_teacher_{i}"]) for i in range(4)]
    step = scenario(["background", *"abcdefgh"], "4-4").steps[1]
    taps = [[GivenAttention(*each) for each in zip(side, GRIDS, strict=True)] for side in (student, teacher)]
    return loss_inputs(*taps, torch.from_numpy(GOLDEN["labels"]), step), student


def random_tap(seed: int, grid=(4, 6), key_grid=(2, 3), heads=3, batch=2, dtype=torch.float32) -> AttentionTap:
    generator = torch.Generator().manual_seed(seed)
    queries, keys = (
        torch.randn(batch, heads, height * width, 4, generator=generator, dtype=dtype).requires_grad_()
        for height, width in (grid, key_grid)
    )
    return AttentionTap("stage 1", queries, keys, 0.5, grid, key_grid)


def random_targets(seed: int, size=(8, 12), batch=2) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    values = torch.tensor([0, 1, 2, 3, 5, IGNORE], dtype=torch.uint8)  # 4 is absent, 5 is yet to come
    return values[torch.randint(len(values), (batch, *size), generator=generator)]


def by_loops(student: AttentionTap, teacher: AttentionTap, targets: Tensor, step: Step) -> float:
    """The loss of one stage as the paper words it: image by image, class by class, head by head."""
    ours, theirs = student.weights().detach().double(), teacher.weights().detach().double()
    per_image = []
    for image in range(len(targets)):
        small = Image.fromarray(targets[image].numpy())
        small = np.asarray(small.resize(student.query_grid[::-1], Image.Resampling.NEAREST)).ravel()
        per_region = []
        for index in step.seen:
            inside = np.flatnonzero(small == index)
            if not len(inside):
                continue
            per_head = []
            for head in range(ours.shape[1]):
                relation = sum(ours[image, head, q] for q in inside) / len(inside)
                taught = sum(theirs[image, head, q] for q in inside) / len(inside)
                per_head.append(float(((relation - taught) ** 2).sum() ** 0.5))
            per_region.append(sum(per_head) / len(per_head))
        per_image.append(sum(per_region) / len(per_region) if per_region else 0.0)
    return sum(per_image) / len(per_image)


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


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (
            {"pooling": "clas"},
            "Unknown pooling 'clas'. Did you mean 'class'. Choose one of: class, image, none",
        ),
        ({"layout": "released"}, "Unknown layout 'released'. Did you mean 'as_released'"),
        ({"weight": -1}, "AttentionTransfer needs weight >= 0, got -1"),
        ({"weight": float("nan")}, "AttentionTransfer needs weight >= 0, got nan"),
    ],
)
def test_settings_that_mean_nothing_are_refused(settings, message):
    with pytest.raises(UsageError, match=message):
        AttentionTransfer(**settings)


def relations_of(tap: AttentionTap, targets: Tensor, classes) -> tuple[Tensor, Tensor]:
    return region_pool(tap, targets, classes)


@pytest.mark.parametrize(
    ("distance", "slowly"),
    [
        ("l1", lambda s, t: sum(abs(a - b) for a, b in zip(s, t))),
        ("l2", lambda s, t: math.sqrt(sum((a - b) ** 2 for a, b in zip(s, t)))),
        ("squared", lambda s, t: sum((a - b) ** 2 for a, b in zip(s, t))),
        ("kl", lambda s, t: sum(b * math.log(b / a) for a, b in zip(s, t))),
    ],
)
def test_every_distance_equals_a_loop_over_keys(distance, slowly):
    student, teacher, targets = random_tap(0), random_tap(1), random_targets(2)
    (ours, present), (theirs, _) = (relations_of(tap, targets, STEP.seen) for tap in (student, teacher))
    per_image = []
    for image in range(2):
        regions = present[image].nonzero().flatten().tolist()
        per_region = [
            np.mean([slowly(ours[image, r, h].tolist(), theirs[image, r, h].tolist()) for h in range(3)])
            for r in regions
        ]
        per_image.append(np.mean(per_region))
    value = AttentionTransfer(1, distance=distance)(loss_inputs([student], [teacher], targets))
    assert float(value.detach()) == pytest.approx(np.mean(per_image), rel=1e-4)


def test_relations_between_regions_equal_two_loops_over_queries_and_keys():
    tap, targets = random_tap(0), random_targets(2)
    found, present = AttentionTransfer(1, keys="regions").pool(tap, targets, STEP.seen)
    weights = tap.weights().detach()
    at_query = resize_labels(targets, tap.query_grid).flatten(1)
    at_key = resize_labels(targets, tap.key_grid).flatten(1)
    for image in range(2):
        for row, index in enumerate(STEP.seen):
            queries = (at_query[image] == index).nonzero().flatten().tolist()
            assert bool(present[image, row]) == bool(queries)
            for head in range(3):
                for column, other in enumerate(STEP.seen):
                    keys = (at_key[image] == other).nonzero().flatten().tolist()
                    each = [sum(float(weights[image, head, q, k]) for k in keys) for q in queries]
                    expected = sum(each) / len(each) if each else 0.0
                    assert float(found[image, row, head, column].detach()) == pytest.approx(expected, abs=1e-5)
    there = found.sum(dim=-1)[present].detach()
    assert_close(there, torch.ones_like(there))  # with the rest, a relation is a distribution again


def test_background_becomes_a_region_only_where_asked_for():
    targets = torch.zeros(1, 8, 12, dtype=torch.uint8)
    inputs = loss_inputs([random_tap(0, batch=1)], [random_tap(1, batch=1)], targets)
    assert float(AttentionTransfer(1)(inputs).detach()) == 0
    whole_image = AttentionTransfer(1, "image")(inputs)
    assert_close(AttentionTransfer(1, background=True)(inputs), whole_image)


def test_stages_and_heads_are_chosen_by_their_numbers_from_one():
    taps = [[random_tap(seed, heads=2) for seed in seeds] for seeds in ((0, 1, 2), (3, 4, 5))]
    inputs = loss_inputs(*taps, random_targets(2))
    alone = [AttentionTransfer(1, stages=(number,))(inputs) for number in (1, 2, 3)]
    assert_close(torch.stack(alone).mean(), AttentionTransfer(1)(inputs))
    assert_close(AttentionTransfer(1, stages=(1, 3))(inputs), (alone[0] + alone[2]) / 2)
    one_stage = loss_inputs([taps[0][0]], [taps[1][0]], random_targets(2))
    assert_close(AttentionTransfer(1)(one_stage), alone[0])
    heads = [AttentionTransfer(1, heads=(number,))(inputs) for number in (1, 2)]
    assert_close((heads[0] + heads[1]) / 2, AttentionTransfer(1)(inputs))
    assert not torch.equal(*heads)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"stages": (2,)}, r"asked for stage 2, but there are the stages 1..1 here"),
        ({"heads": (4,)}, r"asked for head 4, but there are the heads 1..3 here"),
        ({"heads": (0,)}, r"asked for head 0"),
    ],
)
def test_a_stage_or_head_that_does_not_exist_is_named(settings, message):
    inputs = loss_inputs([random_tap(0)], [random_tap(1)], random_targets(2))
    with pytest.raises(UsageError, match=message):
        AttentionTransfer(1, **settings)(inputs)


def test_regions_from_the_teacher_stand_where_the_annotator_shows_background():
    labels = torch.zeros(1, 4, 6, dtype=torch.uint8)
    labels[0, 0] = 3
    labels[0, 1] = IGNORE
    guess = torch.zeros(1, 4, 6, dtype=torch.int64)
    guess[0, :, :3] = 1
    inputs = loss_inputs([random_tap(0, batch=1)], [random_tap(1, batch=1)], labels)
    inputs.teacher.classes = lambda: guess
    found = region_map(inputs, "teacher")
    assert found[0].tolist() == [[3] * 6, [IGNORE] * 6, [1, 1, 1, 0, 0, 0], [1, 1, 1, 0, 0, 0]]
    assert region_map(inputs, "targets") is labels
    by_teacher = AttentionTransfer(1, regions="teacher")(inputs)
    given = loss_inputs([inputs.student.attention[0]], [inputs.teacher.attention[0]], found)
    assert_close(by_teacher, AttentionTransfer(1)(given))


@pytest.mark.parametrize("setting", ["pooling", "layout", "distance", "keys", "regions"])
def test_an_unknown_choice_lists_what_there_is(setting):
    with pytest.raises(UsageError, match=f"Unknown {setting} 'no such'. Choose one of"):
        AttentionTransfer(**{setting: "no such"})


@pytest.mark.parametrize("distance", ["l1", "l2", "squared", "kl"])
@pytest.mark.parametrize("keys", ["each", "regions"])
def test_every_variant_is_zero_for_equal_models_and_pulls_the_student_only(distance, keys):
    term = AttentionTransfer(1, distance=distance, keys=keys)
    same = loss_inputs([random_tap(0)], [random_tap(0)], random_targets(2))
    assert float(term(same).detach()) == pytest.approx(0, abs=1e-6)
    student, teacher = random_tap(0), random_tap(1)
    frozen = AttentionTap("t", teacher.queries.detach(), teacher.keys.detach(), 0.5, (4, 6), (2, 3))
    term(loss_inputs([student], [frozen], random_targets(2))).backward()
    assert student.queries.grad.abs().max() > 0
    assert student.keys.grad.isfinite().all()
