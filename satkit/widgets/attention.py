"""Move over an image: what does this patch look at, in the teacher and in the student?"""

import ipywidgets
import numpy as np

from satkit.analysis.attention import attention_of, labels_of_keys, query_at
from satkit.analysis.images import main_pixel
from satkit.data.labels import IGNORE
from satkit.experiments.experiment import Experiment
from satkit.plots.attention_view import AttentionView
from satkit.utils.errors import choose
from satkit.widgets.canvas_explorer import CanvasExplorer
from satkit.widgets.menus import offer
from satkit.widgets.subject import Subject

LABEL = "Attention explorer."
ALL = "all"


def explore_attention(experiment: Experiment, *, beside: Experiment | None = None, **choices) -> "AttentionExplorer":
    """A picture of what one patch looks at, which follows mouse, arrow keys, sliders and menus.

    Args:
        experiment: Its models are shown: the base step's alone, that of every later step beside its teacher.
        beside: Another experiment on the same images, whose student of the same step is shown as a third model.
        **choices: As `AttentionExplorer.choose`; by default the last step, an image with large old objects, and a
            pixel in the middle of one.

    Raises:
        ValueError: As `AttentionExplorer.choose`, and for a run without a finished step.
    """
    return AttentionExplorer(experiment, beside=beside, **choices)


class AttentionExplorer(CanvasExplorer):
    """See `explore_attention`; `choose` does in code what the mouse does.

    Attributes:
        pinned: Pixel of the pinned query, or None.
    """

    def __init__(self, experiment: Experiment, *, beside: Experiment | None = None, step=None, image=None, **choices):
        self.view = ipywidgets.Dropdown(description="show")
        self.row = ipywidgets.IntSlider(description="row", continuous_update=False)
        self.column = ipywidgets.IntSlider(description="column", continuous_update=False)
        self.pin = ipywidgets.ToggleButton(description="pin query", tooltip="keep this query in a row of its own")
        self._drawn: tuple = ()
        subject = Subject(experiment, step, image, beside)
        super().__init__(LABEL, subject, [self.view, self.row, self.column, self.pin])
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
            maps = {
                each: attention_of(tap, query_at(tap, pixel, size), self.head_index) for each, tap in self.taps.items()
            }
            query = query_at(self.tap, pixel, size)
            self._view.show(maps, row=row, query=query, grid=self.tap.query_grid, name=name)
        text = self._describe(maps)
        with self.picture.hold_sync():
            self.show(self._view.figure, text, f"What one patch attends to in {self.tap.name}. {text}")
            self.send(panels, {}, {"pixel": self.pixel, "pinned": self.pinned})

    def _load(self) -> None:
        """Load models and image, and let the other controls offer what there is for them."""
        with self.without_refresh():
            self.subject.load()
            offer(self.view, [ALL, *self.subject.panels])
            self.row.max, self.column.max = (side - 1 for side in self.subject.size)
            self.offer_heads()

    def _choose(self, *, step=None, image=None, stage=None, head=None, view=None, pixel=None, pinned=None) -> None:
        self.subject.choose(step, image, stage)
        self._load()
        if head is not None:
            self.choose_head(head)
        if view is not None:
            self.view.value = choose("view", view, {each: each for each in self.view.options})
        if pixel is not None:
            query_at(self.tap, pixel, self.subject.size)
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

    def _go(self, pixel: tuple[int, int]) -> None:
        self.row.value, self.column.value = pixel

    def take(self, now: tuple[int, int], pinned: tuple[int, int] | None) -> None:
        """Take over the query and the pin of the canvas."""
        for each in filter(None, (now, pinned)):
            query_at(self.tap, each, self.subject.size)
        with self.with_one_refresh():
            self._go(now)
            self.pinned, self.pin.value = pinned, pinned is not None

    def _describe(self, maps: dict[str, np.ndarray]) -> str:
        """Where the query is, what it is called, and how much of its attention stays on its own class."""
        subject, (row, column) = self.subject, self.pixel
        label = int(subject.labels[row, column])
        parts = [f"row {row}, column {column}", f"ground truth: {subject.name(label)}"]
        for name, seen in subject.looks.items():
            words = f"{name}: {subject.at(seen.prediction, self.pixel)}"
            own = labels_of_keys(self.tap, subject.labels) == label
            if label != IGNORE and own.any():
                words += f", {100 * maps[name][own].sum():.0f} % of its attention on {subject.name(label)}"
            parts.append(words)
        if "student" in maps:
            moved = 0.5 * np.abs(maps["student"] - maps["teacher"]).sum()
            parts.append(f"{100 * moved:.1f} % of the attention has moved")
        return " \N{MIDDLE DOT} ".join(parts)
