"""The base of the explorers whose figure the browser draws: what they send, and the controls that they share."""

from abc import abstractmethod

import ipywidgets

from satkit.models import AttentionTap
from satkit.plots.attention_view import DIFFERENCE
from satkit.utils.errors import UsageError
from satkit.widgets import scene
from satkit.widgets.canvas import Canvas
from satkit.widgets.explorer import Explorer
from satkit.widgets.menus import offer, side_by_side
from satkit.widgets.subject import Subject

MEAN = "mean"


class CanvasExplorer(Explorer):
    """An explorer of the models of a step and an image, on a canvas.

    Attributes:
        subject: The models and the image.
        stage: Menu of the stages.
        head: Menu of the heads, from 1, and their mean.
        pinned: What stays in a row of its own, or None.
    """

    canvas: type[Canvas] = Canvas

    def __init__(self, label: str, subject: Subject, more: list[ipywidgets.Widget]):
        self.subject, self.stage = subject, subject.stage
        self.head = ipywidgets.Dropdown(description="head")
        self.pinned = None
        self._sent: tuple = ()
        super().__init__(label, [subject.step, subject.image, self.stage, self.head, *more])
        side_by_side(self._controls)

    def make_picture(self, label: str) -> Canvas:
        """The canvas, which tells of what is looked at once the hand rests, and of keys that change the stage."""
        return self.canvas(label, lambda *query: self.attempt(self.take, *query), self._on_stage)

    @abstractmethod
    def take(self, now, pinned) -> None:
        """Take over what the hand looks at and what it has pinned."""

    def tell(self, trouble: str) -> None:
        """Say what went wrong."""
        super().tell(trouble)
        self.picture.trouble = trouble

    @property
    def taps(self) -> dict[str, AttentionTap]:
        """The attention of the chosen stage, by model."""
        return self.subject.taps

    @property
    def tap(self) -> AttentionTap:
        """That of the first model."""
        return next(iter(self.taps.values()))

    @property
    def head_index(self) -> int | None:
        """The chosen head, from 0; None for the mean."""
        return None if self.head.value == MEAN else self.head.value - 1

    def offer_heads(self) -> None:
        """Offer the heads of the stage."""
        offer(self.head, [MEAN, *range(1, self.tap.queries.shape[1] + 1)])

    def choose_head(self, head: int | str) -> None:
        """Choose a head, from 1, or "mean".

        Raises:
            UsageError: If there is no such head.
        """
        if head not in self.head.options:
            heads = len(self.head.options) - 1
            raise UsageError(f"{self.tap.name} has the heads 1..{heads}, and their {MEAN!r}, got {head!r}.")
        self.head.value = head

    def send(self, panels: tuple[str, ...], more: dict, chosen: dict) -> None:
        """Give the canvas what it lacks: image, models and maps only where they have changed.

        Args:
            panels: The models that are shown, and "difference".
            more: What the stage holds beside its maps.
            chosen: What is looked at and what is pinned.
        """
        subject, canvas, models = self.subject, self.picture, list(self.subject.looks)
        wanted = (subject.step.value, subject.image.value, self.stage.value)
        if wanted[:2] != self._sent[:2]:
            names = subject.experiment.plan.scenario.names
            picture = scene.picture_of(subject.picture, subject.labels)
            canvas.scene = {**scene.common(names), **picture, "models": scene.models_of(subject.looks)}
        if wanted != self._sent:
            canvas.stage = {**scene.stage_of(list(self.taps.values()), subject.labels), **more}
        self._sent = wanted
        canvas.chosen = {
            "answers": canvas.number,
            "head": self.head_index,
            "shown": [place for place, name in enumerate(models) if name in panels],
            "compared": models.index("student") if DIFFERENCE in panels else None,
            **chosen,
        }
        canvas.trouble = ""

    def _on_stage(self, step: int) -> None:
        self.stage.value = (self.stage.value + step) % len(self.stage.options)
