"""A kernel for one headless notebook: this interpreter, private sockets, and nothing left afterwards.

It avoids two faults of the usual way. A kernel name may start another Python: here the command is always this
interpreter. Another process may take a TCP port: here kernels use socket files in a private folder where the system has
them. How a notebook is executed in it: `execution`.
"""

import os
import re
import signal
import sys
import tempfile
import threading
from pathlib import Path

from jupyter_client.kernelspec import KernelSpec
from jupyter_client.manager import AsyncKernelManager

from satkit.notebooks.warm_kernels import WarmKernels
from satkit.utils.assets import python_command, source_path
from satkit.utils.temporary_folders import temporary_folder

# Not `-m ipykernel_launcher`, which takes the working directory off the path, also where satkit is imported from there.
COMMAND = ("-c", "from ipykernel.kernelapp import launch_new_instance as l; l()", "-f", "{connection_file}")
ADDRESS_LENGTH = 92  # a socket's path may have about 100 characters; Jupyter appends a dash and a number
SHUTDOWN_SECONDS = 20.0
ONLY_LIVE = (
    "JPY_SESSION_NAME",
    "MPLBACKEND",
)  # a headless kernel must not inherit these from a notebook or a shell


class KernelStopped(RuntimeError):
    """The run is being stopped, so no further cell is started."""


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
        self._place = temporary_folder(parent=_parent_folder())
        self.folder = self._place.__enter__()
        self.log = (self.folder / "log.txt").open("wb")
        return self

    def __exit__(self, *_) -> None:
        self.kill()
        self.log.close()
        self._place.__exit__(None, None, None)

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
        """Start no further cell, and no process if there is none yet."""
        with self._lock:
            self._stopping = True
            process = self._process
        if process is None and self.warm:
            self.warm.kill()  # which may be loading for many seconds

    def is_idle(self) -> bool:
        """Whether the process runs no cell, so that an interrupt would be lost; False where the system does not tell.

        A kernel ignores interrupts but while it runs a cell.
        """
        facts = Path(f"/proc/{self._process.pid}/status") if self._process else None
        if sys.platform != "linux" or facts is None:
            return False
        try:
            ignored = re.search(r"^SigIgn:\s*([0-9a-f]+)$", facts.read_text(), re.MULTILINE)
        except OSError:  # it has ended
            return False
        return bool(ignored and int(ignored[1], 16) >> (signal.SIGINT - 1) & 1)

    def interrupt(self) -> None:
        """Interrupt the cell that is running, as Ctrl-C would."""
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
        return KernelSpec(argv=python_command(*COMMAND), language="python", display_name="Python 3")

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


def _signal_group(leader: int, number: int) -> None:
    try:
        os.killpg(leader, number)
    except (ProcessLookupError, PermissionError):  # already gone; macOS says so with the second
        return


def _parent_folder() -> str:
    """Where a private folder has a path that is short enough for sockets, if there is such a place."""
    usual = tempfile.gettempdir()
    too_long = len(os.fsencode(usual)) > ADDRESS_LENGTH - len("/satkit-12345678/k")
    short = too_long and sys.platform != "win32" and os.access("/tmp", os.W_OK)
    return "/tmp" if short else usual
