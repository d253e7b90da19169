"""Choose a place of an image: where do the models find something like it, in this image and in another one?"""

from collections.abc import Mapping

import ipywidgets
import matplotlib.pyplot as plt
import numpy as np
from torch import Tensor

from satkit.analysis.feature_colours import at_most, maps_by_layer, shared_colours, similarity
from satkit.analysis.images import image_and_labels, informative_images, largest_class, main_pixel
from satkit.analysis.probes import EMBEDDING
from satkit.data.transforms import resize_labels
from satkit.experiments.experiment import Experiment
from satkit.models import Segmenter
from satkit.plots.feature_maps import feature_maps
from satkit.utils.errors import UsageError, choose
from satkit.widgets.canvas import FeatureCanvas
from satkit.widgets.explorer import Explorer
from satkit.widgets.feature_scene import images_of, maps_of
from satkit.widgets.menus import side_by_side

LABEL = "Feature explorer."
SIMILARITY, COLOURS = "similarity", "colours"
PLACES = {"image": 0, "other image": 1}
MOST_PLACES = 32  # a side; larger maps are averaged
NEAREST = 10  # most similar places that the text counts
FRAME = 1200  # milliseconds of a step in the film
MOST_MODELS = 6  # kept in memory


def explore_features(experiment: Experiment, *, beside: Experiment | None = None, **choices) -> "FeatureExplorer":
    """Two images, and how similar the features of all their places are to those of the place under the mouse.

    Shown are the base step, and the teacher and the student of a step. Instead of similarities it shows features in
    colours, which mean the same in all steps, models and images: a film of the steps shows how features change.

    Args:
        experiment: Its models are shown.
        beside: Another experiment on the same images with the same backbone, whose student is shown as well.
        **choices: As `FeatureExplorer.choose`; by default the last step, two images with the same old class, and a
            pixel in the middle of it.

    Raises:
        ValueError: As `FeatureExplorer.choose`, for a run without a finished step, and for another backbone.
    """
    return FeatureExplorer(experiment, beside=beside, **choices)


class FeatureExplorer(Explorer):
    """See `explore_features`; `choose` does in code what the mouse does."""

    def __init__(self, experiment: Experiment, *, beside: Experiment | None = None, **choices):
        done = experiment.run.steps_done()
        if not done:
            raise UsageError(f"{experiment.run.folder} must have a finished step to look at, it has none.")
        self.experiments = [each for each in (experiment, beside) if each is not None]
        plan = experiment.plan
        self.names, self.now = list(plan.scenario.names), plan.steps[done - 1]
        self.tests = plan.complete(plan.test_pictures(self.now))
        self._models: dict[tuple[int, int], Segmenter] = {}
        self._maps: dict[tuple[int, int, int], dict[str, Tensor]] = {}
        self._coloured: dict[tuple, list[np.ndarray]] = {}
        self._sent: tuple = ()
        last = len(self.tests) - 1
        self.step = ipywidgets.IntSlider(description="step", max=max(done - 1, 1), value=done - 1, disabled=done == 1)
        self.image = ipywidgets.IntSlider(description="image", max=last, continuous_update=False)
        self.other = ipywidgets.IntSlider(description="other", max=last, continuous_update=False)
        layers = maps_by_layer(self._model(0, 0), image_and_labels(self.tests, 0)[0])
        self.layer = ipywidgets.Dropdown(description="map", options=list(layers), value=EMBEDDING)
        self.shown = ipywidgets.Dropdown(description="show", options=[SIMILARITY, COLOURS])
        self.place = ipywidgets.Dropdown(description="place in", options=list(PLACES))
        self.row = ipywidgets.IntSlider(description="row", continuous_update=False)
        self.column = ipywidgets.IntSlider(description="column", continuous_update=False)
        controls = [self.step, self.image, self.other, self.layer, self.shown, self.place, self.row, self.column]
        super().__init__(LABEL, controls)
        side_by_side(controls)
        self.film = ipywidgets.Play(min=0, max=max(done - 1, 1), value=done - 1, interval=FRAME, disabled=done == 1)
        self.film.tooltip = "show step after step"
        ipywidgets.link((self.film, "value"), (self.step, "value"))
        self.children[0].children = (self.film, *self.children[0].children)
        with self.with_one_refresh():
            self.image.value, self.other.value = self._pair()
            self._settle()
            self._go(main_pixel(self._picture(0)[1], self.now.old, self.now.seen))
            self._choose(**choices)

    @property
    def asked(self) -> int:
        """Which image the place is in: 0 for the image, 1 for the other one."""
        return PLACES[self.place.value]

    @property
    def pixel(self) -> tuple[int, int]:
        """Row and column of the pixel that chooses the place."""
        return self.row.value, self.column.value

    def choose(self, **choices) -> None:
        """Choose in code; everything that is not named stays as it is.

        Args:
            **choices: `step`, `image` and `other`, numbers from 0; `layer`, "embedding" or "stage 1" and so on; `show`,
                "similarity" or "colours"; `place_in`, "image" or "other image"; `pixel`, row and column.

        Raises:
            ValueError: If there is no such thing.
        """
        with self._lock, self.with_one_refresh():
            self._choose(**choices)

    def arrays(self) -> dict[str, np.ndarray]:
        """The similarities, (row, column) in [-1, 1], by names such as "student, image" and "student, other image"."""
        alike = {name: self._alike(maps) for name, maps in self._shown_maps().items()}
        return {f"{name}, {of}": alike[name][which] for name in alike for of, which in PLACES.items()}

    def refresh(self) -> None:
        """Draw what the controls ask for."""
        self._settle()
        maps = self._shown_maps()
        alike, coloured = {name: self._alike(each) for name, each in maps.items()}, self._shown_colours()
        text = self._describe(alike)
        with self.picture.hold_sync():
            self._send(maps, coloured)
        drawn = alike if self.shown.value == SIMILARITY else coloured
        pictures = [self._picture(which)[0] for which in (0, 1)]
        height, width = pictures[self.asked].shape[:2]
        place = (self.row.value + 0.5) / height, (self.column.value + 0.5) / width
        figure = feature_maps(pictures, list(drawn.values()), titles=list(drawn), place=place, of=self.asked)
        plt.close(figure)  # a notebook would draw it a second time
        self.show(figure, text, f"Two images and the {self.layer.value} of {len(maps)} models. {text}")

    def make_picture(self, label: str) -> FeatureCanvas:
        """The canvas, which tells of the place once the hand rests."""
        return FeatureCanvas(label, query=lambda event: self.attempt(self._take, event["asked"], event["pixel"]))

    def tell(self, trouble: str) -> None:
        """Say what went wrong."""
        super().tell(trouble)
        self.picture.trouble = trouble

    def _send(self, maps: Mapping[str, list[Tensor]], coloured: Mapping[str, list[np.ndarray]]) -> None:
        """Give the canvas what it lacks: the images, and the maps of the step."""
        canvas, numbers = self.picture, (self.image.value, self.other.value)
        pictures = [self._picture(which) for which in (0, 1)]
        wanted = (*numbers, self.layer.value, self.step.value)
        if wanted[:2] != self._sent[:2]:
            canvas.scene = images_of(self.names, zip(numbers, *zip(*pictures, strict=True), strict=True))
        if wanted != self._sent:
            canvas.stage = maps_of(self.layer.value, [truth for _, truth in pictures], maps, coloured)
        self._sent = wanted
        chosen = {"asked": self.asked, "pixel": list(self.pixel), "show": self.shown.value}
        canvas.chosen = {"answers": canvas.number, **chosen}
        canvas.trouble = ""

    def _take(self, asked, pixel) -> None:
        """Take over the place of the canvas."""
        name = list(PLACES)[int(asked)]
        with self.with_one_refresh():
            self._choose(place_in=name, pixel=tuple(int(each) for each in pixel))

    def _choose(self, *, step=None, image=None, other=None, layer=None, show=None, place_in=None, pixel=None) -> None:
        numbers = {"step": (self.step, step), "image": (self.image, image), "other": (self.other, other)}
        for name, (control, number) in numbers.items():
            count = self.experiments[0].run.steps_done() if name == "step" else len(self.tests)
            if number is not None and number not in range(count):
                raise UsageError(f"The {name} must be one of 0..{count - 1}, got {number}.")
            if number is not None:
                control.value = number
        menus = {"feature map": (self.layer, layer), "view": (self.shown, show), "place": (self.place, place_in)}
        for name, (menu, wanted) in menus.items():
            if wanted is not None:
                menu.value = choose(name, wanted, {each: each for each in menu.options})
        self._settle()
        if pixel is not None:
            (row, column), (height, width) = pixel, self._picture(self.asked)[1].shape
            if not (0 <= row < height and 0 <= column < width):
                raise UsageError(f"The pixel must be inside the image of {height} x {width}, got {row}, {column}.")
            self._go(pixel)

    def _settle(self) -> None:
        """Let the sliders of the place end where the image does."""
        with self.without_refresh():
            self.row.max, self.column.max = (side - 1 for side in self._picture(self.asked)[1].shape)

    def _go(self, pixel: tuple[int, int]) -> None:
        self.row.value, self.column.value = pixel

    def _pair(self) -> tuple[int, int]:
        """Two images with the same class, an old one if there is one."""
        classes = self.now.old or self.now.new
        first = informative_images(self.tests, classes)[0]
        labels = image_and_labels(self.tests, first)[1]
        there = [each for each in classes if (labels == each).any()]
        if not there:
            return first, (first + 1) % len(self.tests)
        again = informative_images(self.tests, [largest_class(labels, there)], count=2)
        return first, next((each for each in again if each != first), first)

    def _picture(self, which: int) -> tuple[np.ndarray, np.ndarray]:
        return image_and_labels(self.tests, (self.image, self.other)[which].value)

    def _shown_models(self) -> dict[str, tuple[int, int]]:
        """The models that are shown, by name: number of the experiment, and step."""
        step = self.step.value
        if step == 0:
            return {"base step": (0, 0)}
        before = {"base step, teacher": (0, 0)} if step == 1 else {"base step": (0, 0), "teacher": (0, step - 1)}
        found = {**before, "student": (0, step)}
        for beside in self.experiments[1:]:
            if step < beside.run.steps_done():
                found[f"student of {beside.plan.strategy.name}"] = (1, step)
        return found

    def _shown_maps(self) -> dict[str, list[Tensor]]:
        return {name: [self._map(*each, which) for which in (0, 1)] for name, each in self._shown_models().items()}

    def _shown_colours(self) -> dict[str, list[np.ndarray]]:
        """The colours of what is shown; they are chosen for all steps of all experiments together."""
        wanted = (self.image.value, self.other.value, self.layer.value)
        if wanted not in self._coloured:
            every = [(who, step) for who, each in enumerate(self.experiments) for step in range(each.run.steps_done())]
            maps = [self._map(*each, which) for each in every for which in (0, 1)]
            channels = {len(each) for each in maps}
            if len(channels) > 1:
                raise UsageError(
                    f"The features of all models must have the same channels, got {sorted(channels)}. Compare runs of "
                    "one backbone."
                )
            pairs = iter(shared_colours(maps))
            self._coloured = {wanted: {each: [next(pairs), next(pairs)] for each in every}}
        return {name: self._coloured[wanted][each] for name, each in self._shown_models().items()}

    def _alike(self, maps: list[Tensor]) -> list[np.ndarray]:
        """How similar the places of both images are to the chosen one."""
        one = maps[self.asked]
        size = self._picture(self.asked)[1].shape
        row, column = (at * places // side for at, places, side in zip(self.pixel, one.shape[1:], size, strict=True))
        return [similarity(one, row, column, each) for each in maps]

    def _map(self, who: int, step: int, which: int) -> Tensor:
        """The map of a model, an experiment's after a step, for the image or the other one."""
        number = (self.image, self.other)[which].value
        if (who, step, number) not in self._maps:
            kept = {self.image.value, self.other.value}
            self._maps = {key: found for key, found in self._maps.items() if key[2] in kept}
            layers = maps_by_layer(self._model(who, step), image_and_labels(self.tests, number)[0])
            self._maps[who, step, number] = {name: at_most(each, MOST_PLACES) for name, each in layers.items()}
        return choose("feature map", self.layer.value, self._maps[who, step, number])

    def _model(self, who: int, step: int) -> Segmenter:
        if (who, step) not in self._models:
            while len(self._models) >= MOST_MODELS:
                self._models.pop(next(iter(self._models)))
            self._models[who, step] = self.experiments[who].model(step)
        return self._models[who, step]

    def _describe(self, alike: Mapping[str, list[np.ndarray]]) -> str:
        """What is there, and of which class the most similar places of the other image are."""
        number, elsewhere = ((self.image, self.other)[which].value for which in (self.asked, 1 - self.asked))
        called = self._name(int(self._picture(self.asked)[1][self.pixel]))
        parts = [f"image {number}, row {self.row.value}, column {self.column.value}", f"ground truth: {called}"]
        truth, counts = self._picture(1 - self.asked)[1], []
        for name, both in alike.items():
            values = both[1 - self.asked]
            labels = resize_labels(truth, *values.shape).ravel()
            nearest = np.argsort(-values.ravel(), kind="stable")[:NEAREST]
            counts.append(f"{name} {sum(self._name(int(each)) == called for each in labels[nearest])}")
        told = f"of the {len(nearest)} most similar places of image {elsewhere} are {called}: {', '.join(counts)}"
        return " \N{MIDDLE DOT} ".join([*parts, told])

    def _name(self, label: int) -> str:
        return self.names[label] if label < len(self.names) else "not annotated"
