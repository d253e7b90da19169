"""A picture that is drawn in the kernel and reports clicks and keys: the only widget with JavaScript of its own.

Everything else, menus, sliders and buttons, are ipywidgets. Where the front end of this widget is missing, a plain
image and a plain line of text take its place, and everything but the clicking remains.
"""

import io
from collections.abc import Callable
from pathlib import Path

import anywidget
import ipywidgets
import traitlets
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from PIL import Image

HERE = Path(__file__).parent
FAST = 1  # level of compression: a picture goes to the browser once


class Picture(anywidget.AnyWidget):
    """A picture with a line of text below it, clickable and operated by keys.

    Attributes:
        png: The picture.
        alt: What it shows, for readers who cannot see it.
        label: What it is and how it is operated.
        text: The line below it, read aloud when it changes.
        answers: Events dealt with so far; the front end sends the next one when this changes.
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

    def __init__(self, label: str, on_click: Callable[[float, float], None], on_key: Callable[[str, bool], None]):
        """A picture that calls back.

        Args:
            on_click: Gets x and y in [0, 1], from the left and from the top.
            on_key: Gets the name of a key, e.g. "ArrowUp", and whether Shift was held.
        """
        super().__init__(label=label)
        self._clicked, self._pressed = on_click, on_key
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
        try:
            if event.get("kind") == "click":
                self._clicked(float(event["x"]), float(event["y"]))
            elif event.get("kind") == "key":
                self._pressed(str(event["key"]), bool(event.get("shift")))
        finally:
            self.answers += 1


def png_of(figure: Figure, drawn: bool = False) -> bytes:
    """A figure as PNG, in its own size; one that is `drawn` is taken as its canvas has it."""
    canvas = figure.canvas if isinstance(figure.canvas, FigureCanvasAgg) else FigureCanvasAgg(figure)
    if not drawn:
        canvas.draw()
    file = io.BytesIO()
    image = Image.frombuffer("RGBA", canvas.get_width_height(), canvas.buffer_rgba())
    image.convert("RGB").save(file, "png", compress_level=FAST)
    return file.getvalue()


def place(figure: Figure, x: float, y: float) -> tuple[Axes, float, float] | None:
    """What a click at x and y in [0, 1], from the left and from the top, falls on: axes, and x and y of their data."""
    width, height = figure.canvas.get_width_height()
    point = (x * width, (1 - y) * height)
    for ax in figure.axes:
        if ax.get_visible() and ax.bbox.contains(*point):
            return ax, *ax.transData.inverted().transform(point)
    return None
