"""The state of a training after an iteration, as tensors by name, so that it can go on from there bit for bit.

It holds the weights of the student, what the optimiser remembers, what an importance has measured, and the random
generators.
"""

import torch
from torch import Tensor, nn

from satkit.utils.seeding import random_state, restore_random_state


def taken_out(
    done: int, student: nn.Module, optimiser: torch.optim.Optimizer, importances: dict[str, Tensor]
) -> dict[str, Tensor]:
    """The state after `done` iterations. Its tensors are the training's own: copy or write them before it goes on."""
    state = {f"student.{name}": tensor for name, tensor in student.state_dict().items()}
    for index, values in optimiser.state_dict()["state"].items():
        for name, value in values.items():
            state[f"optimiser.{index}.{name}"] = torch.as_tensor(value)
    state |= {f"importance.{name}": tensor for name, tensor in importances.items()}
    state |= {f"random.{name}": tensor for name, tensor in random_state().items()}
    return {**state, "iteration": torch.tensor(done)}


def put_back(
    state: dict[str, Tensor], student: nn.Module, optimiser: torch.optim.Optimizer, importances: dict[str, Tensor]
) -> int:
    """Put a state into a training, whose parts are of the same kind; returns how many iterations were done."""

    def part(prefix: str) -> dict[str, Tensor]:
        return {name.removeprefix(prefix): value for name, value in state.items() if name.startswith(prefix)}

    student.load_state_dict(part("student."))
    values: dict[int, dict] = {}
    for name, value in part("optimiser.").items():
        index, _, key = name.partition(".")
        values.setdefault(int(index), {})[key] = value.clone()  # the optimiser changes it in place
    optimiser.load_state_dict({**optimiser.state_dict(), "state": values})
    device = next(student.parameters()).device
    importances.update({name: value.to(device, copy=True) for name, value in part("importance.").items()})
    restore_random_state(part("random."))
    return int(state["iteration"])
