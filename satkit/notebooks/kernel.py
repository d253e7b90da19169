"""A kernel for one headless notebook: this interpreter, private sockets, and nothing left afterwards.

It avoids four faults of the usual way. A kernel name may start another Python: here the command is always this
interpreter. Another process may take a TCP port: here kernels use socket files in a private folder where the system has
them. A process that waits for a notebook cannot be interrupted cleanly: here the notebook runs in a thread, so Ctrl-C
reaches the main thread, and the kernel always ends with its run. papermill reports success after `sys.exit(0)`, and
"completed" cells after a timeout or a dead kernel: here a run has succeeded only if nothing was raised and every cell
was executed.
"""

import asyncio
import logging
import math
import os
import shutil
import signal
import sys
import tempfile
import threading
from collections.abc import Callable
from concurrent.futures import Future, wait
from pathlib import Path
from typing import TypeVar

from jupyter_client.kernelspec import KernelSpec
from jupyter_client.manager import AsyncKernelManager

from satkit.notebooks.warm_kernels import WarmKernels
from satkit.utils.assets import source_tree

COMMAND = ("-m", "ipykernel_launcher", "-f", "{connection_file}")
ADDRESS_LENGTH = 92  # a socket's path may have about 100 characters; Jupyter appends a dash and a number
POLL_SECONDS = 0.2
STOP_SECONDS = 30.0  # for an interrupted training to save its checkpoint
STOP_TRIES = 3  # interrupts within that time
KILL_SECONDS = 10.0
SHUTDOWN_SECONDS = 20.0
ONLY_LIVE = (
    "JPY_SESSION_NAME",
    "MPLBACKEND",
)  # a headless kernel must not inherit these from a notebook or a shell
LEFT = "the cell ended the notebook early; a notebook must not call exit"

Result = TypeVar("Result")


class KernelStopped(RuntimeError):
    """The run is being stopped, so no further cell is started."""


class KernelExited(RuntimeError):
    """A cell has called exit(), which asks the kernel to leave while the notebook goes on."""


class RunFailed(RuntimeError):
    """A notebook that did not run to its end: which cell (its number, its first line), and why."""

    def __init__(self, cell: int | None, source: str, error: str, reason: str):
        self.cell, self.source, self.error, self.reason = cell, source, error, reason
        super().__init__(f"{error}: {reason}")


class Kernel:
    """The kernel process of one run, as a context manager; afterwards neither process nor file remains.

    Args:
        env: Environment variables for the kernel process only, on top of this process's own.
        warm: Where kernels start at once; None to start a process as usual.
    """

    def __init__(self, env: dict[str, str] | None = None, warm: WarmKernels | None = None):
        self.warm = warm
        inherited = {name: value for name, value in os.environ.items() if name not in ONLY_LIVE}
        own = {"SATKIT_STATIC": "1", "PYDEVD_DISABLE_FILE_VALIDATION": "1", **source_path(inherited)}
        self.env = {**inherited, **own, **(env or {})}
        self._lock = threading.Lock()
        self._process = None
        self._stopping = False

    def __enter__(self) -> "Kernel":
        self.folder = _private_folder()
        self.log = (self.folder / "log.txt").open("wb")
        return self

    def __exit__(self, *_) -> None:
        self.kill()
        self.log.close()
        shutil.rmtree(self.folder, ignore_errors=True)

    @property
    def address(self) -> str | None:
        """Path of the sockets, or None where TCP is the only way."""
        path = str(self.folder / "k")
        return None if sys.platform == "win32" or len(os.fsencode(path)) > ADDRESS_LENGTH else path

    @property
    def exit_signal(self) -> str | None:
        """Name of the signal that ended the process, if one did."""
        code = None if self._process is None else self._process.returncode
        names = {known.value: known.name for known in signal.Signals}
        return names.get(-code, f"signal {-code}") if code is not None and code < 0 else None

    def manager_class(self) -> type[AsyncKernelManager]:
        """The class to hand to papermill as `kernel_manager_class`."""
        this = self

        class Manager(PrivateKernelManager):
            kernel = this

        return Manager

    def last_words(self) -> str:
        """The last line that the process wrote outside of its notebook, empty if none."""
        lines = (self.folder / "log.txt").read_text(encoding="utf-8", errors="replace").split("\n")
        return next((line.strip() for line in reversed(lines) if line.strip()), "")

    def started(self, process) -> None:
        """Take charge of the process; it is ended at once if the run is already being stopped."""
        with self._lock:
            self._process = process
            stopping = self._stopping
        if stopping:
            self.kill()

    def check(self) -> None:
        """Raise KernelStopped if the run is being stopped; asked before every cell."""
        if self._stopping:
            raise KernelStopped("The run is being stopped.")

    def stop(self) -> None:
        """Interrupt the cell that is running, as Ctrl-C would, and start no other."""
        with self._lock:
            self._stopping = True
            process = self._process
        if process is None or process.poll() is not None:
            return
        if sys.platform == "win32":
            from jupyter_client.win_interrupt import send_interrupt

            send_interrupt(process.win32_interrupt_event)
        else:
            _signal_group(process.pid, signal.SIGINT)

    def kill(self) -> None:
        """End the process and whatever it has started."""
        if self._process is None:
            return
        if sys.platform == "win32":
            self._process.kill()
        else:
            _signal_group(self._process.pid, signal.SIGKILL)


class PrivateKernelManager(AsyncKernelManager):
    """Starts this interpreter as a kernel, with all of its files in the private folder of `kernel`."""

    kernel: Kernel

    def __init__(self, **options):
        super().__init__(**options)
        self.connection_file = str(self.kernel.folder / "kernel.json")
        self.shutdown_wait_time = SHUTDOWN_SECONDS
        if self.kernel.address:
            self.transport = "ipc"
            self.ip = self.kernel.address

    @property
    def kernel_spec(self) -> KernelSpec:
        """This interpreter, whatever kernels are installed."""
        return KernelSpec(argv=[sys.executable, *COMMAND], language="python", display_name="Python 3")

    async def start_kernel(self, **options) -> None:
        """Start the process, with its environment and with what it writes kept out of the terminal."""
        self.kernel.check()
        log = self.kernel.log
        await super().start_kernel(**{**options, "env": self.kernel.env, "stdout": log, "stderr": log})
        self.kernel.started(self.provisioner.process)

    async def _async_launch_kernel(self, kernel_cmd, **options) -> None:
        """Start the process as usual, or at once from one that has loaded everything."""
        if self.kernel.warm is None:
            return await super()._async_launch_kernel(kernel_cmd, **options)
        process = self.kernel.warm.start(self.connection_file, self.kernel.env, self.kernel.folder / "log.txt")
        self.provisioner.process, self.provisioner.pid, self.provisioner.pgid = process, process.pid, process.pid
        self._reconcile_connection_info(self.provisioner.connection_info)


def execute(path: Path, output: Path, values: dict, kernel: Kernel, timeout: float | None, on_poll) -> None:
    """Execute a notebook; see `runner.run_notebook` for what the arguments mean.

    Raises:
        RunFailed: If it did not run to its end.
    """
    import papermill
    from nbclient.exceptions import CellTimeoutError, DeadKernelError
    from papermill.exceptions import PapermillExecutionError

    quiet()
    place = _Place(kernel)

    def work():
        try:
            return papermill.execute_notebook(
                unformatted(path),
                unformatted(output),
                values,
                kernel_name="python3",
                language="python",
                progress_bar=False,
                log_output=False,
                start_timeout=120,
                execution_timeout=None if timeout is None else math.ceil(timeout),
                autosave_cell_every=5,
                iopub_timeout=60,
                coalesce_streams=True,
                kernel_manager_class=kernel.manager_class(),
                on_cell_execute=place.begin,
                on_cell_executed=place.end,
            )
        except PapermillExecutionError as error:
            raise place.failed(error.ename, error.evalue) from error
        except DeadKernelError as error:
            memory = kernel.exit_signal in (None, "SIGKILL")
            reason = "the kernel died " + ("(out of memory?)" if memory else f"of {kernel.exit_signal}")
            raise place.failed("KernelDied", reason) from error
        except CellTimeoutError as error:
            raise place.failed("CellTimeout", f"the cell took longer than {timeout} s") from error
        except KernelExited as error:
            raise place.failed("SystemExit", LEFT) from error
        except Exception as error:
            if place.cell is None:
                words = kernel.last_words() or str(error)
                raise place.failed("KernelNotStarted", f"the kernel did not start: {words}") from error
            raise place.failed(type(error).__name__, str(error)) from error

    executed = supervised(work, kernel, on_poll)
    if not all(map(_is_done, executed.cells)):
        raise place.failed("SystemExit", LEFT)


def supervised(work: Callable[[], Result], kernel: Kernel, on_poll: Callable[[], None] | None) -> Result:
    """What `work()` gives, computed in a thread while this one calls `on_poll` about five times a second.

    Whatever is raised here meanwhile (Ctrl-C, a signal's exception, an error in `on_poll`) interrupts the
    kernel, waits until `work` has saved what it has, and goes on. A second Ctrl-C kills the kernel.
    """
    future: Future = Future()
    try:
        threading.Thread(target=_deliver, args=(work, future), daemon=True).start()
        while not future.done():
            wait([future], timeout=POLL_SECONDS)
            if on_poll:
                on_poll()
    finally:
        if not future.done():
            _stop(kernel, future)
    return future.result()


def unformatted(path: Path) -> str:
    """A path with its braces doubled, because papermill formats paths."""
    return str(path).replace("{", "{{").replace("}", "}}")


def quiet() -> None:
    """Keep papermill's and Jupyter's own messages off stderr where no logging is set up."""
    for name in ("papermill", "traitlets"):
        logger = logging.getLogger(name)
        if not any(isinstance(handler, logging.NullHandler) for handler in logger.handlers):
            logger.addHandler(logging.NullHandler())


class _Place:
    """The cell that a run is at; called before and after every cell."""

    def __init__(self, kernel: Kernel):
        self.kernel, self.cell, self.source = kernel, None, ""

    def begin(self, cell, cell_index) -> None:
        self.kernel.check()
        self.cell = (self.cell or 0) + 1
        self.source = cell.source.strip().split("\n")[0].strip()

    def end(self, cell, cell_index, execute_reply) -> None:
        if any(item.get("source") == "ask_exit" for item in execute_reply["content"].get("payload", [])):
            raise KernelExited

    def failed(self, error: str, reason: str) -> RunFailed:
        return RunFailed(self.cell, self.source, error, reason)


def _is_done(cell) -> bool:
    skipped = "skip-execution" in cell.metadata.get("tags", [])
    if cell.cell_type != "code" or not cell.source.strip() or skipped:
        return True
    return cell.execution_count is not None and not cell.metadata.papermill.exception


def _deliver(work: Callable[[], Result], future: Future) -> None:
    try:
        result = work()
    except (Exception, KeyboardInterrupt, SystemExit) as error:  # handed over to the waiting thread, which raises it
        _close_event_loop()
        future.set_exception(error)
    else:
        _close_event_loop()
        future.set_result(result)


def _stop(kernel: Kernel, future: Future) -> None:
    try:
        for _ in range(STOP_TRIES):  # a signal that arrives between two cells is lost
            kernel.stop()
            wait([future], timeout=STOP_SECONDS / STOP_TRIES)
            if future.done():
                break
    finally:  # also when a second Ctrl-C ends the waiting
        if not future.done():
            kernel.kill()
            wait([future], timeout=KILL_SECONDS)


def _close_event_loop() -> None:
    """Close the event loop that nbclient has made in this thread, with the tasks it may have left."""
    try:
        loop = asyncio.get_event_loop()
    except RuntimeError:  # none was made
        return
    if loop.is_closed():
        return
    tasks = asyncio.all_tasks(loop)
    for task in tasks:
        task.cancel()
    if tasks:
        loop.run_until_complete(asyncio.gather(*tasks, return_exceptions=True))
    loop.close()


def _signal_group(leader: int, number: int) -> None:
    try:
        os.killpg(leader, number)
    except (ProcessLookupError, PermissionError):  # already gone; macOS says so with the second
        return


def _private_folder() -> Path:
    """A new folder whose path is short enough for sockets, if there is a place for one."""
    usual = tempfile.gettempdir()
    too_long = len(os.fsencode(usual)) > ADDRESS_LENGTH - len("/satkit-12345678/k")
    short = too_long and sys.platform != "win32" and os.access("/tmp", os.W_OK)
    return Path(tempfile.mkdtemp(prefix="satkit-", dir="/tmp" if short else usual)).absolute()


def source_path(inherited: dict[str, str]) -> dict[str, str]:
    """PYTHONPATH for the kernel, if satkit runs from its source tree: it must import that very satkit."""
    root = source_tree()
    if root is None:
        return {}
    return {"PYTHONPATH": os.pathsep.join([str(root), *filter(None, [inherited.get("PYTHONPATH")])])}
