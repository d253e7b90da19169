"""What a strategy computes of a batch, until it has its gradients, never waits for the device.

The meta device has shapes and no values: whoever asks for a value there gets an error.
"""

import pytest
import torch
from training_pieces import SCENARIO, RandomBatches, begun

from satkit.data.labels import UNKNOWN
from satkit.strategies import STRATEGIES, CrossEntropy
from satkit.training import see_batch


@pytest.mark.parametrize("name", STRATEGIES)
def test_losses_and_gradients_are_computed_without_waiting(name):
    step, strategy = SCENARIO.steps[1], STRATEGIES[name]
    setup = begun(step, strategy)
    for model in (setup.student, setup.teacher):
        model.to("meta")
    if setup.state.targets:
        setup.state.targets = {key: value.to("meta") for key, value in setup.state.targets.items()}
    losses = strategy.losses(see_batch(setup, RandomBatches(step).batch(0)))
    assert losses
    assert {loss.device.type for loss in losses.values()} == {"meta"}
    sum(losses.values()).backward()


def test_whoever_asks_for_a_value_is_found():
    with pytest.raises((RuntimeError, NotImplementedError)):
        bool((torch.zeros(3, device="meta") == 0).any())


def test_targets_without_a_channel_are_refused_where_nothing_waits():
    from satkit.strategies.terms.classification import refuse_unknown

    with pytest.raises(ValueError, match="got 1 such pixels"):
        refuse_unknown(CrossEntropy(), torch.tensor([0, UNKNOWN]))
    refuse_unknown(CrossEntropy(), torch.tensor([0, UNKNOWN], device="meta"))
