"""Models that are equal in all processes of a training: handed out by the first process, and compared."""

import hashlib
import json
from collections.abc import Callable

import safetensors.torch
from torch import nn

from satkit.models import Segmenter, build_segmenter
from satkit.utils import processes
from satkit.utils.processes import ProcessLost


def model_from_first(load: Callable[[], Segmenter]) -> Segmenter:
    """The segmenter that the first process loads; every other process builds one that is equal to it."""
    if processes.count() == 1:
        return load()
    model = load() if processes.is_first() else None
    spec = json.loads(processes.text(json.dumps(model.spec) if model else ""))
    model = model or build_segmenter(**spec).eval()
    take_from_first(model)
    return model


def take_from_first(model: nn.Module) -> None:
    """Give a model the weights that it has in the first process."""
    if processes.count() > 1:
        model.load_state_dict(processes.from_first(model.state_dict))


def check_equal(models: dict[str, nn.Module | None]) -> None:
    """Compare the weights of models over all processes; None is left out.

    Raises:
        ProcessLost: Naming the model that differs, and where.
    """
    if processes.count() == 1:
        return
    own = {name: weights_hash(model) for name, model in models.items() if model is not None}
    for number, text in enumerate(processes.texts(json.dumps(own))):
        different = [name for name, value in json.loads(text).items() if own[name] != value]
        if different:
            raise ProcessLost(
                f"The {different[0]} must be the same in all processes, but that of process {number} is not that of "
                f"process {processes.number()}. Do all of them have the same versions of satkit, torch and timm?"
            )


def weights_hash(model: nn.Module) -> str:
    """A hash of all weights and buffers of a model."""
    tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in model.state_dict().items()}
    return hashlib.sha256(safetensors.torch.save(tensors)).hexdigest()
