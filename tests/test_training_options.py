"""A step in bfloat16, and one with gradient checkpointing: near to the usual one, and they go on bit for bit."""

import pytest
import torch
from training_pieces import ADAMW, SCENARIO, SGD, RandomBatches, begun, same, train

from satkit.models.attention_taps import AttentionTap
from satkit.strategies import FINE_TUNING, MIB, PLOP, SATS
from satkit.strategies.lookup import find_strategy
from satkit.training import see_batch

STRATEGIES = (FINE_TUNING, SATS, MIB, PLOP, find_strategy("dkd"), find_strategy("ssul"))


def short(step, strategy):
    setup = begun(step, strategy)
    setup.autocast = "bfloat16"
    return setup


def saving(step, strategy, autocast=""):
    setup = begun(step, strategy)
    setup.gradient_checkpointing, setup.autocast = True, autocast
    return setup


@pytest.mark.parametrize("strategy", STRATEGIES, ids=lambda each: each.name)
def test_its_losses_are_near_those_in_float32(strategy):
    step = SCENARIO.steps[1]
    usual, few = begun(step, strategy), short(step, strategy)
    batch = RandomBatches(step).batch(0)
    torch.manual_seed(0)
    expected = strategy.losses(see_batch(usual, batch))
    torch.manual_seed(0)
    found = strategy.losses(see_batch(few, batch))
    assert found.keys() == expected.keys()
    for name, loss in found.items():
        assert loss.dtype == torch.float32
        assert float(loss) == pytest.approx(float(expected[name]), rel=0.05, abs=0.01), name
    assert any(float(found[name]) != float(expected[name]) for name in found)  # it was computed in another precision


def test_what_the_losses_see_is_in_float32_and_comes_from_shorter_numbers():
    inputs = see_batch(short(SCENARIO.steps[1], SATS), RandomBatches(SCENARIO.steps[1]).batch(0))
    for output in (inputs.student, inputs.teacher):
        numbers = (output.coarse, output.embedding, output.logits, *output.features)
        assert {each.dtype for each in numbers} == {torch.float32}
        assert torch.equal(output.coarse, output.coarse.bfloat16().float())
        assert all(isinstance(tap, AttentionTap) and tap.queries.dtype == torch.bfloat16 for tap in output.attention)


def test_weights_stay_in_float32_and_a_step_goes_on_bit_for_bit():
    step = SCENARIO.steps[1]
    expected, losses, snapshots = train(step, SATS, ADAMW, setup=short(step, SATS), snapshot_at=(3,))
    assert {value.dtype for value in expected.values() if value.is_floating_point()} == {torch.float32}
    found, later, _ = train(step, SATS, ADAMW, setup=short(step, SATS), resume=snapshots[3])
    assert same(found, expected)
    assert later == losses[3:]
    usual, _, _ = train(step, SATS, ADAMW)
    assert not same(usual, expected)


@pytest.mark.parametrize("strategy", STRATEGIES, ids=lambda each: each.name)
def test_a_step_with_gradient_checkpointing_ends_as_without(strategy):
    step = SCENARIO.steps[1]
    expected, losses, _ = train(step, strategy, SGD)
    found, same_losses, _ = train(step, strategy, SGD, setup=saving(step, strategy))
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-6)
    for (*_, one), (*_, other) in zip(losses, same_losses, strict=True):
        assert {name: float(loss) for name, loss in other.items()} == pytest.approx(
            {name: float(loss) for name, loss in one.items()}, rel=1e-4
        )


def test_gradient_checkpointing_and_bfloat16_go_on_bit_for_bit_together():
    step = SCENARIO.steps[1]
    both = [saving(step, SATS, autocast="bfloat16") for _ in range(2)]
    expected, losses, snapshots = train(step, SATS, ADAMW, setup=both[0], snapshot_at=(3,))
    found, later, _ = train(step, SATS, ADAMW, setup=both[1], resume=snapshots[3])
    assert same(found, expected)
    assert later == losses[3:]
