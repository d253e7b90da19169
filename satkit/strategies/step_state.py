"""What a step has measured and remembers: it is saved with the step's weights."""

from dataclasses import dataclass, field

import torch
from torch import Tensor


@dataclass
class StepState:
    """What belongs to a step beside its weights.

    Attributes:
        targets: What the target policy has measured on the step's images, by name, such as "thresholds"; None before
            it has.
        importances: Importance of every parameter; at the beginning of a step what the step before has left.
        memory: Exemplars that the step trains on: number of an image and the step it was kept in, int64 (size, 2).
        best_iteration: The iteration that the weights are of, where they are not those of the last.
    """

    targets: dict[str, Tensor] | None = None
    importances: dict[str, Tensor] = field(default_factory=dict)
    memory: Tensor | None = None
    best_iteration: int | None = None

    def tensors(self) -> dict[str, Tensor]:
        """Everything as tensors by name, to be stored; names of importances hold a dot, all others none."""
        found = {**(self.targets or {}), **self.importances}
        if self.memory is not None:
            found["memory"] = self.memory
        if self.best_iteration is not None:
            found["best_iteration"] = torch.tensor(self.best_iteration)
        return found

    @classmethod
    def from_tensors(cls, tensors: dict[str, Tensor]) -> "StepState":
        """What `tensors` gave."""
        left = dict(tensors)
        memory, best = left.pop("memory", None), left.pop("best_iteration", None)
        importances = {name: tensor for name, tensor in left.items() if "." in name}
        targets = {name: tensor for name, tensor in left.items() if "." not in name}
        return cls(targets, importances, memory, None if best is None else int(best))
