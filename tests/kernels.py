"""A notebook in a kernel as somebody at the keyboard has it: cell by cell, interrupted, and all over again."""

import json
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path

from jupyter_client.blocking import BlockingKernelClient
from jupyter_client.utils import run_sync

from satkit.notebooks.kernel import Kernel

WARM_UP = "import satkit.experiments.experiment, satkit.analysis.attention, satkit.widgets, torch._dynamo, timm"
WARM_UP += "\nimport sympy.printing"
LONGEST = 300.0  # seconds that a cell may take
PATIENCE = 0.8  # seconds after which the interrupting reader loses it
DELAY = 0.02  # and where no cell takes that long, seconds into the last one


@dataclass
class Said:
    """What a cell has said: its errors, and everything else as text."""

    errors: list[str] = field(default_factory=list)
    text: str = ""


class Reader:
    """A kernel with a notebook's cells, in the notebook's own folder.

    Args:
        path: The notebook.
        env: Environment variables of the kernel, on top of this process's own.
        values: Parameters, set after the parameters cell.
    """

    def __init__(self, path: Path, env: dict[str, str], values: dict):
        notebook = json.loads(path.read_text(encoding="utf-8"))
        self.cells = ["".join(cell["source"]) for cell in notebook["cells"] if cell["cell_type"] == "code"]
        self.cells.insert(1, "\n".join(f"{name} = {value!r}" for name, value in values.items()))
        self.kernel = Kernel(env).__enter__()
        manager = self.manager = self.kernel.manager_class()()
        run_sync(manager.start_kernel)(cwd=str(path.parent))
        self.client = BlockingKernelClient()
        self.client.load_connection_info(manager.get_connection_info())
        self.client.start_channels()
        self.client.wait_for_ready(timeout=LONGEST)
        said = self.run(WARM_UP)  # an interrupt in the middle of an import leaves half a module behind
        assert not said.errors, said.errors

    def close(self) -> None:
        """End the kernel."""
        self.client.stop_channels()
        self.kernel.__exit__()
        self.manager.provisioner.process.wait()

    def run(self, source: str, interrupt_after: float | None = None) -> Said:
        """Execute a cell, and interrupt it if it takes longer than so many seconds."""
        said = Said()

        def hear(message):
            content = message["content"]
            if message["msg_type"] == "error":
                said.errors.append(f"{content['ename']}: {content['evalue']}")
            else:
                said.text += content.get("text", "") + str(content.get("data", {}).get("text/plain", ""))

        timer = threading.Timer(interrupt_after, self.kernel.interrupt) if interrupt_after else None
        if timer:
            timer.start()
        self.client.execute_interactive(source, timeout=LONGEST, output_hook=hear, allow_stdin=False)
        if timer:
            timer.cancel()
        return said

    def run_all(self) -> str:
        """Every cell from top to bottom; gives all that was said.

        Raises:
            AssertionError: Naming the first cell with an error.
        """
        texts = []
        for source in self.cells:
            said = self.run(source)
            assert not said.errors, f"{said.errors[0]} in the cell:\n{source}"
            texts.append(said.text)
        return "\n".join(texts)

    def lose_patience(self) -> str:
        """Run from the top until a cell takes long, and interrupt it; the first line of the cell that was hit.

        Raises:
            AssertionError: If a cell fails with anything but the interrupt.
        """
        for number, source in enumerate(self.cells):
            last = number == len(self.cells) - 1
            began = time.monotonic()
            said = self.run(source, interrupt_after=DELAY if last else PATIENCE)
            if said.errors:
                assert said.errors[0].startswith("KeyboardInterrupt"), f"{said.errors[0]} in the cell:\n{source}"
                return source.splitlines()[0]
            if not last and time.monotonic() - began > PATIENCE + 1.0:
                return source.splitlines()[0]  # it was interrupted and had nothing left to do
        return self.cells[-1].splitlines()[0]
