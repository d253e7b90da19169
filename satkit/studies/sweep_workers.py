"""Where the runs of a sweep are carried out: by processes of this machine, or by the workers of a Dask cluster.

Both are an executor, as `concurrent.futures` has it, to which the same function is given, `run_one`. A cluster and this
machine share a disk: runs write there, and a file there says that a sweep has been stopped.
"""

import os
import queue
import socket
from collections.abc import Iterator, Mapping
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import satkit
from satkit.experiments.trackers.choice import VARIABLE, chosen
from satkit.studies.run_process import run_one
from satkit.studies.sweep_run import SweepRun
from satkit.utils.errors import UsageError

CONNECT_SECONDS = 5.0
THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")
QUEUED = 200  # runs that a cluster is given at a time, so that one that grows has enough to do
RETRIES = 3  # of a run whose worker has ended
WHERE = "Start one with `dask scheduler`, which prints its address, or leave --scheduler out to run here."
MISSING = (
    "--scheduler needs a package that is not installed ({}). Install the extra cluster of satkit, or only: "
    'python -m pip install "dask[distributed]"'
)


class Workers:
    """What carries runs out, several at a time.

    Args:
        executor: Of `concurrent.futures`, or shaped like one.
        environment: Variables that every run gets.
        slots: How many runs are given to it at a time.
        shares: Variables of which one set after the other is given to the runs at work, such as a GPU each.
    """

    def __init__(
        self,
        executor: Executor,
        environment: Mapping[str, str],
        slots: int,
        shares: list[dict[str, str]] | None = None,
    ):
        self.executor, self.environment, self.slots = executor, dict(environment), slots
        self._free: queue.SimpleQueue = queue.SimpleQueue()
        for share in shares or []:
            self._free.put(share)
        self._shared = bool(shares)

    def submit(self, run: SweepRun, stop: Path, retry_failed: bool = False) -> Future:
        """The exit code of a run, as a future."""
        words = [*run.words, *(["--retry-failed"] if retry_failed else [])]
        environment = {**self.environment, **({VARIABLE: chosen()} if chosen() else {})}
        given = (words, str(run.folder), environment, str(stop), satkit.__version__, os.getcwd())
        return self.executor.submit(self._with_share, *given) if self._shared else self.executor.submit(run_one, *given)

    def _with_share(self, words: list[str], folder: str, environment: Mapping[str, str], *others: str) -> int:
        share = self._free.get()
        try:
            return run_one(words, folder, {**environment, **share}, *others)
        finally:
            self._free.put(share)


@contextmanager
def processes_here(jobs: int, threads: int = 0) -> Iterator[Workers]:
    """Processes of this machine, each with its share of the cores, and of the GPUs if there are some.

    Args:
        jobs: How many runs at a time.
        threads: Of each run; 0 for cores / jobs.

    Raises:
        UsageError: For less than one job, or less than no thread.
    """
    if jobs < 1 or threads < 0:
        raise UsageError(f"--jobs must be 1 or more, and --threads too, got {jobs} and {threads}.")
    count = threads or max(1, (os.cpu_count() or 1) // jobs)
    with ThreadPoolExecutor(jobs) as pool:
        yield Workers(pool, thread_variables(count), jobs, shares_of_graphics(jobs))


def thread_variables(count: int) -> dict[str, str]:
    """Variables that limit the threads of a process."""
    return dict.fromkeys(THREADS, str(count))


def shares_of_graphics(jobs: int) -> list[dict[str, str]]:
    """One GPU for each job, in turn; none where there is no GPU, or every job may have the only one."""
    import torch

    visible = os.environ.get("CUDA_VISIBLE_DEVICES", "")
    names = [name for name in visible.split(",") if name] or [str(each) for each in range(torch.cuda.device_count())]
    if torch.cuda.device_count() < 2:
        return []
    return [{"CUDA_VISIBLE_DEVICES": names[job % len(names)]} for job in range(jobs)]


@contextmanager
def dask_cluster(address: str, resources: Mapping[str, float], threads: int = 0) -> Iterator[Workers]:
    """The workers of a Dask cluster, also those that join later.

    Args:
        address: Of its scheduler.
        resources: What a run takes of a worker's resources, such as {"GPU": 1}.
        threads: Of each run; 0 for what the worker has set.

    Raises:
        UsageError: If the package is missing, or no scheduler answers.
    """
    with _client(address) as client:
        given = {"resources": dict(resources)} if resources else {}
        executor = client.get_executor(pure=False, retries=RETRIES, **given)
        yield Workers(executor, thread_variables(threads) if threads else {}, QUEUED)


@contextmanager
def _client(address: str):
    try:
        import logging

        from distributed import Client
        from distributed.comm import get_address_host_port
    except ImportError as error:
        raise UsageError(MISSING.format(error)) from error
    logging.getLogger("distributed").setLevel(logging.CRITICAL)  # what matters is said in a sentence
    try:
        _hear(get_address_host_port(address), speaks=not address.startswith("tls"))
        client = Client(address, timeout=CONNECT_SECONDS, set_as_default=False)
    except (OSError, ValueError, TypeError) as error:
        reason = " ".join(str(error).split()).rstrip(".")
        raise UsageError(f"No Dask scheduler answers at {address!r} ({reason}). {WHERE}") from None
    with client:
        yield client


def _hear(place: tuple[str, int], speaks: bool) -> None:
    """Raise unless somebody is at an address.

    Args:
        speaks: Whether he speaks first, as a scheduler does: for one who never does the client would wait without end.

    Raises:
        OSError: If nobody is, or he says nothing in time.
    """
    with socket.create_connection(place, CONNECT_SECONDS) as connection:
        connection.settimeout(CONNECT_SECONDS)
        if speaks and not connection.recv(1):
            raise OSError("the connection was closed")


def read_resources(text: str) -> dict[str, float]:
    """Resources from a text such as "GPU=1,MEMORY=8e9".

    Raises:
        UsageError: If it is no such text.
    """
    found = {}
    for part in filter(None, (part.strip() for part in text.split(","))):
        name, _, amount = part.partition("=")
        try:
            found[name.strip()] = float(amount)
        except ValueError:
            raise UsageError(f"--resources takes NAME=NUMBER, as in GPU=1, got {part!r}.") from None
    return found
