"""Running a notebook headlessly: papermill executes it, and what is reported is what happened.

A run has succeeded only if every cell was executed without an error. What a lesson computes it writes into its run
itself: no result is read from the metadata of a notebook.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from satkit.notebooks.finding import find_notebook
from satkit.notebooks.parameters import check_parameters
from satkit.utils.disk_places import can_hold, expanded
from satkit.utils.errors import UsageError

if TYPE_CHECKING:
    from satkit.notebooks.warm_kernels import WarmKernels


class NotebookFailed(RuntimeError):
    """A notebook that did not run to its end; what it had done is kept.

    Attributes:
        notebook: Its name.
        cell: Number of the failing cell as the partial notebook shows it, In [number]; None before any.
        source: First line of that cell.
        error: Name of the exception; "KernelDied", "CellTimeout" or "KernelNotStarted" where there was none.
        reason: Its message.
        output: The partial notebook.
    """

    exit_code = 1

    def __init__(self, notebook: str, output: Path, failure):
        self.notebook, self.output = notebook, output
        self.cell, self.source = failure.cell, failure.source
        self.error, self.reason = failure.error, failure.reason
        where = f" in cell In [{self.cell}] ({self.source})" if self.cell else ""
        kept = f" The partial notebook is kept: {output}" if output.exists() else ""
        super().__init__(f"{notebook} failed{where}: {str(failure).rstrip(': .')}.{kept}")


@dataclass(frozen=True)
class NotebookResult:
    """A notebook that ran to its end: the executed copy, the seconds it took, the parameters it was given."""

    output: Path
    seconds: float
    parameters: dict


def run_notebook(
    name: str | Path,
    output: str | Path,
    values: dict,
    *,
    timeout: float | None = None,
    on_poll: Callable[[], None] | None = None,
    on_cell: Callable[[int, int], None] | None = None,
    env: dict[str, str] | None = None,
    warm: "WarmKernels | None" = None,
) -> NotebookResult:
    """Run a notebook from top to bottom in a kernel of its own, in the caller's working directory.

    Args:
        name: See `find_notebook`.
        output: Path of the executed copy, ending in .ipynb; its folder is made.
        values: Parameters that differ from their defaults.
        timeout: Seconds that one cell may take; None for no limit.
        on_poll: Called about five times a second while the notebook runs.
        on_cell: Called before every cell with its number, In [number], and how many there are.
        env: Environment variables for the kernel only.
        warm: Where its kernel starts at once, for several notebooks one after the other; None to start one as usual.

    Raises:
        UsageError: For an unknown notebook or parameter, a wrong type, or an impossible output.
        NotebookError: If the notebook or its parameters cell cannot be read.
        NotebookFailed: If it did not run to its end.
        KeyboardInterrupt: After Ctrl-C, when the kernel has ended and the partial notebook is saved.
    """
    from satkit.notebooks.execution import RunFailed, execute
    from satkit.notebooks.kernel import Kernel

    path = find_notebook(name)
    check_parameters(path, values)
    if timeout is not None and not timeout > 0:
        raise UsageError(f"The timeout must be a positive number of seconds, got {timeout}.")
    output = _prepare(path, expanded(output))
    began = time.monotonic()
    try:
        with Kernel(env, warm) as kernel:
            execute(path, output, values, kernel, timeout, on_poll, on_cell)
    except RunFailed as failure:
        raise NotebookFailed(path.stem, output, failure) from failure
    return NotebookResult(output, time.monotonic() - began, dict(values))


def _prepare(path: Path, output: Path) -> Path:
    """The absolute path of the output, whose folder exists."""
    if output.suffix != ".ipynb":
        raise UsageError(f"The executed notebook must be given a name ending in .ipynb, got {str(output)!r}.")
    output = output.absolute()
    if output.is_dir() or (output.exists() and output.samefile(path)):
        what = "a folder" if output.is_dir() else "the notebook itself"
        raise UsageError(f"The executed notebook needs a path of its own, {output} is {what}.")
    try:
        output.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(f"The folder {output.parent} cannot be made ({error.strerror}).") from None
    return can_hold(output)
