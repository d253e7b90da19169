"""The canvases of the explorers in a notebook: the kernel sends arrays once, and the browser draws what is asked for.

The kernel is told of a query or region once the hand rests, so that its controls, its text and its own picture follow.
That picture is for where the canvas is missing, and for notebooks that were saved.
"""

from collections.abc import Callable

import traitlets

from satkit.widgets.canvas_script import (
    canvas_script,
    canvas_style,
    features_script,
    features_style,
    forgetting_script,
    forgetting_style,
    relations_script,
    relations_style,
)
from satkit.widgets.picture import Picture

Pixel = tuple[int, int]


class DrawnCanvas(Picture):
    """What the browser draws from arrays, and what it tells of the hand.

    Attributes:
        scene: Arrays; sent when they change.
        chosen: What is chosen; `answers` is the number of the last message that this takes into account.
        trouble: What went wrong, in a sentence.
    """

    png = traitlets.Bytes(b"")  # for the fallback, which has it from here
    scene = traitlets.Dict().tag(sync=True)
    chosen = traitlets.Dict().tag(sync=True)
    trouble = traitlets.Unicode("").tag(sync=True)

    def __init__(self, label: str, **heard: Callable[[dict], None]):
        """A canvas that calls back: for every kind of message, a function that gets the message."""
        super().__init__(label)
        self._heard = heard
        self.number = 0

    def _receive(self, _, event: dict, buffers) -> None:
        try:
            self.number = int(event.get("number", 0))
            if event.get("kind") in self._heard:
                self._heard[event["kind"]](event)
        finally:
            self.answers += 1


class Canvas(DrawnCanvas):
    """The attention of one image in some models, in the stage that is looked at.

    Attributes:
        scene: Image and models, see `satkit.widgets.scene`; sent when one of them changes.
        stage: The maps of the stage; sent when image, models or stage change.
        chosen: `pixel` and `pinned`, rows and columns; `head`, from 0, or None for the mean; `shown`, numbers of the
            models that have a panel, or None for all; `compared`, the one whose difference has one, or None.
    """

    _esm = canvas_script("widget.js")
    _css = canvas_style()
    stage = traitlets.Dict().tag(sync=True)

    def __init__(self, label: str, on_query: Callable, on_stage: Callable[[int], None]):
        """A canvas that calls back.

        Args:
            on_query: Gets the pixel of the query and that of the pinned one, or None.
            on_stage: Gets 1 for the next stage and -1 for the one before.
        """
        heard = {"query": lambda event: on_query(*self.query(event)), "stage": lambda event: on_stage(sign_of(event))}
        super().__init__(label, **heard)

    def query(self, event: dict) -> tuple[Pixel, Pixel | None]:
        """What a message says about the hand: what is looked at, and what is pinned.

        Raises:
            KeyError, TypeError, ValueError: If it says something else.
        """
        pinned = event["pinned"]
        return _pixel(event["pixel"]), None if pinned is None else _pixel(pinned)


class RelationCanvas(Canvas):
    """The relations of the regions of one image in some models; `stage` holds their `classes` too.

    Attributes:
        chosen: As that of a `Canvas`, with the classes `region` and `pinned` for pixels. The callback gets these.
    """

    _esm = relations_script()
    _css = relations_style()

    def query(self, event: dict) -> tuple[int, int | None]:
        """What a message says about the hand: the class of the region, and that of the pinned one."""
        pinned = event["pinned"]
        return int(event["region"]), None if pinned is None else int(pinned)


class ForgettingCanvas(DrawnCanvas):
    """The scores of a run step by step, and one image.

    Attributes:
        scene: Scores and confusions, see `satkit.widgets.forgetting_scene`; sent once.
        shown: The image, its number and its ground truth; sent when it changes.
        predictions: Those for the image by step, as far as they were asked for; sent when one is added.
        chosen: `step` and `label`; `pinned`, a cell of the confusion: class and what it is called, or None; `behind`,
            what there is to say about the images behind the cell.
    """

    _esm = forgetting_script()
    _css = forgetting_style()
    shown = traitlets.Dict().tag(sync=True)
    predictions = traitlets.Dict().tag(sync=True)


class FeatureCanvas(DrawnCanvas):
    """Two images, and what some models make of every place of them.

    Attributes:
        scene: The images, see `satkit.widgets.feature_scene`; sent when one of them changes.
        stage: The feature maps of the models; sent when images, step or map change.
        chosen: `asked`, 0 or 1 for the image that the place is in; `pixel`, row and column; `show`, "similarity" or
            "colours".
    """

    _esm = features_script()
    _css = features_style()
    stage = traitlets.Dict().tag(sync=True)


def sign_of(event: dict) -> int:
    """Which way a message asks to go: 1 or -1."""
    return 1 if int(event["step"]) > 0 else -1


def _pixel(values) -> Pixel:
    row, column = values
    return int(row), int(column)
