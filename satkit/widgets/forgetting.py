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
from satkit.widgets.canvas import ForgettingCanvas, sign_of
from satkit.widgets.explorer import Explorer
from satkit.widgets.forgetting_scene import image_of, predictions_of, scores_of

LABEL = "Forgetting explorer."
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
        called: Classes that pixels of the class are called in the images behind a number; empty without such images.
        found: Numbers of these images, the one with most such pixels first.
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
        self.called: tuple[int, ...] = ()
        self.found: list[int] = []
        self.words = ""
        self._no_refresh = False
        self.step = ipywidgets.IntSlider(description="step", max=max(done - 1, 1), value=done - 1, disabled=done == 1)
        images = {"max": len(self.tests) - 1, "continuous_update": False}
        self.image = ipywidgets.IntSlider(description="image", **images)
        classes = [(f"{index} {name}", index) for index, name in enumerate(self.names)]
        self.chosen = ipywidgets.Dropdown(description="class", options=classes)
        controls = [self.step, self.image, self.chosen]
        for control in controls:  # before anything is drawn
            control.observe(self._leave_cell, "value")
        self._sent, self._predictions = None, {}
        super().__init__(LABEL, controls)
        shown = self._view.shown
        self.picture.scene = scores_of(self.iou, confusions, self.names, plan.scenario.learnt_at, shown)
        with self.with_one_refresh():
            self.chosen.value = self._most_forgotten()
            self.image.value = informative_images(self.tests, [self.chosen.value])[0]
            self._choose(**choices)

    def choose(self, **choices) -> None:
        """Choose in code; everything that is not named stays as it is.

        Args:
            **choices: `step`, `image` and `label`, numbers from 0; `kind`, one of "right", "an old class", "background"
                and "a new class", or `called`, a class index: leads to the image with most pixels of the class that are
                called so.

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
        self._view.show(picture, truth, predicted, step=step, chosen=label, called=self.called)
        parts = [f"after step {step}", self._describe_class(), self._describe_behind()]
        text = " \N{MIDDLE DOT} ".join(filter(None, parts))
        with self.picture.hold_sync():
            self.show(self._view.figure, text, f"Image {self.image.value} and the scores {text}", drawn=True)
            self._send(picture, truth, predicted)

    def make_picture(self, label: str) -> ForgettingCanvas:
        """The canvas, which tells of step and class once the hand rests, of cells, and of keys for other images."""
        return ForgettingCanvas(
            label,
            query=lambda event: self.attempt(self._take, int(event["step"]), int(event["label"])),
            cell=lambda event: self.attempt(self._take_cell, event["cell"]),
            image=lambda event: self.attempt(self._turn, sign_of(event)),
        )

    def tell(self, trouble: str) -> None:
        """Say what went wrong."""
        super().tell(trouble)
        self.picture.trouble = trouble

    def _send(self, picture: np.ndarray, truth: np.ndarray, predicted: np.ndarray) -> None:
        """Give the canvas what it lacks: the image, and what the models of this step and of the one before call it."""
        canvas, image, step = self.picture, self.image.value, self.step.value
        if image != self._sent:
            canvas.shown, self._predictions, self._sent = image_of(image, picture, truth), {}, image
        if step not in self._predictions or max(step - 1, 0) not in self._predictions:
            self._predictions[step] = predicted
            if step:
                self._predictions[step - 1] = self._predicted(picture, step - 1)
            canvas.predictions = predictions_of(image, self._predictions)
        pinned = [self.chosen.value, self.called[0]] if len(self.called) == 1 else None
        canvas.chosen = {
            "answers": canvas.number,
            "step": step,
            "label": self.chosen.value,
            "pinned": pinned,
            "behind": self._describe_behind(),
        }
        canvas.trouble = ""

    def _take(self, step: int, label: int) -> None:
        """Take over step and class of the canvas, which leaves a cell."""
        self._check({"step": step, "label": label})
        with self.with_one_refresh():
            self.step.value, self.chosen.value = step, label
            self._forget_cell()

    def _take_cell(self, cell) -> None:
        """Show the images behind a cell of the confusion, or leave it."""
        with self.with_one_refresh():
            if cell is None:
                self._forget_cell()
                return
            label, called = (int(each) for each in cell)
            self._check({"label": label, "called": called})
            self._search(label, (called,))

    def _turn(self, change: int) -> None:
        """Show the next image or the one before: of those behind the cell, else of all."""
        with self.with_one_refresh():
            images = self.found or range(len(self.tests))
            place = images.index(self.image.value) if self.image.value in images else -1
            self._turn_to(images[(place + change) % len(images)])

    def _check(self, choices: dict[str, int | None]) -> None:
        counts = {"step": self.experiment.run.steps_done(), "image": len(self.tests)}
        for name, value in choices.items():
            count = counts.get(name, len(self.names))
            if value is not None and value not in range(count):
                raise UsageError(f"The {name} must be one of 0..{count - 1}, got {value}.")

    def _choose(self, *, step=None, image=None, label=None, kind=None, called=None) -> None:
        self._check({"step": step, "image": image, "label": label, "called": called})
        if kind is not None and kind not in KINDS:
            raise UsageError(f"The kind must be one of {', '.join(KINDS)}, got {kind!r}.")
        if step is not None:
            self.step.value = step
        if label is not None:
            self.chosen.value = label
        if image is not None:
            self.image.value = image
        if (step, image, label, kind, called) != (None,) * 5:
            self._forget_cell()
        if kind is not None:
            self._search(self.chosen.value, self._classes_of(kind), kind)
        elif called is not None:
            self._search(self.chosen.value, (called,))

    def _classes_of(self, kind: str) -> tuple[int, ...]:
        """The classes that a pixel of the chosen class is predicted as where it counts as a kind."""
        label = self.chosen.value
        groups = {"right": [label], "an old class": self._view.old, "background": [0], "a new class": self._view.new}
        return tuple(each for each in groups[kind] if each != label or kind == "right")

    def _search(self, label: int, called: tuple[int, ...], kind: str = "") -> None:
        """Find the images in which pixels of a class are called so, and show the one with most of them."""
        self.chosen.value = label
        words = self._words_of(called, kind)
        counts = self._counts_of(called)
        self.found = [int(image) for image in np.argsort(-counts, kind="stable") if counts[image]]
        self.called, self.words = called, words
        if self.found:
            self._turn_to(self.found[0])
            return
        self._forget_cell()
        raise UsageError(f"No pixel of {self.names[label]} is {words} in the {len(self.tests)} images.")

    def _words_of(self, called: tuple[int, ...], kind: str) -> str:
        if kind == "right" or called == (self.chosen.value,):
            return "called right"
        return f"called {kind or self.names[called[0]]}"

    def _turn_to(self, image: int) -> None:
        kept = self.called, self.found
        self.image.value = image
        self.called, self.found = kept

    def _leave_cell(self, _) -> None:
        if not self._no_refresh:
            self._forget_cell()

    def _forget_cell(self) -> None:
        self.called, self.found, self.words = (), [], ""

    def _counts_of(self, called: tuple[int, ...]) -> np.ndarray:
        """Pixels of the chosen class that are called so after the step, by image."""
        step = self.step.value
        if step not in self._counts:
            self.picture.text = self.picture.trouble = f"Looking through {len(self.tests)} images ..."
            window = self.experiment.plan.window
            found = confusions_by_image(self._model(step), self.tests, len(self.names), window)
            self._counts[step] = found.astype(np.uint32)
        return self._counts[step][:, self.chosen.value, list(called)].sum(axis=1)

    def _model(self, step: int) -> Segmenter:
        if step not in self._models:
            while len(self._models) >= MOST_MODELS:
                self._models.pop(next(iter(self._models)))
            self._models[step] = self.experiment.model(step)
        return self._models[step]

    def _predicted(self, picture: np.ndarray, step: int | None = None) -> np.ndarray:
        model = self._model(self.step.value if step is None else step)
        return prediction(model, picture, self.experiment.plan.window)

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

    def _describe_behind(self) -> str:
        """How many pixels of the image are behind the number, and which of the images it is."""
        if not self.found:
            return ""
        image, label = self.image.value, self.chosen.value
        pixels, place = self._counts_of(self.called)[image], self.found.index(image) + 1
        of = f"(image {place} of {len(self.found)})"
        return f"image {image}: {pixels} pixels of {self.names[label]} are {self.words} {of}"
