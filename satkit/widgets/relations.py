"""Click a region: what do all pixels of this class look at together, in the teacher and in the student?"""

import ipywidgets
import numpy as np

from satkit.analysis.attention import relation_matrix, relations_of
from satkit.analysis.images import largest_class
from satkit.data.labels import BACKGROUND, IGNORE
from satkit.experiments.experiment import Experiment
from satkit.plots.attention_view import AttentionView
from satkit.plots.matrix_view import MatrixView
from satkit.plots.style import class_colour
from satkit.utils.errors import UsageError, choose
from satkit.widgets.explorer import Explorer
from satkit.widgets.menus import offer
from satkit.widgets.subject import Subject

LABEL = (
    "Relation explorer. Click a region of the image, or a cell of a matrix; the up and down arrows change the region, "
    "the page keys the stage."
)
MAPS, MATRICES = "maps", "matrices"
MOST_NAMED = 3  # regions that the line of text names


def explore_relations(experiment: Experiment, **choices) -> "RelationExplorer":
    """A picture of what a region attends to, which follows the mouse, keys and menus.

    Args:
        experiment: Its models are shown: the base step's alone, that of every later step beside its teacher.
        **choices: As `RelationExplorer.choose`; by default the last step, an image with large old objects, and its
            largest object.

    Raises:
        ValueError: As `RelationExplorer.choose`, and for a run without a finished step.
    """
    return RelationExplorer(experiment, **choices)


class RelationExplorer(Explorer):
    """See `explore_relations`; `choose` does in code what the mouse does.

    Attributes:
        subject: The models and the image.
        note: What had to be chosen otherwise than asked for, in a sentence.
    """

    def __init__(self, experiment: Experiment, *, step=None, image=None, **choices):
        self.subject = Subject(experiment, step, image)
        self.stage = self.subject.stage
        self.region = ipywidgets.Dropdown(description="region")
        self.view = ipywidgets.Dropdown(description="show", options=[MAPS, MATRICES])
        self.note = ""
        self._measured: tuple = ()
        super().__init__(LABEL, [self.subject.step, self.subject.image, self.stage, self.region, self.view])
        with self.with_one_refresh():
            self._load()
            objects = [each for each in self._classes if each != BACKGROUND]
            self.region.value = largest_class(self.subject.labels, objects) if objects else BACKGROUND
            self._choose(**choices)

    def choose(self, **choices) -> None:
        """Choose in code; everything that is not named stays as it is.

        Args:
            **choices: `step` and `image`, numbers from 0; `stage`, from 1 as in its name; `region`, a class index, 0
                for background; `view`, "maps" or "matrices".

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
        place = self._classes.index(self.region.value)
        if self.view.value == MATRICES:
            view = self._matrix_view
            view.choose(place)
        else:
            view, label = self._map_view, self.region.value
            maps = {name: values[place] for name, values in self._relations.items()}
            view.show(maps, region=self.subject.labels == label, colour=class_colour(label))
        text = " \N{MIDDLE DOT} ".join(filter(None, [self.note, self._describe(place)]))
        self.note = ""
        alt = f"Relations of the regions of one image in {self.stage.label}. {text}"
        self.show(view.figure, text, alt, drawn=self.view.value == MATRICES)

    def clicked(self, ax, x: float, y: float) -> None:
        """Take the region under the mouse, or the row of the cell."""
        if self.view.value == MATRICES:
            cell = self._matrix_view.cell(ax, x, y)
            if cell:
                self.region.value = self._classes[cell[0]]
                self.picture.text = self._describe_cell(*cell)
        elif ax in self._map_view.axes[0]:
            label = int(self.subject.labels[round(y), round(x)])
            if label == IGNORE:
                raise UsageError("This pixel is not annotated, so it belongs to no region. Click an object.")
            self._check_region(label)
            self.region.value = label

    def pressed(self, key: str, shift: bool) -> None:
        """Up and down arrows change the region, Page keys the stage."""
        change = {"ArrowUp": -1, "ArrowDown": 1, "PageUp": -1, "PageDown": 1}.get(key, 0)
        menu = self.region if key.startswith("Arrow") else self.stage
        values = [value for _, value in menu.options]
        menu.value = values[(values.index(menu.value) + change) % len(values)]

    def _load(self) -> None:
        """Load models and image, and measure the relations of every region at the stage."""
        subject = self.subject
        with self.without_refresh():
            subject.load()
            wanted = (subject.step.value, subject.image.value, self.stage.value)
            if wanted != self._measured:
                self._measure()
                self._measured = wanted

    def _measure(self) -> None:
        subject, asked = self.subject, (BACKGROUND, *self.subject.now.seen)
        taps = subject.taps
        found = {name: relations_of(tap, subject.labels, asked) for name, tap in taps.items()}
        self._relations = {name: relations for name, (relations, _) in found.items()}
        self._classes = next(iter(found.values()))[1]
        self._matrices = {
            name: relation_matrix(tap, subject.labels, asked)[:, 1:] for name, tap in taps.items()
        }  # background is among the regions here, so its own column comes first already
        before = self.region.value
        offer(self.region, [(subject.name(each), each) for each in self._classes])
        if before is not None and before != self.region.value:
            self.note = f"{subject.name(before)} has no query here, so this is {self.region.label}"
        self._map_view = AttentionView(subject.picture, subject.panels)
        self._drawn: MatrixView | None = None

    @property
    def _matrix_view(self) -> MatrixView:
        """The matrices, drawn when they are first looked at."""
        if self._drawn is None:
            names = [self.subject.name(each) for each in self._classes]
            self._drawn = MatrixView(self._matrices, names, names)
        return self._drawn

    def _choose(self, *, step=None, image=None, stage=None, region=None, view=None) -> None:
        self.subject.choose(step, image, stage)
        self._load()
        if region is not None:
            self._check_region(region)
            self.region.value = region
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

    def _describe_cell(self, row: int, column: int) -> str:
        looking, seen = (self.subject.name(self._classes[each]) for each in (row, column))
        shares = [f"{name} {100 * matrix[row, column]:.1f} %" for name, matrix in self._matrices.items()]
        return f"of the attention of {looking}, this much falls on {seen}: {', '.join(shares)}"
