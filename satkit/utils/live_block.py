"""A few lines of a state that changes: redrawn in place in a terminal, left out of a log."""

import shutil
import sys
from collections.abc import Sequence

NARROWEST = 20  # characters of a terminal
UP_AND_CLEAR = "\x1b[{}F\x1b[J"  # to the beginning of a line above, and everything from there on


class LiveBlock:
    """Lines at the bottom of a terminal; what is said for good stands above them.

    Args:
        stream: None for the error stream.

    Attributes:
        live: Whether the stream is a terminal.
    """

    def __init__(self, stream=None):
        self.stream = stream or sys.stderr
        self.live, self._shown = self.stream.isatty(), 0

    def write(self, lines: Sequence[str]) -> None:
        """Show lines in place of those before, each cut off at the width of the terminal; a log gets nothing."""
        if self.live:
            self._clear()
            size = shutil.get_terminal_size()
            kept = [*lines[: max(1, size.lines - 2)]]
            width = max(NARROWEST, size.columns - 1)
            self.stream.write("".join(f"{line[:width]}\n" for line in kept))
            self._shown = len(kept)
            self.stream.flush()

    def say(self, text: str) -> None:
        """Show a text that stays."""
        self._clear()
        self.stream.write(f"{text}\n")
        self.stream.flush()

    def close(self) -> None:
        """Clear the lines."""
        self._clear()
        self.stream.flush()

    def _clear(self) -> None:
        if self._shown:
            self.stream.write(UP_AND_CLEAR.format(self._shown))
        self._shown = 0
