"""What an explorer shows: the models of a step, an image, and a stage; each is loaded when it is needed."""

import ipywidgets
import numpy as np

from satkit.analysis.attention import Look, look
from satkit.analysis.images import image_and_labels, informative_images
from satkit.experiments.experiment import Experiment
from satkit.models import AttentionTap, Segmenter
from satkit.plots.attention_view import DIFFERENCE
from satkit.utils.errors import UsageError
from satkit.widgets.menus import choose_stage, offer


class Subject:
    """Menus of steps and stages, a slider of images, and what the models of the step give for the image.

    Attributes:
        step: Menu of the student's step; step 0 has no teacher.
        image: Slider over the test images; an image has the same number in every step.
        stage: Menu of the stages, by their places from 0.
        picture: uint8 (height, width, 3).
        labels: Its ground truth, uint8 (height, width).
        looks: By name, "teacher" and "student", or "model" in step 0; and the "student of" another strategy.
    """

    def __init__(
        self,
        experiment: Experiment,
        step: int | None = None,
        image: int | None = None,
        beside: Experiment | None = None,
    ):
        self.experiment, run, self.beside = experiment, experiment.run, beside
        done = run.steps_done()
        if not done:
            raise UsageError(f"{run.folder} must have a finished step to look at, it has none. Train it first.")
        options = [(f"{index}: {'with teacher' if index else 'base step'}", index) for index in range(done)]
        self.step = ipywidgets.Dropdown(description="step", options=options, value=done - 1)
        self.image = ipywidgets.IntSlider(description="image", max=0, continuous_update=False)
        self.stage = ipywidgets.Dropdown(description="stage")
        self.choose_step(done - 1 if step is None else step)
        self.choose_image(informative_images(self.tests, self.now.old or self.now.new)[0] if image is None else image)

    @property
    def now(self):
        """The step of the scenario that is looked at."""
        return self.experiment.plan.steps[self.step.value]

    @property
    def size(self) -> tuple[int, int]:
        """Height and width of the image."""
        return self.picture.shape[:2]

    @property
    def taps(self) -> dict[str, AttentionTap]:
        """The attention of the chosen stage, by the names of `looks`."""
        return {name: seen.taps[self.stage.value] for name, seen in self.looks.items()}

    @property
    def panels(self) -> tuple[str, ...]:
        """The names of the models, and the difference where there are two."""
        names = tuple(self.looks)
        return (*names, DIFFERENCE) if "student" in names else names

    def choose(self, step: int | None = None, image: int | None = None, stage: int | None = None) -> None:
        """Look at another step or image, numbers from 0, or another stage, from 1 as in its name; None leaves it.

        Raises:
            UsageError: If there is no such thing.
        """
        if step is not None:
            self.choose_step(step)
        if image is not None:
            self.choose_image(image)
        self.load()
        if stage is not None:
            choose_stage(self.stage, stage)

    def choose_step(self, step: int) -> None:
        """Look at another step.

        Raises:
            UsageError: If it is not finished.
        """
        done = len(self.step.options)
        if step not in range(done):
            instead = "Train it first" if step in range(len(self.experiment.plan.steps)) else "Choose one of them"
            raise UsageError(
                f"{self.experiment.run.name} has the finished steps 0..{done - 1}, got step {step}. {instead}."
            )
        self.step.value = step
        self.tests = self.experiment.plan.test_pictures(self.now)
        self.image.max = len(self.tests) - 1

    def choose_image(self, image: int) -> None:
        """Look at another image.

        Raises:
            UsageError: If there is no such image.
        """
        if image not in range(len(self.tests)):
            raise UsageError(f"There are the images 0..{len(self.tests) - 1}, got {image}.")
        self.image.value = image

    def load(self) -> bool:
        """Load what the controls name, unless that was done; whether anything is new."""
        wanted = (self.step.value, self.image.value)
        if wanted == getattr(self, "_loaded", None):
            return False
        if self.step.value != getattr(self, "_loaded", (None,))[0]:
            self.choose_step(self.step.value)
            self._models = self._load_models()
        self.picture, self.labels = image_and_labels(self.tests, self.image.value)
        self.looks: dict[str, Look] = {name: look(model, self.picture) for name, model in self._models.items()}
        self._loaded = (self.step.value, self.image.value)
        taps = next(iter(self.looks.values())).taps
        offer(self.stage, [(tap.name, place) for place, tap in enumerate(taps)])
        return True

    def name(self, label: int) -> str:
        """The name of a label value."""
        names = self.experiment.plan.scenario.names
        return names[label] if label < len(names) else "not annotated"

    def at(self, array: np.ndarray, pixel: tuple[int, int]) -> str:
        """The name of the class at a pixel of a label map."""
        return self.name(int(array[pixel]))

    def _load_models(self) -> dict[str, Segmenter]:
        step = self.step.value
        steps = {"model": 0} if step == 0 else {"teacher": step - 1, "student": step}
        models = {name: self.experiment.model(index) for name, index in steps.items()}
        if step and self.beside:
            models[f"student of {self.beside.plan.strategy.name}"] = self.beside.model(step)
        return models
