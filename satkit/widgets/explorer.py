"""The base of all explorers: controls, a picture, and a line of text that also shows errors."""

import base64
import threading
from abc import abstractmethod
from collections.abc import Callable
from contextlib import contextmanager
from pathlib import Path

import ipywidgets
import numpy as np
from matplotlib.figure import Figure

from satkit.plots import use_style
from satkit.widgets.picture import Picture, png_of

SUFFIXES = (".png", ".svg", ".pdf")


class Explorer(ipywidgets.VBox):
    """Controls above a picture; every choice, by mouse, key, slider or code, calls `refresh`.

    Attributes:
        picture: The widget that shows the figure.
        figure: What it shows.
    """

    def __init__(self, label: str, controls: list[ipywidgets.Widget]):
        use_style()
        self._lock, self._no_refresh = threading.RLock(), False
        self.figure: Figure | None = None
        self.picture = self.make_picture(label)
        for control in controls:
            control.observe(self._changed, "value")
        bar = ipywidgets.HBox(controls, layout=ipywidgets.Layout(flex_flow="row wrap"))
        super().__init__([bar, self.picture.with_fallback()])
        self._controls = controls

    def make_picture(self, label: str) -> Picture:
        """The widget that shows the figure."""
        return Picture(label)

    @abstractmethod
    def refresh(self) -> None:
        """Draw what the controls ask for."""

    @abstractmethod
    def arrays(self) -> dict[str, np.ndarray]:
        """The arrays behind the picture, by name."""

    @property
    def text(self) -> str:
        """The line below the picture."""
        return self.picture.text

    @property
    def alt(self) -> str:
        """What the picture shows, in a sentence."""
        return self.picture.alt

    def save(self, path: str | Path) -> Path:
        """Save the picture as it is now as PNG, SVG or PDF; gives the path.

        Raises:
            ValueError: If the path ends in something else.
        """
        path = Path(path)
        if path.suffix.lower() not in SUFFIXES:
            raise ValueError(f"A picture is saved as one of {', '.join(SUFFIXES)}, got {path.name!r}.")
        self.figure.savefig(path, dpi=200)
        return path

    def show(self, figure: Figure, text: str, alt: str, drawn: bool = False) -> None:
        """Show a figure with its line of text and its alt text; see `png_of` for `drawn`."""
        self.figure = figure
        with self.picture.hold_sync():
            self.picture.png, self.picture.text, self.picture.alt = png_of(figure, drawn), text, alt

    @contextmanager
    def with_one_refresh(self):
        """Change several controls; one refresh follows, also after an error, so that picture and controls agree."""
        try:
            with self.without_refresh():
                yield
        finally:
            if not self._no_refresh:
                self.refresh()

    @contextmanager
    def without_refresh(self):
        """Change controls without a refresh."""
        outer, self._no_refresh = self._no_refresh, True
        try:
            yield
        finally:
            self._no_refresh = outer

    def attempt(self, action: Callable, *arguments) -> None:
        """Carry out a choice; an error is shown in the line of text, and the picture stays."""
        with self._lock:
            try:
                action(*arguments)
            except ValueError as error:  # as every error of usage
                self.tell(str(error))
            except Exception as error:
                self.tell(f"{type(error).__name__}: {error}")
                raise

    def tell(self, trouble: str) -> None:
        """Say what went wrong."""
        self.picture.text = trouble

    def __repr__(self) -> str:
        return f"<{type(self).__name__}: {self.alt}>"

    def _changed(self, _) -> None:
        if not self._no_refresh:
            self.attempt(self.refresh)

    def _repr_mimebundle_(self, **options) -> tuple[dict, dict]:
        """The widget where there is a front end, elsewhere the picture, and its meaning in words, as alt text too."""
        bundle = super()._repr_mimebundle_(**options)
        bundle["image/png"] = base64.b64encode(self.picture.png).decode()
        bundle["text/plain"] = self.alt
        return bundle, {"image/png": {"alt": self.alt}}
