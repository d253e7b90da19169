"""Step through a run: one image, the IoU of every class, and the images behind a number."""

from dataclasses import replace
from pathlib import Path

import ipywidgets
import numpy as np

from satkit.analysis.images import confusions_by_image, image_and_labels, informative_images, prediction
from satkit.evaluation.metrics import iou_table
from satkit.experiments.experiment import Experiment
from satkit.models import Segmenter
from satkit.plots import use_style
from satkit.plots.class_flow import KINDS, flow_counts
from satkit.plots.forgetting_view import ForgettingView
from satkit.utils.errors import UsageError
from satkit.widgets.explorer import Explorer

LABEL = (
    "Forgetting explorer. Left and right arrows change the step, up and down arrows the class. Click a line, or a cell "
    "of the matrix for the images behind it; click again, or press Enter, for the next one."
)
MOST_MODELS = 6  # kept in memory
MOST_SEARCHED = 400  # test images that are looked through for a cell


def explore_forgetting(experiment: Experiment, **choices) -> "ForgettingExplorer":
    """A dashboard of a run: an image with its prediction after every step, the IoU of every class, and what the pixels
    of a class are predicted as.

    Args:
        experiment: The finished steps of its run are shown.
        **choices: As `ForgettingExplorer.choose`; by default the last step, an image with large old objects, and the
            class that lost most.

    Raises:
        ValueError: As `ForgettingExplorer.choose`, and for a run without a finished step.
    """
    return ForgettingExplorer(experiment, **choices)


class ForgettingExplorer(Explorer):
    """See `explore_forgetting`; `choose` does in code what the mouse does.

    Attributes:
        found: Numbers of the images behind the chosen cell, the one with most pixels first; empty without a cell.
    """

    def __init__(self, experiment: Experiment, **choices):
        plan, run = experiment.plan, experiment.run
        done = run.steps_done()
        if not done:
            raise UsageError(f"{run.folder} must have a finished step to look at, it has none. Train it first.")
        self.experiment = experiment
        self.names = list(plan.scenario.names)
        confusions = run.confusions()
        self.iou = iou_table(confusions, len(self.names))
        use_style()
        self._view = ForgettingView(self.iou, confusions, self.names, learnt_at=plan.scenario.learnt_at)
        self._models: dict[int, Segmenter] = {}
        self._counts: dict[int, np.ndarray] = {}
        tests = plan.complete(plan.test_pictures(plan.steps[done - 1]))
        self.tests = replace(tests, indices=tests.indices[:MOST_SEARCHED])
        self.cell: int | None = None
        self.found: list[int] = []
        self._no_refresh = False
        self.step = ipywidgets.IntSlider(description="step", max=max(done - 1, 1), value=done - 1, disabled=done == 1)
        images = {"max": len(self.tests) - 1, "continuous_update": False}
        self.image = ipywidgets.IntSlider(description="image", **images)
        classes = [(f"{index} {name}", index) for index, name in enumerate(self.names)]
        self.chosen = ipywidgets.Dropdown(description="class", options=classes)
        controls = [self.step, self.image, self.chosen]
        for control in controls:  # before anything is drawn
            control.observe(self._leave_cell, "value")
        super().__init__(LABEL, controls)
        with self.with_one_refresh():
            self.image.value = informative_images(self.tests, plan.scenario.base)[0]
            self.chosen.value = self._most_forgotten()
            self._choose(**choices)

    def choose(self, **choices) -> None:
        """Choose in code; everything that is not named stays as it is.

        Args:
            **choices: `step`, `image` and `label`, numbers from 0; `kind`, one of "right", "an old class", "background"
                and "a new class": leads to the image with most pixels of the class that are called so.

        Raises:
            ValueError: If there is no such thing.
        """
        with self._lock, self.with_one_refresh():
            self._choose(**choices)

    def arrays(self) -> dict[str, np.ndarray]:
        """The image, its ground truth and prediction, the IoU (step, class), and the matrix's pixels (class, kind)."""
        picture, truth = image_and_labels(self.tests, self.image.value)
        flow = flow_counts(self._view.confusions[self.step.value], self._view.old, self._view.new)
        return {"image": picture, "truth": truth, "prediction": self._predicted(picture), "iou": self.iou, "flow": flow}

    def save(self, path: str | Path) -> Path:
        """Write the picture as it is now, as PNG, SVG or PDF, and give its path back."""
        with self._view.whole():
            return super().save(path)

    def refresh(self) -> None:
        """Draw what the controls ask for."""
        step, label = self.step.value, self.chosen.value
        picture, truth = image_and_labels(self.tests, self.image.value)
        predicted = self._predicted(picture)
        self._view.show(picture, truth, predicted, step=step, chosen=label, cell=self.cell)
        text = " \N{MIDDLE DOT} ".join(
            filter(None, [f"after step {step}", self._describe_class(), self._describe_cell()])
        )
        self.show(self._view.figure, text, f"Image {self.image.value} and the scores {text}", drawn=True)

    def clicked(self, ax, x: float, y: float) -> None:
        """Take the class of the nearest line, or look for the images behind a cell."""
        cell, point = self._view.cell(ax, x, y), self._view.line(ax, x, y)
        if cell:
            if cell == (self.chosen.value, self.cell) and self.found:
                self._next()
                return
            with self.with_one_refresh():
                self._search(*cell)
        elif point:
            with self.with_one_refresh():
                self.step.value, self.chosen.value = point
                self._forget_cell()

    def pressed(self, key: str, shift: bool) -> None:
        """Left and right change the step, up and down the class; Enter shows the next image, Escape leaves the cell."""
        if key in ("ArrowLeft", "ArrowRight"):
            last = self.experiment.run.steps_done() - 1
            with self.with_one_refresh():
                self.step.value = min(max(self.step.value + (1 if key == "ArrowRight" else -1), 0), last)
                self._forget_cell()
        elif key in ("ArrowUp", "ArrowDown"):
            with self.with_one_refresh():
                change = 1 if key == "ArrowDown" else -1
                self.chosen.value = (self.chosen.value + change) % len(self.names)
                self._forget_cell()
        elif key == "Enter" and self.found:
            self._next()
        elif key == "Escape":
            with self.with_one_refresh():
                self._forget_cell()

    def _choose(self, *, step=None, image=None, label=None, kind=None) -> None:
        limits = {
            "step": (step, self.experiment.run.steps_done()),
            "image": (image, len(self.tests)),
            "label": (label, len(self.names)),
        }
        for name, (value, count) in limits.items():
            if value is not None and value not in range(count):
                raise UsageError(f"The {name} must be one of 0..{count - 1}, got {value}.")
        if kind is not None and kind not in KINDS:
            raise UsageError(f"The kind must be one of {', '.join(KINDS)}, got {kind!r}.")
        if step is not None:
            self.step.value = step
        if label is not None:
            self.chosen.value = label
        if image is not None:
            self.image.value = image
        if (step, image, label, kind) != (None, None, None, None):
            self._forget_cell()
        if kind is not None:
            self._search(self.chosen.value, KINDS.index(kind))

    def _search(self, label: int, column: int) -> None:
        """Find the images in which pixels of a class are called so, and show the one with most of them."""
        counts = self._counted()[:, label, column]
        self.chosen.value = label
        self.found = [int(image) for image in np.argsort(-counts, kind="stable") if counts[image]]
        self.cell = column
        if self.found:
            self._turn_to(self.found[0])
            return
        self.cell = None
        raise UsageError(f"No pixel of {self.names[label]} is called {KINDS[column]} in the {len(self.tests)} images.")

    def _next(self) -> None:
        place = self.found.index(self.image.value) if self.image.value in self.found else -1
        with self.with_one_refresh():
            self._turn_to(self.found[(place + 1) % len(self.found)])

    def _turn_to(self, image: int) -> None:
        kept = self.cell, self.found
        self.image.value = image
        self.cell, self.found = kept

    def _leave_cell(self, _) -> None:
        if not self._no_refresh:
            self._forget_cell()

    def _forget_cell(self) -> None:
        self.cell, self.found = None, []

    def _counted(self) -> np.ndarray:
        """Pixels by image, class and kind of answer after the step, (image, class, 4); counted when first asked for."""
        step = self.step.value
        if step not in self._counts:
            self.picture.text = f"Looking through {len(self.tests)} images ..."
            window = self.experiment.plan.window
            confusions = confusions_by_image(self._model(step), self.tests, len(self.names), window)
            self._counts[step] = flow_counts(confusions, self._view.old, self._view.new)
        return self._counts[step]

    def _model(self, step: int) -> Segmenter:
        if step not in self._models:
            while len(self._models) >= MOST_MODELS:
                self._models.pop(next(iter(self._models)))
            self._models[step] = self.experiment.model(step)
        return self._models[step]

    def _predicted(self, picture: np.ndarray) -> np.ndarray:
        return prediction(self._model(self.step.value), picture, self.experiment.plan.window)

    def _most_forgotten(self) -> int:
        """The class that has fallen furthest from its best step; the first one if none has fallen."""
        drop = np.nan_to_num(np.nanmax(np.nan_to_num(self.iou, nan=-1.0), axis=0) - self.iou[-1], nan=-1.0)
        return int(np.argmax(drop[1:])) + 1

    def _describe_class(self) -> str:
        label, step = self.chosen.value, self.step.value
        values = self.iou[: step + 1, label]
        if not np.isfinite(values).any():
            return f"{self.names[label]} is not learnt yet"
        best, now = np.nanmax(values), values[-1]
        return f"IoU of {self.names[label]}: {100 * now:.1f} %, at best {100 * best:.1f} %"

    def _describe_cell(self) -> str:
        if self.cell is None:
            return ""
        image, label = self.image.value, self.chosen.value
        pixels, place = self._counted()[image, label, self.cell], self.found.index(image) + 1
        answer = "right" if self.cell == 0 else f"called {KINDS[self.cell]}"
        return (
            f"image {image}: {pixels} pixels of {self.names[label]} are {answer} (image {place} of {len(self.found)})"
        )
