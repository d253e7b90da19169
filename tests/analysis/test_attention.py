"""Attention and relations of figures equal slow computations and the loss."""

from functools import partial
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from samples import LABELS, picture, segmenter, step_images

from satkit.analysis.attention import (
    attention_drift,
    attention_of,
    head_drift,
    heads_of,
    labels_of_keys,
    labels_of_queries,
    look,
    query_at,
    relation_matrix,
    relations_of,
)
from satkit.analysis.probes import region_drift
from satkit.data import IGNORE
from satkit.models import AttentionTap
from satkit.scenario import Step
from satkit.strategies import AttentionTransfer, LossInputs, relation_distance
from satkit.strategies.terms.attention_transfer import resize_labels
from satkit.utils.errors import UsageError

STEP = Step(1, old=(1, 2, 3), new=(4, 5), future=())


@pytest.fixture(scope="module")
def views():
    """A teacher's and a student's view of one image."""
    return look(segmenter(0), picture()), look(segmenter(1), picture())


def test_a_look_holds_the_taps_of_one_image_and_the_prediction():
    model = segmenter()
    model.train()
    seen = look(model, picture(size=(32, 64)))
    assert [tap.query_grid for tap in seen.taps] == [(8, 16), (4, 8), (4, 8), (4, 8)]
    assert (seen.prediction.shape, seen.prediction.dtype) == ((32, 64), np.uint8)
    assert not any(tap.queries.requires_grad for tap in seen.taps)
    again = look(model, picture(size=(32, 64)))  # as in evaluation: nothing is dropped at random
    np.testing.assert_array_equal(again.prediction, seen.prediction)


def test_the_query_of_a_pixel_is_the_patch_that_holds_it():
    tap = AttentionTap("stage 1", torch.zeros(1, 1, 24, 2), torch.zeros(1, 1, 6, 2), 1.0, (4, 6), (2, 3))
    for row in range(32):
        for column in range(60):
            assert query_at(tap, (row, column), (32, 60)) == (row // 8, column // 10)
    assert query_at(tap, (29, 0), (30, 60)) == (3, 0)  # 7.5 pixels a patch


@pytest.mark.parametrize("pixel", [(-1, 0), (0, -1), (32, 0), (0, 60)])
def test_a_pixel_outside_the_image_is_refused(pixel):
    tap = SimpleNamespace(query_grid=(4, 6))
    message = rf"inside the image of 32 x 60, got row {pixel[0]}, column {pixel[1]}"
    with pytest.raises(UsageError, match=message):
        query_at(tap, pixel, (32, 60))


def test_attention_of_a_query_is_its_row_of_the_weights():
    generator = torch.Generator().manual_seed(0)
    queries, keys = (torch.randn(1, 3, n, 4, generator=generator) for n in (24, 6))
    tap = AttentionTap("stage 1", queries, keys, 0.5, (4, 6), (2, 3))
    rows = tap.weights()[0]
    for query in ((0, 0), (1, 2), (3, 5)):
        number = query[0] * 6 + query[1]
        np.testing.assert_allclose(attention_of(tap, query), rows[:, number].mean(dim=0).view(2, 3), rtol=1e-6)
        for head in range(3):
            np.testing.assert_allclose(attention_of(tap, query, head), rows[head, number].view(2, 3), rtol=1e-5)
            assert attention_of(tap, query, head).sum() == pytest.approx(1.0, abs=1e-6)
        assert attention_of(tap, query).sum() == pytest.approx(1.0, abs=1e-6)


def test_the_drift_of_a_head_is_the_mean_distance_of_its_relations(views):
    drift = head_drift(*views, LABELS, (1, 2, 4, 5))
    for stage, (taught, learnt) in enumerate(zip(views[0].taps, views[1].taps, strict=True)):
        rows = [tap.weights()[0].double().numpy() for tap in (taught, learnt)]
        at_query = cell_labels(LABELS, taught.query_grid).ravel()
        regions = [at_query == each for each in (1, 2, 4, 5) if (at_query == each).any()]
        expected = [
            np.mean(
                [np.linalg.norm(rows[1][head][region].mean(0) - rows[0][head][region].mean(0)) for region in regions]
            )
            for head in range(len(rows[0]))
        ]
        np.testing.assert_allclose(drift[stage], expected, rtol=1e-4)
    np.testing.assert_allclose(attention_drift(*views, LABELS, (1, 2, 4, 5)), [np.mean(each) for each in drift])


def test_without_a_region_a_head_has_no_drift(views):
    assert all(np.isnan(stage).all() for stage in head_drift(*views, LABELS, (5,)))
    assert not attention_drift(*views, LABELS, (5,)).any()


def test_labels_of_keys_are_those_that_the_loss_would_see_there(views):
    for tap in views[0].taps:
        np.testing.assert_array_equal(labels_of_keys(tap, LABELS), cell_labels(LABELS, tap.key_grid))


def test_rows_of_chosen_queries_are_those_of_all_queries(views):
    for tap in views[0].taps:
        everything = tap.weights()
        last = everything.shape[2] - 1
        torch.testing.assert_close(tap.weights([last, 0]), everything[:, :, [last, 0]], atol=1e-6, rtol=1e-5)
        assert tap.weights([last]).shape[2] == 1


def test_the_heads_of_a_query_are_its_rows_and_their_mean_is_its_attention(views):
    for tap in views[0].taps:
        found = heads_of(tap, (0, 0))
        assert found.shape[1:] == tap.key_grid
        np.testing.assert_allclose(found.sum(axis=(1, 2)), 1, rtol=1e-5)
        np.testing.assert_allclose(found.mean(axis=0), attention_of(tap, (0, 0)), rtol=1e-6)
        np.testing.assert_array_equal(found[-1], attention_of(tap, (0, 0), len(found) - 1))


def test_queries_have_the_labels_that_the_loss_gives_them(views):
    labels = np.random.default_rng(0).integers(0, 4, (32, 32)).astype(np.uint8)
    for tap in views[0].taps:
        expected = resize_labels(torch.from_numpy(labels)[None], tap.query_grid)[0].numpy()
        np.testing.assert_array_equal(labels_of_queries(tap, labels), expected)


@pytest.mark.parametrize("head", [-1, 2])
def test_a_head_that_is_not_there_is_refused(views, head):
    with pytest.raises(UsageError, match=rf"stage 2 has the heads 0\.\.1, got {head}"):
        attention_of(views[0].taps[1], (0, 0), head)


def cell_labels(labels, grid):
    """The label at the centre of every cell of a grid, cell by cell."""
    height, width = (side / cells for side, cells in zip(labels.shape, grid, strict=True))
    return np.array(
        [[labels[int((i + 0.5) * height), int((j + 0.5) * width)] for j in range(grid[1])] for i in range(grid[0])]
    )


def slow_relations(tap, labels, classes):
    """Mean attention row of every class, added up query by query and head by head."""
    at_query, rows = cell_labels(labels, tap.query_grid), tap.weights()[0].double().numpy()
    found = {}
    for each in classes:
        total, queries = np.zeros(tap.key_grid), 0
        for i, j in np.argwhere(at_query == each):
            for head in range(len(rows)):
                total += rows[head, i * tap.query_grid[1] + j].reshape(tap.key_grid) / len(rows)
            queries += 1
        if queries:
            found[each] = total / queries
    return found


@pytest.mark.parametrize("stage", [0, 1, 2])
def test_relations_are_mean_attention_rows_of_their_pixels(views, stage):
    tap = views[0].taps[stage]
    relations, kept = relations_of(tap, LABELS, (1, 2, 3, 4))
    slow = slow_relations(tap, LABELS, (1, 2, 3, 4))
    assert kept == list(slow)
    assert 3 not in kept  # no pixel has it
    np.testing.assert_allclose(relations, np.stack(list(slow.values())), rtol=1e-5)
    np.testing.assert_allclose(relations.sum(axis=(1, 2)), 1.0, rtol=1e-5)


def test_the_mean_over_heads_of_relations_and_of_their_matrices_is_shown_unless_one_is_asked_for(views):
    tap = views[0].taps[2]
    heads = range(tap.queries.shape[1])
    assert len(heads) > 1
    relations = lambda head: relations_of(tap, LABELS, (1, 2), head)[0]  # noqa: E731
    for measure in (relations, partial(relation_matrix, tap, LABELS, (1, 2))):
        single = [measure(head) for head in heads]
        assert not np.allclose(single[0], single[1])
        np.testing.assert_allclose(np.mean(single, axis=0), measure(None), rtol=1e-5, atol=1e-7)
    weights = tap.weights()[0, 1].reshape(*tap.query_grid, *tap.key_grid).numpy()
    mine = weights[cell_labels(LABELS, tap.query_grid) == 1].mean(axis=0)
    np.testing.assert_allclose(relations_of(tap, LABELS, (1,), 1)[0][0], mine, rtol=1e-5)
    with pytest.raises(ValueError, match=f"the heads 0..{len(heads) - 1}, got 9"):
        relations_of(tap, LABELS, (1,), 9)


@pytest.mark.parametrize("stage", [0, 1])
def test_a_relation_matrix_adds_up_the_keys_of_every_region(views, stage):
    tap = views[0].taps[stage]
    matrix = relation_matrix(tap, LABELS, (1, 2, 3, 4))
    slow = slow_relations(tap, LABELS, (1, 2, 3, 4))
    at_key = cell_labels(LABELS, tap.key_grid)
    assert matrix.shape == (3, 4)
    for row, each in enumerate(slow):
        for column, other in enumerate((0, *slow)):
            expected = sum(slow[each][i, j] for i, j in np.argwhere(at_key == other))
            assert matrix[row, column] == pytest.approx(expected, rel=1e-5)
    sums = matrix.sum(axis=1)
    assert (sums < 1).all()  # IGNORE holds some keys
    assert (sums > 0.8).all()


def test_a_relation_matrix_without_ignored_pixels_sums_to_one(views):
    labels = np.where(LABELS == IGNORE, 0, LABELS).astype(np.uint8)
    np.testing.assert_allclose(relation_matrix(views[0].taps[0], labels, (1, 2, 4)).sum(axis=1), 1.0, rtol=1e-5)


def test_a_student_equal_to_its_teacher_has_not_drifted(views):
    np.testing.assert_array_equal(attention_drift(views[0], views[0], LABELS, STEP.seen), np.zeros(4))


def test_the_drift_is_what_attention_transfer_adds_to_the_loss(views):
    teacher, student = views
    targets = torch.from_numpy(LABELS)[None]
    outputs = (SimpleNamespace(attention=view.taps) for view in (student, teacher))
    loss = AttentionTransfer(weight=1.0)(LossInputs(STEP, targets, targets, *outputs))
    drift = attention_drift(teacher, student, LABELS, STEP.seen)
    assert drift.shape == (4,)
    assert drift[0] > 0
    assert drift.mean() == pytest.approx(float(loss), rel=1e-5)


def test_figures_and_probes_show_the_relation_distance_of_the_loss():
    teacher, student = segmenter(0), segmenter(1)
    views, images = [look(model, picture()) for model in (teacher, student)], step_images(LABELS)
    per_head = head_drift(*views, images.labels(0), (1,))
    per_class = region_drift(teacher, student, images, (1,))
    labels = torch.from_numpy(images.labels(0))[None]
    for taught, learnt, heads in zip(views[0].taps, views[1].taps, per_head, strict=True):
        distance, present = relation_distance(learnt, taught, labels, (1,))
        loss = AttentionTransfer(1.0).stage(learnt, taught, labels, (1,))
        if not present.any():
            assert np.isnan(heads).all()
            assert loss == 0
            continue
        np.testing.assert_array_equal(heads, distance[0, 0])
        np.testing.assert_allclose(per_class[learnt.name][0], distance[0, 0], rtol=1e-6)
        assert float(loss) == pytest.approx(float(distance.mean()), rel=1e-6)
    assert sum(np.isfinite(heads).all() for heads in per_head) >= 2


def test_an_image_without_regions_has_no_drift(views):
    np.testing.assert_array_equal(attention_drift(*views, np.zeros_like(LABELS), STEP.seen), np.zeros(4))
