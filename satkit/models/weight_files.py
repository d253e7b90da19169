"""Weights from a file that somebody gives: nothing in it is run, and they are compared with the network before use.

A file is .safetensors, or one of torch, such as the .pth in which the authors of SegFormer release theirs. torch's
files are pickles, which can run anything; they are read with `weights_only`, which makes tensors and nothing else.
"""

import os
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import safetensors.torch
import torch
from torch import Tensor

from satkit.utils.disk_places import expanded
from satkit.utils.errors import UsageError, shown

SAFE = ".safetensors"
WRAPPERS = ("state_dict", "model")  # keys under which programs keep the weights beside other things
FORCED = "TORCH_FORCE_WEIGHTS_ONLY_LOAD"  # makes torch overrule whoever asks for more


def read_weights(path: str | Path) -> dict[str, Tensor]:
    """The tensors of a file by name; nothing that the file may hold beside them is run.

    Raises:
        UsageError: If there is no such file, or it does not hold tensors by name and nothing else.
    """
    path = expanded(path)
    if not path.is_file():
        raise UsageError(f"There is no file {path}. Give the path of a file of weights, {SAFE} or .pth.")
    try:
        if path.suffix == SAFE:
            found = safetensors.torch.load_file(path)
        else:
            found = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # torch, its zip files and safetensors have many
        raise UsageError(
            f"{path} must hold weights alone, as {SAFE} or as torch saves them, but it is damaged or holds something "
            f"else ({type(error).__name__}). Nothing in it was run. Fetch it again, or save its weights as {SAFE}."
        ) from error
    for key in WRAPPERS:
        if isinstance(found, dict) and isinstance(found.get(key), dict):
            found = found[key]
    if not isinstance(found, dict) or not found:
        raise UsageError(f"{path} must hold tensors by name, but it holds {shown(found)}. Give another file.")
    for name, value in found.items():
        if not isinstance(name, str) or not isinstance(value, Tensor):
            raise UsageError(f"{path} must hold tensors by name, but {shown(name)} is none. Save its weights alone.")
    return found


def check_weights(
    found: Mapping[str, Tensor], wanted: Mapping[str, Tensor], source: str, adapted: Collection[str] = ()
) -> None:
    """Compare weights with those that a network has.

    Args:
        found: What is to be loaded, by name.
        wanted: The network's own.
        source: What they are, as the beginning of a sentence: the file, or "Pretrained weights".
        adapted: Names that may have another shape.

    Raises:
        UsageError: Naming what is missing, what is too much, another shape or kind of numbers, and what is not finite;
            of each the first.
    """
    missing, extra = (sorted(set(one) - set(other)) for one, other in ((wanted, found), (found, wanted)))
    said = [f"{len(missing)} are missing, the first is {missing[0]!r}"] if missing else []
    said += [f"{len(extra)} belong to another network, the first is {shown(extra[0])}"] if extra else []
    if missing and (prefix := common_prefix(found, wanted)):
        said.append(f"all names begin with {prefix!r}")
    both = [name for name in wanted if name in found]
    said += _first(_other_shape(name, found[name], wanted[name]) for name in both if name not in adapted)
    said += _first(_other_kind(name, found[name], wanted[name]) for name in both)
    said += _first(_not_finite(name, found[name]) for name in both)
    if said:
        raise UsageError(
            f"{source} must hold every layer of the network in its shape and nothing else, but {'; '.join(said)}. Use "
            "the weights of the same variant."
        )


def common_prefix(found: Collection[str], wanted: Collection[str]) -> str:
    """What stands before the network's own names in all names that were found, such as "model."; "" if nothing does."""
    first = next(iter(found), "")
    prefixes = [first[: place + 1] for place, character in enumerate(first) if character == "."]
    shared = [prefix for prefix in prefixes if all(name.startswith(prefix) for name in found)]
    return next((prefix for prefix in shared if any(name.removeprefix(prefix) in wanted for name in found)), "")


@contextmanager
def nothing_but_weights() -> Iterator[None]:
    """Have torch read every file with `weights_only`, also where a library asks for more, as older ones of timm do."""
    before = os.environ.get(FORCED)
    os.environ[FORCED] = "1"
    try:
        yield
    finally:
        os.environ.pop(FORCED)
        if before is not None:
            os.environ[FORCED] = before


def _first(sentences: Iterator[str]) -> list[str]:
    return [sentence for sentence in sentences if sentence][:1]


def _other_shape(name: str, found: Tensor, wanted: Tensor) -> str:
    shapes = tuple(wanted.shape), tuple(found.shape)
    return "" if shapes[0] == shapes[1] else f"{name!r} must have the shape {shapes[0]}, got {shapes[1]}"


def _other_kind(name: str, found: Tensor, wanted: Tensor) -> str:
    if found.is_floating_point() == wanted.is_floating_point() and not found.is_complex():
        return ""
    kinds = (str(each.dtype).removeprefix("torch.") for each in (wanted, found))
    return "{!r} must hold numbers of the kind {}, got {}".format(name, *kinds)


def _not_finite(name: str, found: Tensor) -> str:
    return "" if bool(torch.isfinite(found).all()) else f"{name!r} holds numbers that are not finite"
