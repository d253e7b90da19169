"""What a step has measured is stored as tensors and read again."""

import torch

from satkit.strategies.step_state import StepState


def test_a_state_is_what_its_tensors_give_again():
    state = StepState(
        {"thresholds": torch.tensor([0.25, 0.5])},
        {"ewc.fisher.decoder.fuse.weight": torch.ones(2)},
        torch.tensor([[3, 0], [7, 1]]),
        40,
    )
    tensors = state.tensors()
    assert set(tensors) == {"thresholds", "ewc.fisher.decoder.fuse.weight", "memory", "best_iteration"}
    again = StepState.from_tensors(tensors)
    assert again.targets == state.targets
    assert again.importances == state.importances
    assert torch.equal(again.memory, state.memory)
    assert again.best_iteration == 40


def test_an_empty_state_has_no_tensors():
    assert StepState().tensors() == {}
    assert StepState.from_tensors({}) == StepState({})
