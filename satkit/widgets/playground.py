"""Edit a scene by hand: what do teacher and students make of it now?"""

from collections.abc import Mapping
from pathlib import Path

import ipywidgets
import matplotlib.pyplot as plt
import numpy as np

from satkit.analysis.images import varied_image
from satkit.analysis.objects import CloseLook, ObjectAnswer, look_closely, object_answer
from satkit.data.datasets.drawn import SPLITS
from satkit.data.datasets.scene_objects import Scene, scene_of
from satkit.experiments.plan import Plan, data_options
from satkit.models import Segmenter
from satkit.plots import film_strip
from satkit.utils.errors import UsageError
from satkit.widgets.explorer import Explorer
from satkit.widgets.menus import choose_stage
from satkit.widgets.picture import png_of
from satkit.widgets.play_canvas import PlayCanvas
from satkit.widgets.play_files import load_scene, save_scene
from satkit.widgets.play_messages import answer_of, given_of, kit_of

LABEL = "Playground."
MOST_MODELS = 4  # that stand side by side


def playground(models: Mapping[str, Segmenter], plan: Plan, *, scene: Scene | None = None, **choices) -> "Playground":
    """A scene whose objects can be moved, turned, resized, recoloured, deleted and added, and what models make of it.

    Args:
        models: The models that answer, by the names they are shown by.
        plan: Of one of them; it says what the classes are called and which test images there are.
        scene: Where to begin; by default with an image that shows large objects.
        **choices: As `Playground.choose`.

    Raises:
        UsageError: For other data than the scenes, no model or more than four, or as `Playground.choose`.
    """
    return Playground(models, plan, scene=scene, **choices)


class Playground(Explorer):
    """See `playground`; `choose` and `show_scene` do in code what the mouse does.

    Attributes:
        scene: The scene as it is now.
        looks: What each model makes of it, by name.
        labels: Its ground truth, uint8 (size, size), in class indices.
        image: Slider over the test images.
        stage: Menu of the stages, by their places from 0.
    """

    def __init__(self, models: Mapping[str, Segmenter], plan: Plan, *, scene=None, image=None, stage=None):
        if not 1 <= len(models) <= MOST_MODELS:
            raise UsageError(f"From one to {MOST_MODELS} models stand side by side, got {len(models)}. Leave some out.")
        if plan.settings.data != "scenes":
            raise UsageError(f"Only the scenes are made of objects, got {plan.settings.data}. Take models of these.")
        self.models, self.plan = dict(models), plan
        self._tests = plan.complete(plan.test_pictures(plan.steps[-1]))
        self._table = self._tests.table
        self._number = varied_image(self._tests) if image is None else image
        self._version, self._pictured = 0, True
        self._give(self._scene_of(self._number))
        self._look()
        taps = next(iter(self.looks.values())).taps
        self.image = ipywidgets.IntSlider(description="image", max=len(self._tests) - 1, continuous_update=False)
        self.image.value = self._number
        self.stage = ipywidgets.Dropdown(description="stage", options=[(tap.name, n) for n, tap in enumerate(taps)])
        self.stage.value = len(taps) - 1
        super().__init__(LABEL, [self.image, self.stage])
        outputs = {name: look.outputs for name, look in self.looks.items()}
        self.picture.kit = kit_of(plan.scenario.names, outputs, self._table)
        with self.with_one_refresh():
            self._give(self.scene if scene is None else scene)
            self._choose(stage=stage)

    def choose(self, *, image: int | None = None, stage: int | None = None) -> None:
        """Begin again with another test image, numbers from 0; look at another stage, from 1 as in its name.

        Raises:
            UsageError: If there is no such thing.
        """
        with self._lock, self.with_one_refresh():
            self._choose(image, stage)

    def show_scene(self, scene: Scene) -> None:
        """Look at another scene."""
        with self._lock:
            self._give(scene)
            self.refresh()

    def answers(self) -> dict[str, list[ObjectAnswer | None]]:
        """What each model makes of each object, from the back to the front; None for one that cannot be seen."""
        mine = [self._drawing.numbers == place for place in range(1, len(self.scene.objects) + 1)]
        return {name: [object_answer(look, self.labels, each) for each in mine] for name, look in self.looks.items()}

    def arrays(self) -> dict[str, np.ndarray]:
        """Image, labels, and each model's prediction."""
        predictions = {name: look.prediction for name, look in self.looks.items()}
        return {"image": self._drawing.image, "labels": self.labels, **predictions}

    def refresh(self) -> None:
        """Answer for the scene as it is."""
        if self.image.value != self._number:
            self._give(self._scene_of(self.image.value))
            self._number = self.image.value
        self._look()
        canvas = self.picture
        made = answer_of(self.scene, self._drawing, self.labels, self.looks, self.stage.value, canvas.number)
        text = self._describe()
        with canvas.hold_sync():
            if canvas.given.get("version") != self._version:
                canvas.given = given_of(self.scene, self._version)
            canvas.answer, canvas.text, canvas.trouble = made, text, ""
            canvas.alt = f"A scene, and what {len(self.models)} models make of it. {text}"
        self._pictured = False
        if not canvas.alive:
            self._draw()

    def save(self, path: str | Path) -> Path:
        """Save scene, ground truth and predictions as they are now as PNG, SVG or PDF; see `Explorer.save`."""
        self._draw()
        return super().save(path)

    def make_picture(self, label: str) -> PlayCanvas:
        """The canvas, which tells of edited scenes and of files."""
        return PlayCanvas(label, lambda values: self.attempt(self._take, values), self._on_file)

    def tell(self, trouble: str) -> None:
        """Say what went wrong."""
        super().tell(trouble)
        self.picture.trouble = trouble

    def _choose(self, image: int | None = None, stage: int | None = None) -> None:
        if image is not None:
            self._scene_of(image)
            self.image.value, self._number = image, None
        if stage is not None:
            choose_stage(self.stage, stage)

    def _scene_of(self, image: int) -> Scene:
        if not 0 <= image < len(self._tests):
            raise UsageError(f"There are the images 0..{len(self._tests) - 1}, got {image}.")
        options = {**self.plan.preset.data, **data_options(self.plan.settings)}
        drawn = {name: options[name] for name in ("size", "seed", "habitat") if name in options}
        return scene_of(SPLITS[1], int(self._tests.indices[image]), **drawn)

    def _give(self, scene: Scene) -> None:
        self.scene, self._version = scene, self._version + 1

    def _look(self) -> None:
        self._drawing = self.scene.drawn()
        self.labels = self._table[self._drawing.labels]
        image = self._drawing.image
        self.looks: dict[str, CloseLook] = {name: look_closely(model, image) for name, model in self.models.items()}

    def _take(self, values: dict) -> None:
        """Take over an edited scene."""
        self.scene = Scene.from_plain(values)
        self.refresh()

    def _on_file(self, kind: str, name: str, values: dict) -> None:
        self.picture.note = ""
        self.attempt(self._save_scene if kind == "save" else self._load_scene, name, values)

    def _save_scene(self, name: str, values: dict) -> None:
        path = save_scene(name, Scene.from_plain(values), Path.cwd())
        self.picture.note, self.picture.trouble = f"saved as {path.name}", ""

    def _load_scene(self, name: str, values: dict) -> None:
        self.show_scene(load_scene(name, Path.cwd()))
        self.picture.note = f"{name} loaded"

    def _describe(self) -> str:
        """What each model calls each object."""
        names, answers = self.plan.scenario.names, self.answers()
        parts = []
        for place, each in enumerate(self.scene.objects):
            seen = {name: its[place] for name, its in answers.items()}
            called = ", ".join(f"{name}: {names[answer.called]}" for name, answer in seen.items() if answer)
            parts.append(f"{each.name} ({called or 'covered'})")
        return " \N{MIDDLE DOT} ".join(parts) or "no object"

    def _draw(self) -> None:
        """Draw the picture that stands where the canvas is missing, unless it is drawn."""
        if self._pictured:
            return
        predictions = [[look.prediction] for look in self.looks.values()]
        names = self.plan.scenario.names
        figure = film_strip([self._drawing.image], [self.labels], predictions, names, step_titles=list(self.looks))
        plt.close(figure)  # else the notebook would show it as well
        self.figure, self.picture.png, self._pictured = figure, png_of(figure), True

    def _repr_mimebundle_(self, **options) -> tuple[dict, dict]:
        self._draw()
        return super()._repr_mimebundle_(**options)
