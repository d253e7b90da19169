"""Variants of attention transfer: other distances, keys, regions, stages and heads, each equal to slow loops."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from taps import STEP, loss_inputs, random_tap, random_targets
from torch import Tensor
from torch.testing import assert_close

from satkit.data import IGNORE
from satkit.models import AttentionTap
from satkit.models import attention_pooling as pooling
from satkit.scenario import Step
from satkit.strategies import AttentionTransfer, region_pool, relation_distance, resize_labels
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


@pytest.mark.parametrize("setting", ["pooling", "layout", "distance", "keys", "regions", "over"])
def test_an_unknown_choice_lists_what_there_is(setting):
    with pytest.raises(UsageError, match=f"Unknown {setting} 'no such'. Choose one of"):
        AttentionTransfer(**{setting: "no such"})


@pytest.mark.parametrize("distance", ["l1", "l2", "squared", "kl", "asymmetric"])
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


def slow_loss(student: AttentionTap, teacher: AttentionTap, targets: Tensor, classes, key_classes, lost_only) -> Tensor:
    """The loss of one stage, one number after the other; single keys are compared if key_classes is None."""
    ours, theirs = student.weights(), teacher.weights().detach()
    at_query, at_key = (resize_labels(targets, grid).flatten(1).tolist() for grid in (student.query_grid, (2, 3)))
    loss = 0
    for image in range(len(targets)):
        groups = [[key] for key in range(6)]
        if key_classes is not None:
            groups = [[key for key in range(6) if at_key[image][key] == each] for each in key_classes]
            groups.append([key for key in range(6) if at_key[image][key] not in key_classes])
        per_region = []
        for index in classes:
            queries = [query for query in range(24) if at_query[image][query] == index]
            if not queries:
                continue
            total = 0
            for head in range(3):
                squares = 0
                for group in groups:
                    learnt = sum(ours[image, head, q, k] for q in queries for k in group) / len(queries)
                    taught = sum(theirs[image, head, q, k] for q in queries for k in group) / len(queries)
                    if learnt < taught or not lost_only:
                        squares = squares + (learnt - taught) ** 2
                total = total + squares**0.5 / 3
            per_region.append(total)
        loss = loss + sum(per_region) / max(1, len(per_region))
    return loss / len(targets)


OLD, OLD_AND_BACKGROUND = (1, 2), (0, 1, 2)
VARIANTS = [
    ({"over": "old"}, OLD, None),
    ({"over": "old", "background": True}, OLD_AND_BACKGROUND, None),
    ({"over": "old", "keys": "regions"}, OLD, OLD),
    ({"over": "old", "keys": "regions", "background": True}, OLD_AND_BACKGROUND, OLD_AND_BACKGROUND),
    ({"distance": "asymmetric"}, STEP.seen, None),
    ({"distance": "asymmetric", "keys": "regions"}, STEP.seen, STEP.seen),
    ({"distance": "asymmetric", "over": "old"}, OLD, None),
]


@pytest.mark.parametrize(("settings", "classes", "key_classes"), VARIANTS)
def test_value_and_gradient_over_old_regions_and_of_lost_attention_equal_slow_loops(settings, classes, key_classes):
    student, teacher, targets = random_tap(0), random_tap(1), random_targets(2)
    value = AttentionTransfer(1, **settings)(loss_inputs([student], [teacher], targets))
    expected = slow_loss(student, teacher, targets, classes, key_classes, "distance" in settings)
    assert_close(value, expected, atol=1e-5, rtol=1e-5)
    leaves = (student.queries, student.keys)
    for found, slowly in zip(torch.autograd.grad(value, leaves), torch.autograd.grad(expected, leaves), strict=True):
        assert slowly.abs().max() > 1e-3
        assert_close(found, slowly, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("settings", [{}, {"background": True}, {"keys": "regions"}, {"distance": "asymmetric"}])
def test_over_old_regions_is_the_loss_of_a_label_map_without_new_classes(settings):
    taps, targets = ([random_tap(0)], [random_tap(1)]), random_targets(2)
    without = torch.where(torch.isin(targets, torch.tensor(STEP.new)), IGNORE, targets)
    assert not torch.equal(without, targets)
    old = AttentionTransfer(1, over="old", **settings)(loss_inputs(*taps, targets))
    assert_close(old, AttentionTransfer(1, **settings)(loss_inputs(*taps, without)))
    assert not torch.isclose(old, AttentionTransfer(1, **settings)(loss_inputs(*taps, targets)))


def test_over_old_regions_with_the_teacher_s_regions_leaves_out_what_the_annotator_shows():
    taps, targets = ([random_tap(0)], [random_tap(1)]), random_targets(2)
    old = torch.isin(targets, torch.tensor(OLD))
    inputs = loss_inputs(*taps, torch.where(old, 0, targets))  # the annotator shows new classes and IGNORE
    inputs.teacher.classes = lambda: torch.where(old, targets, 0).long()
    term = AttentionTransfer(1, over="old", regions="teacher")
    assert torch.equal(term(inputs), AttentionTransfer(1, over="old")(loss_inputs(*taps, targets)))
    inputs.teacher.classes = lambda: torch.zeros_like(targets).long()
    assert term(inputs) == 0


@pytest.mark.parametrize("chunked", [False, True])
@pytest.mark.parametrize("keys", ["each", "regions"])
@pytest.mark.parametrize(
    ("step", "fill"),
    [(Step(1, old=(), new=(1, 2), future=()), 1), (STEP, 3), (STEP, 0), (STEP, IGNORE)],
    ids=["no old class", "new regions only", "background only", "nothing annotated"],
)
def test_without_an_old_region_the_loss_is_zero_and_the_gradient_finite(monkeypatch, step, fill, keys, chunked):
    if chunked:
        monkeypatch.setattr(pooling, "LARGE", 0)
    student, targets = random_tap(0), torch.full((2, 8, 12), fill, dtype=torch.uint8)
    value = AttentionTransfer(over="old", keys=keys)(loss_inputs([student], [random_tap(1)], targets, step))
    value.backward()
    assert value == 0
    assert student.queries.grad.abs().max() == 0
    assert student.keys.grad.abs().max() == 0


def test_an_image_without_an_old_region_counts_zero_but_stays_in_the_mean():
    taps, targets = ([random_tap(0)], [random_tap(1)]), random_targets(2)
    targets[1] = 3
    seen, old = (AttentionTransfer(1, over=over)(loss_inputs(*taps, targets)) for over in ("seen", "old"))
    first = [
        replace(tap, queries=tap.queries[:1].detach().requires_grad_(), keys=tap.keys[:1].detach()) for (tap,) in taps
    ]
    assert_close(old, AttentionTransfer(1, over="old")(loss_inputs(first[:1], first[1:], targets[:1])) / 2)
    assert 0 < old != seen


def test_where_only_domains_are_new_old_regions_are_all_regions():
    step = Step(1, old=(1, 2, 3), new=(), future=(), domains=("bremen",))
    inputs = loss_inputs([random_tap(0)], [random_tap(1)], random_targets(2), step)
    seen, old = (AttentionTransfer(1, over=over)(inputs) for over in ("seen", "old"))
    assert torch.equal(seen, old)
    assert old > 0


@pytest.mark.parametrize("kind", ["image", "none"])
def test_old_regions_are_refused_where_no_class_is_pooled(kind):
    message = f"with over='old' needs pooling='class', got pooling='{kind}', which has no regions of old classes"
    with pytest.raises(UsageError, match=message):
        AttentionTransfer(pooling=kind, over="old")


def asymmetric(learnt: Tensor, taught: Tensor) -> Tensor:
    """The asymmetric distance of given relations (key,), by the function that the loss uses."""
    there = torch.ones(1, 1, dtype=torch.bool)
    distance, _ = relation_distance(learnt, taught, None, (), "asymmetric", lambda given, *_: (given, there))
    return distance


def test_only_attention_that_the_student_has_lost_counts():
    learnt = torch.tensor([0.1, 0.2, 0.7], requires_grad=True)
    distance = asymmetric(learnt, torch.tensor([0.4, 0.6, 0.0]))
    distance.backward()
    assert_close(distance, torch.tensor(0.5))  # lost: 0.3 and 0.4
    assert_close(learnt.grad, torch.tensor([-0.6, -0.8, 0.0]))


@pytest.mark.parametrize("added", [[0.0, 0.0, 0.0], [0.3, 0.0, 0.1], [0.2, 0.2, 0.2]])
def test_attention_that_was_only_added_costs_nothing_and_has_gradient_zero(added):
    taught = torch.tensor([0.1, 0.2, 0.3])
    learnt = (taught + torch.tensor(added)).requires_grad_()
    distance = asymmetric(learnt, taught)
    distance.backward()
    assert distance == 0
    assert torch.equal(learnt.grad, torch.zeros(3))


@pytest.mark.parametrize("over", ["seen", "old"])
def test_equal_models_have_asymmetric_distance_zero_and_gradient_zero(over):
    student = random_tap(0)
    teacher = replace(student, queries=student.queries.detach(), keys=student.keys.detach())
    term = AttentionTransfer(distance="asymmetric", over=over)
    value = term(loss_inputs([student], [teacher], random_targets(2)))
    value.backward()
    assert value == 0
    assert torch.equal(student.queries.grad, torch.zeros_like(student.queries))
    assert torch.equal(student.keys.grad, torch.zeros_like(student.keys))
