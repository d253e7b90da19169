"""Training that goes on from a snapshot gives the same bits, and what spans steps, importances and fusion, is kept."""

import copy
from dataclasses import replace as variant

import pytest
import torch
from training_pieces import ADAMW, ALL_PSEUDO, SCENARIO, SGD, RandomBatches, begun, blank, same, train

from satkit.strategies import EWC, FINE_TUNING, WeightFusion
from satkit.strategies.step_state import StepState
from satkit.training import StepSetup, begin_step, train_step
from satkit.utils.files import load_tensors, save_tensors


def held(weight, iterations=6):
    """A step after a base step that measured importances: student, teacher, what was measured, losses."""
    schedule = variant(ADAMW, iterations=iterations)
    recipe = variant(FINE_TUNING, importance=EWC(weight))
    base, _ = begin_step(blank(dropout=0.0, drop_path=0.0), SCENARIO.steps[0], recipe, seed=0)
    losses, first, second = [], SCENARIO.steps[0], SCENARIO.steps[1]
    setup = StepSetup(first, recipe, base)
    train_step(setup, RandomBatches(first), schedule, seed=0)
    before = setup.state.importances
    student, teacher = begin_step(base, second, recipe, seed=0)
    setup = StepSetup(second, recipe, student, teacher, StepState(importances=before))
    before = {name: value.clone() for name, value in before.items()}
    train_step(setup, RandomBatches(second), schedule, seed=0, report=lambda iteration: losses.append(iteration.losses))
    return student, teacher, before, setup.state.importances, losses


def distance(student, teacher):
    """How far the parameters that both have are apart."""
    new = dict(student.named_parameters())
    return float(sum((new[name] - old).detach().square().sum() for name, old in teacher.named_parameters()) ** 0.5)


class TestImportance:
    def test_every_iteration_is_measured_and_handed_to_the_next_step(self):
        _, _, before, after, _ = held(0.0)
        assert before.keys() <= after.keys()
        assert all(name.startswith("ewc.fisher.") for name in before)
        assert not any(value.eq(1).all() for value in before.values())  # where the measure begins
        assert not any(torch.equal(value, after[name]) for name, value in before.items())

    def test_the_penalty_is_reported_and_holds_the_student(self):
        free, tight = held(0.0), held(1e4)
        assert distance(*tight[:2]) < 0.7 * distance(*free[:2])
        assert all(losses["importance"] == 0 for losses in free[4])
        assert tight[4][0]["importance"] == 0  # nothing has moved yet
        assert tight[4][-1]["importance"] > 0
        last = tight[4][-1]
        assert last["total"] == pytest.approx(last["cross-entropy"] + last["importance"], rel=1e-5)

    def test_the_measure_is_that_of_the_data_s_loss_without_the_penalty(self):
        free, tight = held(0.0, iterations=1), held(1e9, iterations=1)
        assert all(torch.equal(value, tight[3][name]) for name, value in free[3].items())


class TestFusion:
    def test_student_and_teacher_are_averaged_at_the_end_of_a_later_step(self):
        step, recipe = SCENARIO.steps[1], variant(FINE_TUNING, fusion=WeightFusion(0.25))
        setups = [begun(step, FINE_TUNING), begun(step, recipe)]
        for setup in setups:
            train_step(setup, RandomBatches(step), ADAMW, seed=0)
        alone, fused, teacher = setups[0].student, setups[1].student, setups[0].teacher
        new = dict(alone.named_parameters())
        for name, value in fused.named_parameters():
            old = dict(teacher.named_parameters()).get(name)
            torch.testing.assert_close(value, new[name] if old is None else 0.75 * old + 0.25 * new[name])
        assert distance(alone, teacher) > 0

    def test_the_base_step_has_nothing_to_be_averaged_with(self):
        step, recipe = SCENARIO.steps[0], variant(FINE_TUNING, fusion=WeightFusion(0.0))
        one, other = (train(step, learning, ADAMW)[0] for learning in (FINE_TUNING, recipe))
        assert same(one, other)


class TestResuming:
    @pytest.mark.parametrize("schedule", [ADAMW, SGD], ids=["adamw", "sgd"])
    @pytest.mark.parametrize("index", [0, 1])
    def test_three_and_three_iterations_are_bit_for_bit_six(self, schedule, index, tmp_path):
        step = SCENARIO.steps[index]
        expected, losses, snapshots = train(step, ALL_PSEUDO, schedule, snapshot_at=(3,))
        save_tensors(tmp_path / "checkpoint.safetensors", snapshots[3], {})
        state, _ = load_tensors(tmp_path / "checkpoint.safetensors")
        torch.manual_seed(12345)  # what happens between must not matter
        found, rest, _ = train(step, ALL_PSEUDO, schedule, resume=state)
        assert same(found, expected)
        assert rest == losses[3:]

    def test_resuming_needs_nothing_of_the_student_but_its_shape(self):
        step = SCENARIO.steps[0]
        expected, _, snapshots = train(step, FINE_TUNING, ADAMW, snapshot_at=(3,))
        other, _ = begin_step(blank(seed=99), step, FINE_TUNING, seed=99)
        found, _, _ = train(step, FINE_TUNING, ADAMW, resume=snapshots[3], setup=StepSetup(step, FINE_TUNING, other))
        assert same(found, expected)

    def test_dropout_and_drop_path_really_draw(self):
        step = SCENARIO.steps[0]
        one, _, _ = train(step, FINE_TUNING, ADAMW)
        other, _, _ = train(step, FINE_TUNING, ADAMW, seed=1, setup=begun(step, FINE_TUNING, seed=0))
        assert not same(one, other)

    def test_training_twice_gives_the_same_bits(self):
        one, losses, _ = train(SCENARIO.steps[1], ALL_PSEUDO, ADAMW)
        torch.rand(5)
        other, again, _ = train(SCENARIO.steps[1], ALL_PSEUDO, ADAMW)
        assert same(one, other)
        assert losses == again

    def test_taking_snapshots_changes_nothing(self):
        step = SCENARIO.steps[0]
        expected, _, _ = train(step, FINE_TUNING, ADAMW)
        found, _, _ = train(step, FINE_TUNING, ADAMW, snapshot_at=range(1, 7))
        assert same(found, expected)

    @pytest.mark.parametrize("schedule", [ADAMW, SGD], ids=["adamw", "sgd"])
    def test_a_snapshot_can_be_resumed_from_more_than_once(self, schedule):
        step = SCENARIO.steps[0]
        expected, _, snapshots = train(step, FINE_TUNING, schedule, snapshot_at=(3,))
        before = copy.deepcopy(snapshots[3])
        first, _, _ = train(step, FINE_TUNING, schedule, resume=snapshots[3])
        assert same(snapshots[3], before)
        second, _, _ = train(step, FINE_TUNING, schedule, resume=snapshots[3])
        assert same(first, expected)
        assert same(second, expected)

    def test_a_snapshot_of_the_last_iteration_has_nothing_left_to_do(self):
        step = SCENARIO.steps[0]
        expected, _, snapshots = train(step, FINE_TUNING, ADAMW, snapshot_at=(6,))
        found, rest, _ = train(step, FINE_TUNING, ADAMW, resume=snapshots[6])
        assert same(found, expected)
        assert rest == []
