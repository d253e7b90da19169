"""What the playground draws, as plain values and bytes; `playground_canvas/playground.js` reads them.

What is fixed (`kit_of`) is sent once, the background when it changes (`given_of`), and the rest after every edit
(`answer_of`): the picture and its labels, and what each model makes of them.
"""

from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from satkit.analysis.attention import labels_of_keys, labels_of_queries
from satkit.analysis.codes import encoded, label_runs
from satkit.analysis.images import middle_of
from satkit.analysis.objects import CloseLook, object_answer, relations_by_class
from satkit.data.datasets.drawing import REACH, SHORTEST_PERIOD, STRIPE_PERIOD
from satkit.data.datasets.scene_objects import MOST_OBJECTS, RADIUS, RANGES, Drawing, Scene
from satkit.data.datasets.scenes import FILLS, SHAPES
from satkit.models import AttentionTap
from satkit.widgets import scene as canvas_scene

GRID = 65  # points along a side at which the distance to a shape's outline is sent
UNIT = 10_000  # parts of a radius


def kit_of(names: Sequence[str], outputs: Mapping[str, int], table: np.ndarray) -> dict:
    """What is the same for every scene.

    Args:
        names: Of the classes, by class index.
        outputs: Number of classes that each model knows, with background; by its name.
        table: Class index of each label of the data set.
    """
    common = canvas_scene.common(names)
    looks = [(fill, shape) for fill in FILLS for shape in SHAPES]
    classes = [
        {"name": names[table[label]], "shape": shape, "fill": fill}
        for label, (fill, shape) in enumerate(looks, start=1)
    ]
    return {
        **common,
        "models": [{"name": name, "outputs": count} for name, count in outputs.items()],
        "classes": classes,
        "shapes": {name: _distances(shape) for name, shape in SHAPES.items()},
        "grid": GRID,
        "reach": REACH,
        "period": STRIPE_PERIOD,
        "shortest": SHORTEST_PERIOD,
        "radius": list(RADIUS),
        "last": RANGES["row"][1],
        "most": MOST_OBJECTS,
    }


def given_of(start: Scene, version: int) -> dict:
    """The scene that "reset" leads to, and its background; a new version says that the kernel has chosen it."""
    return {"version": version, "start": start.plain(), "empty": start.empty().tobytes()}


def answer_of(
    scene: Scene, drawing: Drawing, labels: np.ndarray, looks: Mapping[str, CloseLook], stage: int, number: int
) -> dict:
    """What the models make of a scene.

    Args:
        drawing: The scene, drawn.
        labels: Its labels in class indices.
        looks: What each model sees, by its name.
        stage: Of the attention and of the relations, from 0.
        number: Of the edit that this answers.
    """
    taps = [look.taps[stage] for look in looks.values()]
    relations = [relations_by_class(tap, labels) for tap in taps]
    mine = [drawing.numbers == place for place in range(1, len(scene.objects) + 1)]
    seen = [_object_of(each, labels, looks.values(), relations) for each in mine]
    return {
        "number": number,
        "scene": scene.plain(),
        "image": drawing.image.tobytes(),
        "labels": label_runs(labels),
        "predictions": [label_runs(look.prediction) for look in looks.values()],
        "stage": _stage_of(taps, labels),
        "objects": seen,
    }


def _object_of(mine: np.ndarray, labels: np.ndarray, looks: Iterable[CloseLook], relations: Iterable[dict]) -> dict:
    """What the models make of the object with these visible pixels."""
    if not mine.any():
        return {"label": None, "pixel": None, "answers": [], "relations": []}
    label = int(labels[mine][0])
    return {
        "label": label,
        "pixel": list(middle_of(mine, True)),
        "answers": [vars(object_answer(look, labels, mine)) for look in looks],
        "relations": [list(map(list, each[label].items())) if label in each else None for each in relations],
    }


def _stage_of(taps: Sequence[AttentionTap], labels: np.ndarray) -> dict:
    """The attention of all patches, mean over heads, as `scene.stage_of` has it for one head."""
    first = taps[0]
    coded = [encoded(tap.weights()[0].mean(dim=0, keepdim=True).cpu().numpy()) for tap in taps]
    return {
        "name": first.name,
        "queries": list(first.query_grid),
        "keys": list(first.key_grid),
        "heads": 1,
        "query_labels": labels_of_queries(first, labels).tobytes(),
        "key_labels": labels_of_keys(first, labels).tobytes(),
        "maps": [{"codes": codes.tobytes(), "peaks": peaks.astype("<f4").tobytes()} for codes, peaks in coded],
    }


def _distances(shape) -> bytes:
    """Distance to the outline of a shape at the points of a grid, as whole numbers of 16 bits."""
    axis = np.linspace(-REACH, REACH, GRID)
    return np.rint(UNIT * shape(axis[None, :], axis[:, None])).astype("<i2").tobytes()
