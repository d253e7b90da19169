"""The execution of a headless notebook: in a thread, so that it can be interrupted, and without false success.

It avoids two faults of the usual way. A process that waits for a notebook cannot be interrupted cleanly: here the
notebook runs in a thread, so Ctrl-C reaches the main thread, and the kernel always ends with its run. papermill reports
success after `sys.exit(0)`, and "completed" cells after a timeout or a dead kernel: here a run has succeeded only if
nothing was raised and every cell was executed.
"""

import asyncio
import logging
import math
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, wait
from pathlib import Path
from typing import TypeVar

from satkit.notebooks.kernel import Kernel

POLL_SECONDS = 0.2
STOP_SECONDS = 30.0  # for an interrupted training to save its checkpoint
AGAIN_SECONDS = 10.0  # until a cell that goes on is interrupted again
IDLE_SECONDS = 2.0  # for a kernel that runs no cell any more, until it is killed
STOP_POLL_SECONDS = 0.05
KILL_SECONDS = 10.0
LEFT = "the cell ended the notebook early; a notebook must not call exit"

Result = TypeVar("Result")


class KernelExited(RuntimeError):
    """A cell has called exit(), which asks the kernel to leave while the notebook goes on."""


class FailedAfterwards(RuntimeError):
    """A cell that the kernel called done has an error among its outputs: its figure could not be drawn after it."""

    def __init__(self, error: str, reason: str):
        self.error, self.reason = error, reason
        super().__init__(f"{error}: {reason}")


class RunFailed(RuntimeError):
    """A notebook that did not run to its end: which cell (its number, its first line), and why."""

    def __init__(self, cell: int | None, source: str, error: str, reason: str):
        self.cell, self.source, self.error, self.reason = cell, source, error, reason
        super().__init__(f"{error}: {reason}")


def execute(
    path: Path, output: Path, values: dict, kernel: Kernel, timeout: float | None, on_poll, on_cell=None
) -> None:
    """Execute a notebook; see `runner.run_notebook` for what the arguments mean.

    Raises:
        RunFailed: If it did not run to its end.
    """
    import nbformat
    import papermill
    from nbclient.exceptions import CellTimeoutError, DeadKernelError
    from papermill.exceptions import PapermillExecutionError

    quiet()
    cells = sum(not _is_left_out(cell) for cell in nbformat.read(path, as_version=4).cells) + bool(values)
    place = _Place(kernel, on_cell and (lambda number: on_cell(number, cells)))

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
        except FailedAfterwards as error:
            raise place.failed(error.error, error.reason) from error
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

    def __init__(self, kernel: Kernel, on_cell: Callable[[int], None] | None = None):
        self.kernel, self.cell, self.source, self.on_cell = kernel, None, "", on_cell

    def begin(self, cell, cell_index) -> None:
        self.kernel.check()
        self.cell = (self.cell or 0) + 1
        self.source = cell.source.strip().split("\n")[0].strip()
        if self.on_cell:
            self.on_cell(self.cell)

    def end(self, cell, cell_index, execute_reply) -> None:
        if any(item.get("source") == "ask_exit" for item in execute_reply["content"].get("payload", [])):
            raise KernelExited
        errors = [output for output in cell.outputs if output.output_type == "error"]
        if errors and execute_reply["content"]["status"] == "ok":
            raise FailedAfterwards(errors[0].ename, errors[0].evalue)

    def failed(self, error: str, reason: str) -> RunFailed:
        return RunFailed(self.cell, self.source, error, reason)


def _is_left_out(cell) -> bool:
    """Whether nothing of a cell is executed."""
    skipped = "skip-execution" in cell.metadata.get("tags", [])
    return cell.cell_type != "code" or not cell.source.strip() or skipped


def _is_done(cell) -> bool:
    if _is_left_out(cell):
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
    """Interrupt the cell that is running, and wait until what it had done is saved.

    An interrupt that arrives in the kernel's own code beside a cell ends the cell without an answer, for which the
    execution would wait for ever; so a kernel that stays idle is killed.
    """
    try:
        kernel.stop()
        began = busy_at = time.monotonic()
        interrupted_at = -math.inf
        while not future.done() and (now := time.monotonic()) - began < STOP_SECONDS and now - busy_at < IDLE_SECONDS:
            if not kernel.is_idle():
                busy_at = now
                if now - interrupted_at > AGAIN_SECONDS:
                    kernel.interrupt()
                    interrupted_at = now
            wait([future], timeout=STOP_POLL_SECONDS)
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
