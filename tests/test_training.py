"""The loop learns, leaves the teacher alone, and stops where a loss is not finite."""

import math
from dataclasses import dataclass, field
from dataclasses import replace as variant
from typing import ClassVar

import pytest
import torch
from training_pieces import (
    ADAMW,
    ALL_PSEUDO,
    SCENARIO,
    SGD,
    OneBatch,
    RandomBatches,
    begun,
    blank,
    same,
    train,
    values_of,
)

from satkit.strategies import FINE_TUNING, SATS, CrossEntropy, Strategy
from satkit.training import Schedule, StepSetup, begin_step, fit_targets, make_optimiser, train_step
from satkit.utils.errors import UsageError
from satkit.utils.non_finite import NonFiniteLoss


@dataclass(frozen=True)
class FailsAtSecondCall:
    """Cross-entropy, until its second call."""

    value: float
    calls: list = field(default_factory=list)

    name: ClassVar[str] = "fragile"
    needs_teacher: ClassVar[bool] = False
    needs_attention: ClassVar[bool] = False

    def __call__(self, inputs):
        self.calls.append(1)
        return inputs.student.logits.mean() * (self.value if len(self.calls) == 2 else 1.0)


@dataclass(frozen=True)
class FiniteWithoutAFiniteGradient:
    """The square root of zero: its value is fine, its slope is not."""

    name: ClassVar[str] = "steep"
    needs_teacher: ClassVar[bool] = False
    needs_attention: ClassVar[bool] = False

    def __call__(self, inputs):
        return (0 * inputs.student.logits.square().sum()).sqrt()


class TestSchedule:
    def test_one_cycle_rises_over_the_first_tenth_and_falls_to_nearly_nothing(self):
        schedule = Schedule(100, 1.0)
        factors = [schedule.factor(iteration) for iteration in range(100)]
        assert factors[:10] == pytest.approx([(i + 1) / 10 for i in range(10)])
        assert max(factors) == 1.0
        assert all(later < earlier for earlier, later in zip(factors[10:], factors[11:], strict=False))
        assert factors[55] == pytest.approx(0.5)  # the middle of the cosine
        assert 0 < factors[-1] < 0.001

    def test_poly_is_its_formula(self):
        schedule = Schedule(50, 1.0, schedule="poly")
        assert [schedule.factor(i) for i in range(50)] == pytest.approx([(1 - i / 50) ** 0.9 for i in range(50)])

    @pytest.mark.parametrize("kind", ["one-cycle", "poly"])
    @pytest.mark.parametrize("iterations", [1, 2, 3, 7])
    def test_short_schedules_stay_between_nothing_and_the_highest(self, kind, iterations):
        schedule = Schedule(iterations, 1.0, schedule=kind)
        assert all(0 < schedule.factor(i) <= 1 for i in range(iterations))

    def test_unknown_names_are_refused_with_the_nearest(self):
        with pytest.raises(UsageError, match="Unknown optimiser 'adam'. Did you mean 'adamw'"):
            Schedule(1, 1.0, "adam")
        with pytest.raises(UsageError, match="Unknown schedule 'cosine'. Choose one of: one-cycle, poly"):
            Schedule(1, 1.0, "sgd", "cosine")

    def test_the_learning_rate_of_an_iteration_is_reported(self):
        schedule = variant(ADAMW, iterations=3)
        _, losses, _ = train(SCENARIO.steps[0], FINE_TUNING, schedule)
        assert [lr for _, lr, _ in losses] == pytest.approx([1e-3 * schedule.factor(i) for i in range(3)])

    def test_half_the_learning_rate_goes_half_as_far(self):
        class Enough(Exception):
            pass

        def first_movement(schedule):
            setup = begun(SCENARIO.steps[0], FINE_TUNING)
            before = values_of(setup.student)

            def stop(iteration):
                raise Enough

            batches = RandomBatches(SCENARIO.steps[0])
            with pytest.raises(Enough):
                train_step(setup, batches, schedule, seed=0, report=stop)
            name = "decoder.fuse.weight"
            return setup.student.state_dict()[name] - before[name]

        at_once = Schedule(1, 1e-2, "sgd", weight_decay=0.0)
        rising = variant(at_once, iterations=20)  # two iterations to rise: the first has half of the highest
        torch.testing.assert_close(first_movement(rising), first_movement(at_once) / 2, rtol=1e-3, atol=1e-7)


class TestOptimiser:
    @pytest.mark.parametrize("schedule", [ADAMW, SGD])
    def test_every_parameter_is_in_one_group(self, schedule):
        student = blank(counts=(3,))
        groups = make_optimiser(student, schedule).param_groups
        inside = [parameter for group in groups for parameter in group["params"]]
        assert len(inside) == len(set(inside))
        assert set(inside) == set(student.parameters())

    @pytest.mark.parametrize("schedule", [ADAMW, SGD])
    def test_weights_without_a_gradient_of_their_own_decay_as_the_schedule_says(self, schedule):
        student = blank(counts=(3,))
        optimiser = make_optimiser(student, variant(schedule, weight_decay=0.25))
        weight = student.decoder.fuse.weight
        before = weight.detach().clone()
        for parameter in student.parameters():
            parameter.grad = torch.zeros_like(parameter)
        optimiser.step()
        shrunk = before * (1 - schedule.lr * 0.25 * (1 if schedule is ADAMW else 1.9))  # Nesterov looks ahead
        torch.testing.assert_close(weight.detach(), shrunk)

    def test_the_factor_reaches_the_classifier_alone(self):
        student = blank(counts=(3,))
        groups = make_optimiser(student, variant(ADAMW, classifier_lr_factor=10.0)).param_groups
        highest = {p: group["highest_lr"] for group in groups for p in group["params"]}
        classifier = set(student.classifier.parameters())
        assert all(highest[p] == pytest.approx(1e-2 if p in classifier else 1e-3) for p in student.parameters())

    def test_a_tenfold_factor_moves_the_classifier_ten_times_as_far_and_nothing_else(self):
        step = SCENARIO.steps[0]
        plain = Schedule(1, 1e-2, "sgd", weight_decay=0.0, batch_size=2)
        before = values_of(begun(step, FINE_TUNING).student)
        once, _, _ = train(step, FINE_TUNING, plain)
        tenfold, _, _ = train(step, FINE_TUNING, variant(plain, classifier_lr_factor=10.0))
        for name, value in before.items():
            if name.startswith("classifier."):
                torch.testing.assert_close(tenfold[name] - value, 10 * (once[name] - value), rtol=1e-3, atol=1e-6)
                assert not torch.equal(once[name], value)
            else:
                assert torch.equal(tenfold[name], once[name])

    def test_frozen_parameters_stay(self):
        student = blank(counts=(3,))
        student.backbone.requires_grad_(False)
        before = values_of(student.backbone)
        groups = make_optimiser(student, ADAMW).param_groups
        assert all(parameter.requires_grad for group in groups for parameter in group["params"])
        train(SCENARIO.steps[0], FINE_TUNING, ADAMW, setup=StepSetup(SCENARIO.steps[0], FINE_TUNING, student))
        assert same(values_of(student.backbone), before)

    @pytest.mark.parametrize("kind", ["adamw", "sgd"])
    def test_clipping_bounds_the_gradient(self, kind):
        step, norms = SCENARIO.steps[0], {}
        for clip in (0.0, 1e-3):
            setup = begun(step, FINE_TUNING)
            train(step, FINE_TUNING, Schedule(1, 1e-6, kind, clip=clip, batch_size=2), setup=setup)
            norms[clip] = math.sqrt(sum(float(p.grad.square().sum()) for p in setup.student.parameters()))
        assert norms[1e-3] == pytest.approx(1e-3, rel=1e-2)
        assert norms[0.0] > 0.01


class TestBeginning:
    def test_the_base_step_adds_background_and_its_classes(self):
        previous = blank()
        student, teacher = begin_step(previous, SCENARIO.steps[0], SATS, seed=0)
        assert student.classifier.counts == (3,)
        assert previous.classifier.counts == ()
        assert teacher is None

    def test_a_later_step_grows_and_keeps_what_was_learnt(self):
        previous, _ = begin_step(blank(), SCENARIO.steps[0], FINE_TUNING, seed=0)
        before = values_of(previous)
        student, teacher = begin_step(previous, SCENARIO.steps[1], FINE_TUNING, seed=0)
        assert student.classifier.counts == (3, 1)
        assert teacher.classifier.counts == previous.classifier.counts == (3,)
        assert all(torch.equal(student.state_dict()[name], value) for name, value in before.items())
        assert same(values_of(teacher), before)
        images = torch.randn(2, 3, 32, 32)
        old = student.eval()(images).logits[:, :3]
        torch.testing.assert_close(old, teacher(images).logits)

    def test_student_and_teacher_share_no_memory(self):
        previous, _ = begin_step(blank(), SCENARIO.steps[0], FINE_TUNING, seed=0)
        student, teacher = begin_step(previous, SCENARIO.steps[1], FINE_TUNING, seed=0)
        mine = {tensor.data_ptr() for tensor in student.state_dict().values()}
        assert not mine & {tensor.data_ptr() for tensor in teacher.state_dict().values()}

    def test_the_teacher_is_frozen_and_evaluates_and_the_student_learns(self):
        previous, _ = begin_step(blank(), SCENARIO.steps[0], FINE_TUNING, seed=0)
        student, teacher = begin_step(previous.train(), SCENARIO.steps[1], FINE_TUNING, seed=0)
        assert not any(module.training for module in teacher.modules())
        assert not any(parameter.requires_grad for parameter in teacher.parameters())
        assert all(parameter.requires_grad for parameter in student.parameters())

    def test_two_strategies_may_begin_from_the_same_model(self):
        previous, _ = begin_step(blank(), SCENARIO.steps[0], FINE_TUNING, seed=0)
        for strategy in (FINE_TUNING, SATS):
            student, _ = begin_step(previous, SCENARIO.steps[1], strategy, seed=0)
            assert all(parameter.requires_grad for parameter in student.parameters())

    def test_the_strategy_initialises_the_new_channels(self):
        previous, _ = begin_step(blank(), SCENARIO.steps[0], SATS, seed=0)
        student, teacher = begin_step(previous, SCENARIO.steps[1], SATS, seed=0)
        background, new = student.classifier.steps[0].weight[0], student.classifier.steps[1].weight[0]
        assert torch.equal(background, new)
        plain, _ = begin_step(previous, SCENARIO.steps[1], FINE_TUNING, seed=0)
        assert not torch.equal(plain.classifier.steps[1].weight[0], new)

    def test_new_channels_depend_on_the_seed_and_on_nothing_drawn_before(self):
        previous, _ = begin_step(blank(), SCENARIO.steps[0], FINE_TUNING, seed=0)

        def new_weights(seed):
            torch.rand(seed + 3)
            return begin_step(previous, SCENARIO.steps[1], FINE_TUNING, seed)[0].classifier.steps[1].weight

        assert torch.equal(new_weights(1), new_weights(1))
        assert not torch.equal(new_weights(1), new_weights(2))


class TestLearning:
    def test_the_loss_falls_on_a_trivial_problem(self):
        student, _ = begin_step(blank(dropout=0.0, drop_path=0.0), SCENARIO.steps[0], FINE_TUNING, seed=0)
        losses = []
        train_step(
            StepSetup(SCENARIO.steps[0], FINE_TUNING, student),
            OneBatch(),
            Schedule(60, 3e-3, batch_size=2),
            seed=0,
            report=lambda iteration: losses.append(iteration.losses["total"]),
        )
        assert losses[-1] < 0.3 * losses[0]
        images, labels = OneBatch().batch(0)
        with torch.no_grad():
            found = student(images).logits.argmax(dim=1)
        assert (found == labels).float().mean() > 0.9

    def test_every_iteration_is_reported_with_every_term_and_their_sum(self):
        step = SCENARIO.steps[1]
        _, losses, _ = train(step, ALL_PSEUDO, variant(ADAMW, iterations=3))
        assert [number for number, _, _ in losses] == [1, 2, 3]
        for _, _, values in losses:
            assert list(values) == [*(term.name for term in SATS.terms), "total"]
            assert values["total"] == pytest.approx(sum(values.values()) - values["total"], rel=1e-5)

    def test_a_student_that_was_evaluated_before_learns_in_training_mode(self):
        step = SCENARIO.steps[0]
        expected, _, _ = train(step, FINE_TUNING, ADAMW)
        setup = begun(step, FINE_TUNING)
        setup.student.eval()
        found, _, _ = train(step, FINE_TUNING, ADAMW, setup=setup)
        assert same(found, expected)  # dropout, drop path and batch norm at work

    def test_the_student_comes_back_in_evaluation_mode(self):
        setup = begun(SCENARIO.steps[0], FINE_TUNING)
        train(SCENARIO.steps[0], FINE_TUNING, variant(ADAMW, iterations=1), setup=setup)
        assert not setup.student.training

    @pytest.mark.parametrize("strategy", [SATS, ALL_PSEUDO])
    def test_the_teacher_stays_as_it_is_and_gets_no_gradient(self, strategy):
        setup = begun(SCENARIO.steps[1], strategy)
        student, teacher = setup.student, setup.teacher
        before, student_before = values_of(teacher), values_of(student)
        train(SCENARIO.steps[1], strategy, ADAMW, setup=setup)
        assert same(values_of(teacher), before)
        assert all(parameter.grad is None for parameter in teacher.parameters())
        assert not any(module.training for module in teacher.modules())
        assert not same(values_of(student), student_before)

    def test_the_base_step_has_nothing_to_fit(self):
        setup = StepSetup(SCENARIO.steps[0], SATS, blank())
        assert fit_targets(setup, lambda: pytest.fail("no pass over the data")) == {}

    def test_thresholds_are_fitted_for_every_channel_of_the_teacher(self):
        setup = begun(SCENARIO.steps[1], SATS)
        assert setup.state.targets["thresholds"].shape == (SCENARIO.steps[1].num_old,)


class TestNonFiniteLosses:
    def fail(self, term):
        strategy = Strategy("fragile", terms=(CrossEntropy(), term), base_terms=(CrossEntropy(), term))
        student, _ = begin_step(blank(), SCENARIO.steps[0], strategy, seed=0)
        before = {0: {name: p.detach().clone() for name, p in student.named_parameters()}}
        reported = []

        def report(iteration):
            reported.append(iteration.number)
            before[iteration.number] = {name: p.detach().clone() for name, p in student.named_parameters()}

        setup = StepSetup(SCENARIO.steps[0], strategy, student)
        with pytest.raises(NonFiniteLoss) as caught:
            train_step(setup, RandomBatches(SCENARIO.steps[0]), ADAMW, seed=0, report=report)
        after = {name: p.detach() for name, p in student.named_parameters()}
        return str(caught.value), reported, before, after

    @pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
    def test_training_stops_in_the_iteration_where_it_happens_and_names_the_term(self, value):
        message, reported, before, after = self.fail(FailsAtSecondCall(value))
        assert "'fragile' is" in message
        assert "at step 0, iteration 2 " in message
        assert CrossEntropy.name in message  # the other terms are shown too
        assert reported == [1]
        assert same(after, before[1])
        assert not same(after, before[0])

    def test_a_gradient_that_is_not_finite_stops_training_too(self):
        message, reported, before, after = self.fail(FiniteWithoutAFiniteGradient())
        assert "The gradient must be finite" in message
        assert "at step 0, iteration 1" in message
        assert reported == []
        assert same(after, before[0])


def test_targets_that_were_not_fitted_are_refused():
    setup = begun(SCENARIO.steps[1], SATS)
    setup.state.targets = None
    with pytest.raises(ValueError, match="Targets that need a teacher are fitted before the step"):
        train_step(setup, RandomBatches(SCENARIO.steps[1]), ADAMW, seed=0)
