"""Kernels that start at once: one process loads what lessons import, and every kernel is a fork of it.

A kernel that starts by itself spends seconds on loading torch, timm and matplotlib, for every notebook of a study anew.
Here a server loads them once and computes nothing; asked for a kernel it forks, and the child, which has everything
loaded, becomes the kernel: a session of its own, with its own environment and working directory, as if it had been
started by itself. When the process that asked ends, however it ends, the server ends all kernels and itself.

Forking a process that has loaded these libraries is safe on Linux as long as nothing has been computed in it. Elsewhere
kernels start by themselves.
"""

import ctypes
import importlib
import json
import os
import signal
import socket
import subprocess
import sys
import threading
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

from satkit.utils.assets import python_command, source_path

POSSIBLE = sys.platform == "linux"
INLINE = "module://matplotlib_inline.backend_inline"  # matplotlib reads it when it is imported
OWN = {"MPLBACKEND": INLINE, "PYDEVD_DISABLE_FILE_VALIDATION": "1"}
# Without matplotlib's inline backend: when it is imported, it asks the kernel it is in to show figures after each cell.
LOADED = (
    "satkit.utils._torchvision",  # before timm
    "torch",
    "timm",
    "pandas",
    "matplotlib.pyplot",
    "IPython",
    "ipykernel.kernelapp",
    "ipykernel.ipkernel",
    "ipywidgets",
    "satkit.analysis",
    "satkit.notebooks.lesson",
    "satkit.experiments.experiment",
    "satkit.plots",
    "satkit.widgets",
    "torch._dynamo",  # which the first training would load
    "sympy.printing",
)
CLOSE_SECONDS = 10.0
DEATH_SIGNAL = 1  # PR_SET_PDEATHSIG of prctl


class ForkedProcess:
    """A kernel that the server has forked, with what Jupyter uses of a `subprocess.Popen`.

    Attributes:
        returncode: None while it runs; minus the signal's number if one ended it.
    """

    stdin = stdout = stderr = None

    def __init__(self, server: "WarmKernels", pid: int):
        self.pid, self.returncode, self._server = pid, None, server

    def poll(self) -> int | None:
        """The return code, or None while it runs; a kernel ends with its server."""
        if self.returncode is None:
            try:
                self.returncode = self._server.ask({"poll": self.pid})
            except RuntimeError:
                self.returncode = -signal.SIGKILL
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        """The return code of a process that has ended already; Jupyter polls before it waits."""
        if self.poll() is None:
            raise subprocess.TimeoutExpired("kernel", timeout or 0.0)
        return self.returncode

    def send_signal(self, number: int) -> None:
        """Send a signal to the process."""
        if self.poll() is None:
            os.kill(self.pid, number)

    def terminate(self) -> None:
        """Ask it to end."""
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        """End it."""
        self.send_signal(signal.SIGKILL)


class WarmKernels:
    """The server, as a context manager; afterwards neither it nor a kernel remains."""

    def __enter__(self) -> "WarmKernels":
        self._lock, self._answered = threading.Lock(), False
        ours, theirs = socket.socketpair()
        with theirs:
            self._process = subprocess.Popen(
                python_command("-m", "satkit.notebooks.warm_kernels", str(theirs.fileno())),
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                env={**os.environ, **source_path(os.environ), **OWN},
                start_new_session=True,  # Ctrl-C in a terminal is for the process that asks
            )
        self._socket, self._answers = ours, ours.makefile("rb")
        return self

    def __exit__(self, *_) -> None:
        if not self._answered:  # it may still be loading, and there is nothing to end but itself
            self.kill()
        self._answers.close()
        self._socket.close()
        try:
            self._process.wait(CLOSE_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def kill(self) -> None:
        """End the server at once, and with it every kernel; whoever waits for an answer is told that it has ended."""
        self._process.kill()

    def start(self, connection_file: str, env: dict[str, str], log: Path) -> ForkedProcess:
        """A new kernel, as soon as everything is loaded.

        Args:
            connection_file: Where its addresses stand.
            env: Its whole environment.
            log: File for what it writes outside of its notebook.
        """
        request = {"file": connection_file, "env": env, "log": str(log), "folder": os.getcwd()}
        return ForkedProcess(self, self.ask(request))

    def ask(self, request: dict) -> int | None:
        """The server's answer.

        Raises:
            RuntimeError: If the server has ended.
        """
        with self._lock:
            try:
                self._socket.sendall(json.dumps(request).encode() + b"\n")
                answer = self._answers.readline()
            except OSError:
                answer = b""
        if not answer:
            raise RuntimeError("The process that starts kernels has ended. Run the same command again.")
        self._answered = True
        return json.loads(answer)


def warm_kernels() -> AbstractContextManager[WarmKernels | None]:
    """The server where it is possible, None elsewhere."""
    return WarmKernels() if POSSIBLE else nullcontext()


def serve(connection: socket.socket) -> None:
    """Load everything, then answer until the process that asks has ended."""
    for name in LOADED:
        module = importlib.import_module(name)
        if name == LOADED[0]:
            module.ensure()
    codes: dict[int, int | None] = {}  # of every kernel; None while it runs
    server = os.getpid()
    try:
        for line in connection.makefile("rb"):
            request = json.loads(line)
            if "poll" in request:
                answer = codes[request["poll"]] = _code(request["poll"], codes)
            else:
                answer = os.fork()
                if answer == 0:
                    _become_kernel(request, connection, server)
                codes[answer] = None
            connection.sendall(json.dumps(answer).encode() + b"\n")
    except OSError:  # nobody waits for the answer any more
        return
    finally:
        for pid in codes:
            if _code(pid, codes) is None:
                os.kill(pid, signal.SIGKILL)


def _code(pid: int, codes: dict[int, int | None]) -> int | None:
    """The return code of a kernel, or None while it runs; the system tells it only once."""
    if codes[pid] is None:
        done, status = os.waitpid(pid, os.WNOHANG)
        return os.waitstatus_to_exitcode(status) if done else None
    return codes[pid]


def _become_kernel(request: dict, connection: socket.socket, server: int) -> None:
    """What the child of a fork does; it never returns."""
    code = 1
    try:
        os.setsid()
        _end_with(server)
        connection.close()
        log = os.open(request["log"], os.O_WRONLY | os.O_APPEND | os.O_CREAT)
        os.dup2(log, 1)
        os.dup2(log, 2)
        os.chdir(request["folder"])
        os.environ.clear()
        os.environ.update(request["env"], MPLBACKEND=INLINE)
        from ipykernel.kernelapp import IPKernelApp

        IPKernelApp.launch_instance(argv=["-f", request["file"]])
        code = 0
    except SystemExit as error:
        code = error.code if isinstance(error.code, int) else int(error.code is not None)
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def _end_with(parent: int) -> None:
    """Let the system kill this process when its parent ends, and end it here if that is gone already."""
    ctypes.CDLL(None).prctl(DEATH_SIGNAL, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(1)


if __name__ == "__main__":
    with socket.socket(fileno=int(sys.argv[1])) as there:
        serve(there)
    os._exit(0)  # to take everything down that was loaded would take seconds
