"""One line of a state that changes: rewritten in place in a terminal, written anew below in a log."""

import shutil
import sys

NARROWEST = 20  # characters of a terminal
LIVE_SECONDS = 0.5  # between two states of the line in a terminal
LOG_SECONDS = 10.0  # at least, between two lines of a log


class LiveLine:
    """A line on a stream.

    Args:
        stream: None for the error stream.

    Attributes:
        live: Whether it is rewritten in place.
        seconds: That should pass between two states.
    """

    def __init__(self, stream=None):
        self.stream = stream or sys.stderr
        self.live, self._width = self.stream.isatty(), 0
        self.seconds = LIVE_SECONDS if self.live else LOG_SECONDS

    def write(self, text: str) -> None:
        """Show a text in place of the one before, cut off at the width of the terminal; a log gets a further line."""
        if self.live:
            text = text[: max(NARROWEST, shutil.get_terminal_size().columns - 1)]
            self.stream.write("\r" + text.ljust(self._width))
            self._width = len(text)
        else:
            self.stream.write(text + "\n")
        self.stream.flush()

    def close(self) -> None:
        """Clear the line of a terminal."""
        if self.live and self._width:
            self.stream.write("\r" + " " * self._width + "\r")
            self.stream.flush()
            self._width = 0
