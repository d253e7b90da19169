"""Move over an image: what do all pixels of a class look at together, in the teacher and in the student?"""

import ipywidgets
import numpy as np
import traitlets
from matplotlib.figure import Figure

from satkit.analysis.attention import relation_matrix, relations_of
from satkit.analysis.images import largest_class
from satkit.data.labels import BACKGROUND
from satkit.experiments.experiment import Experiment
from satkit.plots.attention_view import AttentionView
from satkit.plots.matrix_view import MatrixView
from satkit.plots.style import class_colour
from satkit.utils.errors import UsageError, choose
from satkit.widgets.canvas import RelationCanvas
from satkit.widgets.canvas_explorer import CanvasExplorer
from satkit.widgets.menus import offer
from satkit.widgets.subject import Subject

LABEL = "Relation explorer."
MAPS, MATRICES = "maps", "matrices"
MOST_NAMED = 3  # regions that the line of text names


def explore_relations(experiment: Experiment, **choices) -> "RelationExplorer":
    """A picture of what a region attends to, which follows mouse, keys and menus.

    Args:
        experiment: Its models are shown: the base step's alone, that of every later step beside its teacher.
        **choices: As `RelationExplorer.choose`; by default the last step, an image with large old objects, and its
            largest object.

    Raises:
        ValueError: As `RelationExplorer.choose`, and for a run without a finished step.
    """
    return RelationExplorer(experiment, **choices)


class RelationExplorer(CanvasExplorer):
    """See `explore_relations`; `choose` does in code what the mouse does.

    Attributes:
        pinned: Class of the pinned region, or None.
        note: What had to be chosen otherwise than asked for, in a sentence.
    """

    canvas = RelationCanvas

    def __init__(self, experiment: Experiment, *, step=None, image=None, **choices):
        self.region = ipywidgets.Dropdown(description="region")
        self.view = ipywidgets.Dropdown(description="show", options=[MAPS, MATRICES])
        self.pin = ipywidgets.ToggleButton(description="pin region", tooltip="keep this region in a row of its own")
        self.note = ""
        self._measured: tuple = ()
        super().__init__(LABEL, Subject(experiment, step, image), [self.region, self.pin, self.view])
        shown = (self.picture, "alive"), (self.view.layout, "display")  # the canvas has both side by side
        traitlets.dlink(*shown, lambda alive: "none" if alive else "flex")
        with self.with_one_refresh():
            self._load()
            objects = [each for each in self._classes if each != BACKGROUND]
            self.region.value = largest_class(self.subject.labels, objects) if objects else BACKGROUND
            self._choose(**choices)

    def choose(self, **choices) -> None:
        """Choose in code; everything that is not named stays as it is.

        Args:
            **choices: `step` and `image`, numbers from 0; `stage`, from 1 as in its name; `head`, from 1, or "mean";
                `region`, a class index, 0 for background; `pinned`, whether the region stays in a row of its own;
                `view`, "maps" or "matrices": what is drawn where the browser does not draw both, and what is saved.

        Raises:
            ValueError: If there is no such thing, or the region has no query at this stage.
        """
        with self._lock, self.with_one_refresh():
            self._choose(**choices)

    def arrays(self) -> dict[str, np.ndarray]:
        """By model, the relations of all regions, (region, key height, key width), and their "matrix"."""
        relations = {f"{name} relations": values for name, values in self._relations.items()}
        return relations | {f"{name} matrix": values for name, values in self._matrices.items()}

    def refresh(self) -> None:
        """Draw what the controls ask for."""
        self._load()
        if self.pin.value != (self.pinned is not None):
            self.pinned = self.region.value if self.pin.value else None
        place = self._classes.index(self.region.value)
        if self.view.value == MATRICES:
            figure = self._matrix_view.figure
            self._matrix_view.choose(place)
        else:
            figure = self._draw_maps()
        text = " \N{MIDDLE DOT} ".join(filter(None, [self.note, self._describe(place)]))
        self.note = ""
        alt = f"Relations of the regions of one image in {self.stage.label}. {text}"
        with self.picture.hold_sync():
            self.show(figure, text, alt, drawn=self.view.value == MATRICES)
            chosen = {"region": self.region.value, "pinned": self.pinned}
            self.send(self.subject.panels, {"classes": self._classes}, chosen)

    def take(self, now: int, pinned: int | None) -> None:
        """Take over the region and the pin of the canvas."""
        for each in (now, pinned):
            if each is not None:
                self._check_region(each)
        with self.with_one_refresh():
            self.region.value = now
            self.pinned, self.pin.value = pinned, pinned is not None

    def _load(self) -> None:
        """Load models and image, and measure the relations of every region at the stage."""
        subject = self.subject
        with self.without_refresh():
            subject.load()
            self.offer_heads()
            wanted = (subject.step.value, subject.image.value, self.stage.value, self.head.value)
            if wanted != self._measured:
                self._measure()
                self._measured = wanted

    def _measure(self) -> None:
        subject, asked, head = self.subject, (BACKGROUND, *self.subject.now.seen), self.head_index
        taps = subject.taps
        found = {name: relations_of(tap, subject.labels, asked, head) for name, tap in taps.items()}
        self._relations = {name: relations for name, (relations, _) in found.items()}
        self._classes = next(iter(found.values()))[1]
        self._matrices = {
            name: relation_matrix(tap, subject.labels, asked, head)[:, 1:] for name, tap in taps.items()
        }  # background is among the regions here, so its own column comes first already
        before = self.region.value
        offer(self.region, [(subject.name(each), each) for each in self._classes])
        if before is not None and before != self.region.value:
            self.note = f"{subject.name(before)} has no query here, so this is {self.region.label}"
        if self.pinned not in self._classes:
            self.pinned, self.pin.value = None, False
        self._map_view: AttentionView | None = None
        self._drawn: MatrixView | None = None

    def _draw_maps(self) -> Figure:
        """The maps of the region, and above them those of the pinned one."""
        now = {"region": self.region.value}
        regions = now if self.pinned is None else {"pinned": self.pinned, **now}
        if self._map_view is None or len(self._map_view.axes) != len(regions):
            self._map_view = AttentionView(self.subject.picture, self.subject.panels, rows=len(regions))
        for row, (name, label) in enumerate(regions.items()):
            maps = {each: values[self._classes.index(label)] for each, values in self._relations.items()}
            mask, name = self.subject.labels == label, name if len(regions) > 1 else ""
            self._map_view.show(maps, row=row, region=mask, colour=class_colour(label), name=name)
        return self._map_view.figure

    @property
    def _matrix_view(self) -> MatrixView:
        """The matrices, drawn when they are first looked at."""
        if self._drawn is None:
            names = [self.subject.name(each) for each in self._classes]
            self._drawn = MatrixView(self._matrices, names, names)
        return self._drawn

    def _choose(self, *, step=None, image=None, stage=None, head=None, region=None, pinned=None, view=None) -> None:
        self.subject.choose(step, image, stage)
        self._load()
        if head is not None:
            self.choose_head(head)
        if region is not None:
            self._check_region(region)
            self.region.value = region
        if pinned is not None:
            self.pinned = None
            self.pin.value = pinned
        if view is not None:
            self.view.value = choose("view", view, {MAPS: MAPS, MATRICES: MATRICES})

    def _check_region(self, label: int) -> None:
        if label not in self._classes:
            names = ", ".join(f"{each} ({self.subject.name(each)})" for each in self._classes)
            earlier = ", or an earlier stage" if self.stage.value else ""
            raise UsageError(
                f"Class {label} ({self.subject.name(label)}) has no query in this image at {self.stage.label}; regions "
                f"there are {names}. Choose one of them{earlier}."
            )

    def _describe(self, place: int) -> str:
        """Where a region looks most, by model."""
        parts = [f"region: {self.subject.name(self._classes[place])}"]
        for name, matrix in self._matrices.items():
            most = np.argsort(-matrix[place], kind="stable")[:MOST_NAMED]
            shares = [
                f"{100 * matrix[place, other]:.0f} % on {self.subject.name(self._classes[other])}" for other in most
            ]
            parts.append(f"{name}: {', '.join(shares)}")
        return " \N{MIDDLE DOT} ".join(parts)
