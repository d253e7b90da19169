"""Click into an image: what does this patch look at, in the teacher and in the student?"""

import ipywidgets
import numpy as np

from satkit.analysis.attention import attention_of, labels_of_keys, query_at
from satkit.analysis.images import main_pixel
from satkit.data.labels import IGNORE
from satkit.experiments.experiment import Experiment
from satkit.models import AttentionTap
from satkit.plots.attention_view import AttentionView
from satkit.utils.errors import UsageError, choose
from satkit.widgets.explorer import Explorer
from satkit.widgets.menus import offer
from satkit.widgets.subject import Subject

LABEL = "Attention explorer. Click, or move with the arrow keys; Shift moves four patches; Enter pins the query."
ALL, MEAN = "all", "mean"
ARROWS = {"ArrowUp": (-1, 0), "ArrowDown": (1, 0), "ArrowLeft": (0, -1), "ArrowRight": (0, 1)}
FAR = 4  # patches that an arrow moves with Shift


def explore_attention(experiment: Experiment, **choices) -> "AttentionExplorer":
    """A picture of what one patch looks at, which follows mouse, arrow keys, sliders and menus.

    Args:
        experiment: Its models are shown: the base step's alone, that of every later step beside its teacher.
        **choices: As `AttentionExplorer.choose`; by default the last step, an image with large old objects, and a
            pixel in the middle of one.

    Raises:
        ValueError: As `AttentionExplorer.choose`, and for a run without a finished step.
    """
    return AttentionExplorer(experiment, **choices)


class AttentionExplorer(Explorer):
    """See `explore_attention`; `choose` does in code what the mouse does.

    Attributes:
        subject: The models and the image.
        pinned: Pixel of the pinned query, or None.
    """

    def __init__(self, experiment: Experiment, *, step=None, image=None, **choices):
        self.subject = Subject(experiment, step, image)
        self.stage = self.subject.stage
        self.head = ipywidgets.Dropdown(description="head")
        self.view = ipywidgets.Dropdown(description="show")
        self.row = ipywidgets.IntSlider(description="row", continuous_update=False)
        self.column = ipywidgets.IntSlider(description="column", continuous_update=False)
        self.pin = ipywidgets.ToggleButton(description="pin query", tooltip="keep this query in a row of its own")
        self.pinned: tuple[int, int] | None = None
        self._drawn: tuple = ()
        chosen = [self.subject.step, self.subject.image, self.stage, self.head, self.view]
        super().__init__(LABEL, [*chosen, self.row, self.column, self.pin])
        with self.with_one_refresh():
            self._load()
            self._go(self._middle())
            self._choose(**choices)

    @property
    def pixel(self) -> tuple[int, int]:
        """Row and column of the query's pixel."""
        return self.row.value, self.column.value

    def choose(self, **choices) -> None:
        """Choose in code; everything that is not named stays as it is.

        Args:
            **choices: `step` and `image`, numbers from 0; `stage`, from 1 as in its name; `head`, from 1, or "mean";
                `view`, "all" or the name of a panel; `pixel`, row and column; `pinned`, whether the query stays in a
                row of its own.

        Raises:
            ValueError: If there is no such thing.
        """
        with self._lock, self.with_one_refresh():
            self._choose(**choices)

    def arrays(self) -> dict[str, np.ndarray]:
        """The maps of the query, (key height, key width), by the names of their panels."""
        return self._view.arrays(row=-1)

    def refresh(self) -> None:
        """Draw what the controls ask for."""
        self._load()
        if self.pin.value != (self.pinned is not None):
            self.pinned = self.pixel if self.pin.value else None
        panels, size = self._panels(), self.subject.size
        queries = {"": self.pixel} if self.pinned is None else {"pinned": self.pinned, "query": self.pixel}
        wanted = (self.subject.step.value, self.subject.image.value, panels, len(queries))
        if self._drawn != wanted:
            self._view, self._drawn = AttentionView(self.subject.picture, panels, rows=len(queries)), wanted
        for row, (name, pixel) in enumerate(queries.items()):
            maps = {each: attention_of(tap, query_at(tap, pixel, size), self._head) for each, tap in self._taps.items()}
            query = query_at(self._tap, pixel, size)
            self._view.show(maps, row=row, query=query, grid=self._tap.query_grid, name=name)
        text = self._describe(maps)
        self.show(self._view.figure, text, f"What one patch attends to in {self._tap.name}. {text}")

    def clicked(self, ax, x: float, y: float) -> None:
        """Take the pixel under the mouse as the query."""
        if any(ax in row for row in self._view.axes):
            self._move((round(y), round(x)))

    def pressed(self, key: str, shift: bool) -> None:
        """Arrows move by a patch, Home and End to the ends of the row; Page keys change the stage, Enter pins."""
        rows, columns = self._tap.query_grid
        row, column = query_at(self._tap, self.pixel, self.subject.size)
        if key in ("Enter", "Escape"):
            self.pin.value = key == "Enter" and not self.pin.value
        elif key in ("PageUp", "PageDown"):
            change = 1 if key == "PageDown" else -1
            self.stage.value = (self.stage.value + change) % len(self.stage.options)
        elif key in ("Home", "End"):
            self._move(self._centre(row, 0 if key == "Home" else columns - 1))
        elif key in ARROWS:
            down, right = (FAR * step if shift else step for step in ARROWS[key])
            self._move(self._centre(min(max(row + down, 0), rows - 1), min(max(column + right, 0), columns - 1)))

    @property
    def _taps(self) -> dict[str, AttentionTap]:
        return self.subject.taps

    @property
    def _tap(self) -> AttentionTap:
        return next(iter(self._taps.values()))

    @property
    def _head(self) -> int | None:
        return None if self.head.value == MEAN else self.head.value - 1

    def _load(self) -> None:
        """Load models and image, and let the other controls offer what there is for them."""
        with self.without_refresh():
            self.subject.load()
            offer(self.view, [ALL, *self.subject.panels])
            self.row.max, self.column.max = (side - 1 for side in self.subject.size)
            offer(self.head, [MEAN, *range(1, self._tap.queries.shape[1] + 1)])

    def _choose(self, *, step=None, image=None, stage=None, head=None, view=None, pixel=None, pinned=None) -> None:
        self.subject.choose(step, image, stage)
        self._load()
        if head is not None:
            if head not in self.head.options:
                heads = len(self.head.options) - 1
                raise UsageError(f"{self._tap.name} has the heads 1..{heads}, and their {MEAN!r}, got {head!r}.")
            self.head.value = head
        if view is not None:
            self.view.value = choose("view", view, {each: each for each in self.view.options})
        if pixel is not None:
            query_at(self._tap, pixel, self.subject.size)
            self._go(pixel)
        if pinned is not None:
            self.pinned = None
            self.pin.value = pinned

    def _panels(self) -> tuple[str, ...]:
        return self.subject.panels if self.view.value == ALL else (self.view.value,)

    def _middle(self) -> tuple[int, int]:
        """A pixel in the middle of the largest object, of an old class if there is one."""
        now = self.subject.now
        return main_pixel(self.subject.labels, now.old, now.seen)

    def _move(self, pixel: tuple[int, int]) -> None:
        with self.with_one_refresh():
            self._go(pixel)

    def _go(self, pixel: tuple[int, int]) -> None:
        self.row.value, self.column.value = pixel

    def _centre(self, row: int, column: int) -> tuple[int, int]:
        """The pixel in the middle of a patch."""
        (rows, columns), (height, width) = self._tap.query_grid, self.subject.size
        return int((row + 0.5) * height / rows), int((column + 0.5) * width / columns)

    def _describe(self, maps: dict[str, np.ndarray]) -> str:
        """Where the query is, what it is called, and how much of its attention stays on its own class."""
        subject, (row, column) = self.subject, self.pixel
        label = int(subject.labels[row, column])
        parts = [f"row {row}, column {column}", f"ground truth: {subject.name(label)}"]
        for name, seen in subject.looks.items():
            words = f"{name}: {subject.at(seen.prediction, self.pixel)}"
            own = labels_of_keys(self._tap, subject.labels) == label
            if label != IGNORE and own.any():
                words += f", {100 * maps[name][own].sum():.0f} % of its attention on {subject.name(label)}"
            parts.append(words)
        if len(maps) == 2:
            moved = 0.5 * np.abs(maps["student"] - maps["teacher"]).sum()
            parts.append(f"{100 * moved:.1f} % of the attention has moved")
        return " \N{MIDDLE DOT} ".join(parts)
