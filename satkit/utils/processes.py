"""Several processes that train together, as `torchrun` starts them: the only file that knows `torch.distributed`.

The first process leads. It alone reads and writes the run, and tells the others which step comes next. Inside `leading`
and `follow` all of them work together. Everywhere else, and without torchrun, a process is alone, and every function
here gives back what it was given.
"""

import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TypeVar

import torch
import torch.distributed as dist
from safetensors.torch import load, save
from torch import Tensor

from satkit.utils.errors import UsageError, shown
from satkit.utils.launched import processes

SECONDS = 60  # in which all processes must have finished an iteration
PATIENCE = 3600  # seconds, where one works and others wait: data are read, each evaluates its images
Found = TypeVar("Found")


class ProcessLost(RuntimeError):
    """Another process has ended, does not answer, or has come to something else."""

    exit_code = 1


@dataclass
class _Group:
    """The processes that torchrun has started: number of this one, and how many there are.

    Attributes:
        host: For small things in main memory, as quick as an iteration.
        device: For what is where the model is.
        together: Whether all of them work on a step now.
        sizes: Images of each of them in a batch of this step, by those of this one.
    """

    rank: int
    count: int
    host: "dist.ProcessGroup"
    device: "dist.ProcessGroup"
    together: bool = False
    sizes: dict[int, list[int]] = field(default_factory=dict)

    def work(self, together: bool) -> None:
        """Begin or end to work together on a step."""
        self.together, self.sizes = together, {}


_group: _Group | None = None  # a process has one, as it has one default group of torch's


@contextmanager
def joined() -> Iterator[None]:
    """Join the processes that torchrun has started. After an error the connections end with the process."""
    global _group
    if processes() == 1:
        yield
        return
    graphics = torch.cuda.device_count()
    if graphics:
        torch.cuda.set_device(int(os.environ["LOCAL_RANK"]) % graphics)
    quick, slow = (timedelta(seconds=seconds) for seconds in (SECONDS, PATIENCE))
    _safely(dist.init_process_group, "gloo", timeout=slow)
    host = _safely(dist.new_group, backend="gloo", timeout=quick)
    one_each = int(os.environ["LOCAL_WORLD_SIZE"]) <= graphics
    device = _safely(dist.new_group, backend="nccl", timeout=quick) if one_each else host
    _group = _Group(dist.get_rank(), dist.get_world_size(), host, device)
    yield
    _group = None
    dist.destroy_process_group()


def agreed(prepare: Callable[[], Found], described: Callable[[Found], dict]) -> Found:
    """What every process prepares for itself, if none fails and all come to the same.

    Args:
        described: Plain values by name that must be equal in all processes.

    Raises:
        UsageError: In the first process, if a description differs.
        SystemExit: In processes that would only repeat what another one says.
    """
    if _group is None:
        return prepare()
    found, failed = None, None
    try:
        found = prepare()
        said = {"is": described(found)}
    except Exception as error:
        if not hasattr(error, "exit_code"):
            raise
        failed, said = error, {"code": error.exit_code}
    all_said = [json.loads(text) for text in texts(json.dumps(said))]
    failing = [rank for rank, each in enumerate(all_said) if "code" in each]
    if failing:
        raise failed if failing[0] == _group.rank else SystemExit(all_said[failing[0]]["code"])
    if said := _disagreement([each["is"] for each in all_said]):
        raise UsageError(said) if _group.rank == 0 else SystemExit(UsageError.exit_code)
    return found


def _disagreement(described: list[dict]) -> str:
    """In what a process differs from the first, as a sentence; "" if none does."""
    for rank, each in enumerate(described):
        for name in described[0] | each:
            first, other = described[0].get(name), each.get(name)
            if first != other:
                return (
                    f"All processes must train the same, but {name} is {shown(first)} in process 0 and {shown(other)} "
                    f"in process {rank}. Start all of them with the same command and the same data."
                )
    return ""


def leads() -> bool:
    """Whether this is the first process, or the only one."""
    return _group is None or _group.rank == 0


@contextmanager
def leading(told: dict) -> Iterator[None]:
    """Inside the block all processes work together, on what the others are told. For the first process."""
    if _group is None:
        yield
        return
    text(json.dumps(told))
    _group.work(together=True)
    yield
    _group.work(together=False)  # not after an error, when the others are in the middle of something


def dismiss() -> None:
    """Let the other processes end, unless they are in the middle of something. For the first process."""
    if _group is not None and not _group.together:
        text(json.dumps(None))


def follow(work: Callable[[dict], None]) -> None:
    """Work on whatever the first process tells, until it dismisses this one. For all other processes."""
    while (told := json.loads(text())) is not None:
        _group.work(together=True)
        work(told)
        _group.work(together=False)


def count() -> int:
    """How many processes work together now."""
    return _group.count if _group and _group.together else 1


def number() -> int:
    """Number of this process among them, from 0."""
    return _group.rank if count() > 1 else 0


def is_first() -> bool:
    """Whether this process is the one that reads and writes the run."""
    return number() == 0


def part(total: int) -> slice:
    """Which of `total` images in a batch are this process's."""
    return slice(number() * total // count(), (number() + 1) * total // count())


def from_first(make: Callable[[], dict[str, Tensor]]) -> dict[str, Tensor]:
    """Tensors by name that the first process makes; the others get them in main memory."""
    if count() == 1:
        return make()
    if not is_first():
        return load(_bytes())
    tensors = make()
    _bytes(save({name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}))
    return tensors


def summed(counts: Tensor) -> Tensor:
    """Counts added up over all processes, which may have to wait for one of them."""
    if count() == 1:
        return counts
    total = counts.cpu()
    _safely(dist.all_reduce, total)
    return total.to(counts.device)


def any_signal(arrived: int | None) -> int | None:
    """The signal that has arrived at a process, the highest if several have; None if none has."""
    if count() == 1:
        return arrived
    highest = torch.tensor(int(arrived or 0))
    _safely(dist.all_reduce, highest, dist.ReduceOp.MAX, _group.host)
    return int(highest) or None


def sizes(own: int) -> list[int]:
    """Images of each process in a batch, in their order; they are asked once, for all batches of a step are alike."""
    if own not in _group.sizes:
        found = [torch.tensor(0) for _ in range(count())]
        _safely(dist.all_gather, found, torch.tensor(own), _group.host)
        _group.sizes[own] = list(map(int, found))
    return _group.sizes[own]


def reduced(tensor: Tensor) -> Tensor:
    """A tensor added up over all processes, in place."""
    if count() > 1:
        _safely(dist.all_reduce, tensor, dist.ReduceOp.SUM, _group.device)
    return tensor


def gathered(tensor: Tensor, lengths: list[int]) -> Tensor:
    """The tensors of all processes one after the other; lengths: how long each is."""
    padded = tensor.new_zeros((max(lengths), *tensor.shape[1:]))
    padded[: len(tensor)] = tensor
    found = [torch.empty_like(padded) for _ in lengths]
    plain = [each.flatten().view(torch.uint8) for each in (*found, padded)]  # gloo does not know every type
    _safely(dist.all_gather, plain[:-1], plain[-1], _group.device)
    return torch.cat([each[:length] for each, length in zip(found, lengths, strict=True)])


def text(own: str = "") -> str:
    """What the first process says, in all of them; they may have to wait for it."""
    return _bytes(own.encode()).decode()


def texts(own: str) -> list[str]:
    """What every process says, in their order; they may have to wait for each other."""
    if _group is None:
        return [own]
    data = own.encode()
    lengths = [torch.tensor(0) for _ in range(_group.count)]
    _safely(dist.all_gather, lengths, torch.tensor(len(data)))
    padded = torch.frombuffer(bytearray(data.ljust(int(max(lengths)))), dtype=torch.uint8)
    found = [torch.empty_like(padded) for _ in lengths]
    _safely(dist.all_gather, found, padded)
    return [each.numpy().tobytes()[: int(size)].decode() for each, size in zip(found, lengths, strict=True)]


def _bytes(own: bytes = b"") -> bytes:
    """What the first process has, in all of them."""
    size = torch.tensor(len(own))
    _safely(dist.broadcast, size, 0)
    place = torch.frombuffer(bytearray(own) or bytearray(int(size) or 1), dtype=torch.uint8)
    _safely(dist.broadcast, place, 0)
    return place.numpy().tobytes()[: int(size)]


def _safely(call: Callable[..., Found], *what, **how) -> Found:
    """What a call of `torch.distributed` gives; its errors are those of another process."""
    try:
        return call(*what, **how)
    except RuntimeError as error:
        late = "timed out" in str(error).lower() or "timeout" in str(error).lower()
        why = "does not answer" if late else "has ended, and has said why if it could"
        raise ProcessLost(
            f"Another process of this training {why}. What was saved is kept; run the same command again to go on."
        ) from error
