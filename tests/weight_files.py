"""Files of measured weights that a reader can add up: two weights, two worlds, two seeds, images of eight pixels."""

import base64
import io
import json

import numpy as np
from PIL import Image

from satkit.analysis.codes import label_runs

WEIGHTS, WORLDS, SEEDS = (0.0, 5.0, 20.0), ("habitat", "uniform"), (0, 1)
NAMES = ["background", "cat", "dog", "cow"]
TRUTH = np.array([[0, 1, 1, 3]] * 4, dtype=np.uint8)


def text(data):
    return base64.b64encode(data).decode()


def scores(world, weight, seed):
    """Scores that fall and rise by a tenth with the seed."""
    place, shift = WEIGHTS.index(weight), 0.1 * seed + 0.2 * WORLDS.index(world)
    return {
        "old": 0.4 + 0.1 * place + shift,
        "new": 0.5 - 0.2 * place + shift,
        "all": 0.45 + shift,
        "drift": 0.3 - 0.1 * place,
    }


def example(number):
    stream = io.BytesIO()
    Image.fromarray(np.full((4, 4, 3), 10 * number, dtype=np.uint8)).save(stream, "png")
    maps = [np.where(TRUTH == 3, 0, TRUTH) if weight else TRUTH for weight in WEIGHTS]
    image = {"size": [4, 4], "file": text(stream.getvalue()), "type": "image/png"}
    predictions = [text(label_runs(each)) for each in maps]
    return {"number": number, "image": image, "labels": text(label_runs(TRUTH)), "predictions": predictions}


def about():
    """What the file holds."""
    rows = [
        {"world": world, "weight": weight, "seed": seed, **scores(world, weight, seed)}
        for world in WORLDS
        for weight in WEIGHTS
        for seed in SEEDS
    ]
    return {
        "settings": {"data": "scenes", "task": "2-1", "preset": "tiny", "seed": list(SEEDS)},
        "strategy": "pseudo+distillation=10",
        "strategies": {"pseudo+distillation=10": {"name": "pseudo-labels + distillation 10"}},
        "weights": list(WEIGHTS),
        "paper_weight": 20,
        "worlds": {"habitat": {}, "uniform": {"habitat": 0.0}},
        "class_names": NAMES,
        "base_classes": [1, 2],
        "rows": rows,
        "examples": {world: [example(number) for number in (1, 2, 3)] for world in WORLDS},
    }


def weight_file(folder, **changes):
    """The file, with other values."""
    path = folder / "weight_study.json"
    path.write_text(json.dumps({**about(), **changes}), encoding="utf-8")
    return path
