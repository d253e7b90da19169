"""Variants of attention transfer: other distances, keys, regions, stages and heads, each equal to slow loops."""

import math

import numpy as np
import pytest
import torch
from taps import STEP, loss_inputs, random_tap, random_targets
from torch import Tensor
from torch.testing import assert_close

from satkit.data import IGNORE
from satkit.models import AttentionTap
from satkit.strategies import AttentionTransfer, region_pool, resize_labels
from satkit.strategies.terms.attention_transfer import region_map
from satkit.utils.errors import UsageError


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
