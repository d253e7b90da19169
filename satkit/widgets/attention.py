"""Move over an image: what does this patch look at, in the teacher and in the student?"""

import ipywidgets
import numpy as np

from satkit.analysis.attention import attention_of, labels_of_keys, query_at
from satkit.analysis.images import main_pixel
from satkit.data.labels import IGNORE
from satkit.experiments.experiment import Experiment
from satkit.models import AttentionTap
from satkit.plots.attention_view import DIFFERENCE, AttentionView
from satkit.utils.errors import UsageError, choose
from satkit.widgets import scene
from satkit.widgets.canvas import Canvas
from satkit.widgets.explorer import Explorer
from satkit.widgets.menus import offer
from satkit.widgets.subject import Subject

LABEL = "Attention explorer."
ALL, MEAN = "all", "mean"


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


class AttentionExplorer(Explorer):
    """See `explore_attention`; `choose` does in code what the mouse does.

    Attributes:
        subject: The models and the image.
        pinned: Pixel of the pinned query, or None.
    """

    def __init__(self, experiment: Experiment, *, beside: Experiment | None = None, step=None, image=None, **choices):
        self.subject = Subject(experiment, step, image, beside)
        self.stage = self.subject.stage
        self.head = ipywidgets.Dropdown(description="head")
        self.view = ipywidgets.Dropdown(description="show")
        self.row = ipywidgets.IntSlider(description="row", continuous_update=False)
        self.column = ipywidgets.IntSlider(description="column", continuous_update=False)
        self.pin = ipywidgets.ToggleButton(description="pin query", tooltip="keep this query in a row of its own")
        self.pinned: tuple[int, int] | None = None
        self._drawn: tuple = ()
        self._sent: tuple = ()
        chosen = [self.subject.step, self.subject.image, self.stage, self.head, self.view]
        super().__init__(LABEL, [*chosen, self.row, self.column, self.pin])
        for control in self._controls:  # in two rows at 1280 pixels, and side by side at any width
            control.layout = {"width": "auto", "flex": "1 1 165px", "max_width": "230px"}
            control.style = {"description_width": "50px"}
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
        with self.picture.hold_sync():
            self.show(self._view.figure, text, f"What one patch attends to in {self._tap.name}. {text}")
            self._send()

    def make_picture(self, label: str) -> Canvas:
        """The canvas, which tells of the query once the hand rests, and of keys that change the stage."""
        return Canvas(label, self._on_query, self._on_stage)

    def tell(self, trouble: str) -> None:
        """Say what went wrong."""
        super().tell(trouble)
        self.picture.trouble = trouble

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

    def _go(self, pixel: tuple[int, int]) -> None:
        self.row.value, self.column.value = pixel

    def _on_query(self, pixel: tuple[int, int], pinned: tuple[int, int] | None) -> None:
        self.attempt(self._take, pixel, pinned)

    def _take(self, pixel: tuple[int, int], pinned: tuple[int, int] | None) -> None:
        """Take over the query and the pin of the canvas."""
        for each in filter(None, (pixel, pinned)):
            query_at(self._tap, each, self.subject.size)
        with self.with_one_refresh():
            self._go(pixel)
            self.pinned, self.pin.value = pinned, pinned is not None

    def _on_stage(self, step: int) -> None:
        self.stage.value = (self.stage.value + step) % len(self.stage.options)

    def _send(self) -> None:
        """Give the canvas what it lacks: image, models and maps only where they have changed."""
        subject, canvas, panels = self.subject, self.picture, self._panels()
        wanted = (subject.step.value, subject.image.value, self.stage.value)
        if wanted[:2] != self._sent[:2]:
            names = subject.experiment.plan.scenario.names
            picture = scene.picture_of(subject.picture, subject.labels)
            canvas.scene = {**scene.common(names), **picture, "models": scene.models_of(subject.looks)}
        if wanted != self._sent:
            canvas.stage = scene.stage_of(list(self._taps.values()), subject.labels)
        self._sent = wanted
        models = list(subject.looks)
        canvas.chosen = {
            "answers": canvas.number,
            "pixel": self.pixel,
            "pinned": self.pinned,
            "head": self._head,
            "shown": [place for place, name in enumerate(models) if name in panels],
            "compared": models.index("student") if DIFFERENCE in panels else None,
        }
        canvas.trouble = ""

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
        if "student" in maps:
            moved = 0.5 * np.abs(maps["student"] - maps["teacher"]).sum()
            parts.append(f"{100 * moved:.1f} % of the attention has moved")
        return " \N{MIDDLE DOT} ".join(parts)
