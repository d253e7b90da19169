"""The prediction of a large image in windows that overlap, so that the network never sees more than a few of them.

As "slide" inference of MMSegmentation (MMSegmentation Contributors, 2020, `EncoderDecoder.slide_inference`), with a
stride of two thirds of a window: the last window of each direction is moved inside the image, a side that is shorter
than a window is not padded, and logits are averaged where windows overlap. MMSegmentation keeps the logits of the whole
image; here rows are read as soon as no later window reaches them, so memory grows with an image's width, not its area.
"""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor

from satkit.models import Segmenter
from satkit.models.classifier import read

MOST_PIXELS = 4 * 512 * 512  # of the windows that are predicted together


@dataclass
class RowOfWindows:
    """The sums of logits over one row of windows.

    Attributes:
        sums: (channel, height of a window, width of the image); classes first, then reserved channels.
        classes: How many of the channels are classes.
        readout: How the logits are read, see `Head`.
    """

    sums: Tensor
    classes: int
    readout: str

    def read(self, counts: Tensor) -> Tensor:
        """Class of every pixel of the first rows, int64 (row, width), from the number of windows that show it."""
        means = (self.sums[:, : len(counts)] / counts)[None]
        reserved = means[:, self.classes :] if self.classes < len(self.sums) else None
        return read(means[:, : self.classes], reserved, self.readout)[0]


def window_starts(side: int, window: int) -> list[int]:
    """Where windows begin along a side, in pixels: every two thirds of a window, and the last one ends with the side.

    A side that is no longer than a window has one, which is as long as the side.
    """
    return [*range(0, side - window, max(1, 2 * window // 3)), max(0, side - window)]


def windows_over(side: int, window: int, device: torch.device | str = "cpu") -> Tensor:
    """In how many windows along a side each pixel lies, int64 (side,); at least 1."""
    counts = torch.zeros(side, dtype=torch.int64, device=device)
    for start in window_starts(side, window):
        counts[start : start + window] += 1
    return counts


@torch.no_grad()
def predict_in_windows(student: Segmenter, image: Tensor, window: int, report: Callable[[int, int], None]) -> Tensor:
    """Most likely class of every pixel of one image, int64 (height, width).

    Args:
        student: In evaluation mode.
        image: (3, height, width), normalised.
        window: Side of a window in pixels; along a shorter side of the image, windows are as long as that side.
        report: Called with the number of windows that are done and of all windows, some after the other.
    """
    height, width = image.shape[-2:]
    tops, lefts = window_starts(height, window), window_starts(width, window)
    rows, columns = (windows_over(side, window, image.device) for side in (height, width))
    predicted, rest, done = [], None, 0

    def within(windows: int) -> None:
        report(done + windows, len(tops) * len(lefts))

    for top, following in pairwise([*tops, height]):
        row = row_of_windows(student, image[:, top : top + window], window, within)
        if rest is not None:
            row.sums[:, : rest.shape[1]] += rest
        predicted.append(row.read(rows[top:following, None] * columns))
        rest = row.sums[:, following - top :]
        done += len(lefts)
    return torch.cat(predicted)


def row_of_windows(student: Segmenter, strip: Tensor, window: int, report: Callable[[int], None]) -> RowOfWindows:
    """The sums of logits over all windows in a strip, (3, height, width), that is as high as a window.

    Args:
        report: Called with the number of windows that are done.
    """
    starts, together = window_starts(strip.shape[-1], window), max(1, MOST_PIXELS // window**2)
    row = None
    for first in range(0, len(starts), together):
        chosen = starts[first : first + together]
        output = student(torch.stack([strip[..., start : start + window] for start in chosen]))
        scores = output.logits
        if row is None:
            channels = scores.shape[1] + (0 if output.reserved is None else output.reserved.shape[1])
            row = RowOfWindows(scores.new_zeros(channels, *strip.shape[1:]), scores.shape[1], output.readout)
        if output.reserved is not None:
            scores = torch.cat([scores, output.reserved], dim=1)
        for start, each in zip(chosen, scores, strict=True):
            row.sums[..., start : start + window] += each
        del output, scores, each  # before the next windows are predicted
        report(first + len(chosen))
    return row
