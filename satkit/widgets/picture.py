"""A picture that is drawn in the kernel, with a line of text: the base of all widgets with JavaScript of their own.

Everything else, menus, sliders and buttons, are ipywidgets. Where the front end of this widget is missing, a plain
image and a plain line of text take its place.
"""

import io
from pathlib import Path

import anywidget
import ipywidgets
import traitlets
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from PIL import Image

HERE = Path(__file__).parent
FAST = 1  # level of compression: a picture goes to the browser once


class Picture(anywidget.AnyWidget):
    """A picture with a line of text below it.

    Attributes:
        png: The picture.
        alt: What it shows, for readers who cannot see it.
        label: What it is.
        text: The line below it, read aloud when it changes.
        answers: Messages of a canvas dealt with so far; its front end sends the next one when this changes.
        alive: Whether a front end shows it.
    """

    _esm = (HERE / "picture.js").read_text(encoding="utf-8")  # a path would be watched, and hold every picture
    _css = (HERE / "picture.css").read_text(encoding="utf-8")
    png = traitlets.Bytes(b"").tag(sync=True)
    alt = traitlets.Unicode("").tag(sync=True)
    label = traitlets.Unicode("").tag(sync=True)
    text = traitlets.Unicode("").tag(sync=True)
    answers = traitlets.Int(0).tag(sync=True)
    alive = traitlets.Bool(False).tag(sync=True)

    def __init__(self, label: str):
        super().__init__(label=label)
        self.on_msg(self._receive)

    def with_fallback(self) -> ipywidgets.VBox:
        """The picture, and plain widgets that show the same until a front end has announced itself."""
        line = ipywidgets.Text(disabled=True, layout={"width": "100%"})  # a Label would show formulas
        image = ipywidgets.Image(format="png")
        traitlets.dlink((self, "png"), (image, "value"))
        traitlets.dlink((self, "text"), (line, "value"))
        plain = ipywidgets.VBox([image, line])
        traitlets.dlink((self, "alive"), (plain.layout, "display"), lambda alive: "none" if alive else "flex")
        return ipywidgets.VBox([self, plain])

    def _receive(self, _, event: dict, buffers) -> None:
        """Answer a message of the front end; a picture has none."""


def png_of(figure: Figure, drawn: bool = False) -> bytes:
    """A figure as PNG, in its own size; one that is `drawn` is taken as its canvas has it."""
    canvas = figure.canvas if isinstance(figure.canvas, FigureCanvasAgg) else FigureCanvasAgg(figure)
    if not drawn:
        canvas.draw()
    file = io.BytesIO()
    image = Image.frombuffer("RGBA", canvas.get_width_height(), canvas.buffer_rgba())
    image.convert("RGB").save(file, "png", compress_level=FAST)
    return file.getvalue()
