"""One line about a notebook that runs headlessly: what is at work in it, how far that is, and for how long it runs."""

import time
from collections.abc import Callable
from pathlib import Path

from satkit.utils.live_line import LiveLine
from satkit.utils.progress import QUIET_SECONDS, format_seconds, read_progress

ALIVE_SECONDS = 60.0  # after which a log gets a line even if nothing has changed


class RunProgress:
    """The line of a run; nothing is shown of one that ends within two seconds.

    In a log a further line is written only when something has changed, or after a minute.

    Args:
        name: Of the notebook.
        file: Where the notebook writes how far it is, see `read_progress`.
    """

    def __init__(self, name: str, file: Path, stream=None, clock: Callable[[], float] = time.monotonic):
        self.name, self.file, self.line, self.clock = name, file, LiveLine(stream), clock
        self.began = clock()
        self.cell: tuple[int, int] | None = None
        self.shown_at, self.shown = self.began + QUIET_SECONDS - self.line.seconds, None

    def at_cell(self, number: int, cells: int) -> None:
        """Take note of the cell that begins."""
        self.cell = number, cells

    def show(self) -> None:
        """Show the line if it is time to; called often."""
        if self.clock() - self.shown_at < self.line.seconds:
            return
        state = read_progress(self.file)
        state = state if state and state["done"] < state["total"] else None  # figures follow, for example
        now = (self.cell, *((state["label"], state["done"], state["values"].get("window")) if state else ()))
        if self.line.live or now != self.shown or self.clock() - self.shown_at >= ALIVE_SECONDS:
            self.shown_at, self.shown = self.clock(), now
            self.line.write(self.text(state))

    def text(self, state: dict | None) -> str:
        """What is at work in the notebook, how far it is, how long that takes, and how long the notebook has run."""
        parts = [f"cell {self.cell[0]} of {self.cell[1]}"] if self.cell else []
        if state:
            parts.append(f"{state['label']}, {state['unit']} {state['done']} of {state['total']}")
            parts += [f"loss {state['values']['loss']:.3f}"] if "loss" in state["values"] else []
            parts += [f"window {state['values']['window']}"] if "window" in state["values"] else []
            left = (state["total"] - state["done"]) * (state["seconds_per_unit"] or 0.0)
            parts += [f"about {format_seconds(left)} left"] if left else []
        return f"{self.name}: {', '.join([*parts, f'running for {format_seconds(self.clock() - self.began)}'])}"

    def close(self) -> None:
        """End the line."""
        self.line.close()
