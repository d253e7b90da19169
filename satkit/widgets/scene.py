"""What the attention canvas draws, as plain values and bytes; `attention_canvas/decode.js` reads them.

A scene is one image with the attention of some models in one stage: whatever is fixed (`common`), the image
(`picture_of`), the models (`models_of`), and their maps (`stage_of`). A page holds many of them in one element.
"""

import io
from collections.abc import Mapping, Sequence

import matplotlib as mpl
import numpy as np
from PIL import Image

from satkit.analysis.attention import Look, labels_of_keys, labels_of_queries
from satkit.analysis.codes import encoded, label_runs
from satkit.data.labels import BACKGROUND, IGNORE, UNKNOWN
from satkit.models import AttentionTap
from satkit.plots.style import DIFFERENCE_MAP, LEAST_CHANGE, OVERLAY_MAP, class_colour, class_palette

COLOURS = 256
WEBP_QUALITY = 88


def common(names: Sequence[str]) -> dict:
    """What is the same for every image: names and colours of classes, and the tables of colours of the figures."""
    palette = class_palette()
    palette[UNKNOWN] = np.rint(255 * np.array(class_colour(UNKNOWN)))
    return {
        "names": list(names),
        "palette": palette.tobytes(),
        "tables": {"attention": colour_table(OVERLAY_MAP), "difference": colour_table(DIFFERENCE_MAP)},
        "background": BACKGROUND,
        "ignore": IGNORE,
        "least": LEAST_CHANGE,
    }


def colour_table(name: str) -> bytes:
    """The 256 colours of a colour map of matplotlib, red, green and blue: what its colour bar is made of."""
    return mpl.colormaps[name].resampled(COLOURS)(np.arange(COLOURS), bytes=True)[:, :3].tobytes()


def picture_of(image: np.ndarray, labels: np.ndarray, *, exact: bool = True) -> dict:
    """An image and its label map.

    Args:
        image: uint8 (height, width, 3).
        labels: uint8 (height, width).
        exact: Whether every pixel must be as it was (PNG), or a smaller file will do (WebP).
    """
    return {"image": {"size": list(image.shape[:2]), **picture_file(image, exact)}, "labels": label_runs(labels)}


def picture_file(image: np.ndarray, exact: bool = True) -> dict:
    """An image as a file: its bytes and their type."""
    stream, picture = io.BytesIO(), Image.fromarray(image)
    if exact:
        picture.save(stream, "png")
    else:
        picture.save(stream, "webp", quality=WEBP_QUALITY)
    return {"file": stream.getvalue(), "type": "image/png" if exact else "image/webp"}


def models_of(looks: Mapping[str, Look]) -> list[dict]:
    """Name and prediction of every model; the first is the one that others are compared with."""
    return [{"name": name, "prediction": label_runs(look.prediction)} for name, look in looks.items()]


def stage_of(taps: Sequence[AttentionTap], labels: np.ndarray) -> dict:
    """The attention of all patches in one stage, by model: codes of (head, query, key), and the peak of each row.

    Args:
        taps: The stage's tap of each model; all have the same grids and heads.
        labels: Ground truth, uint8 (height, width); regions are its classes at the grids of queries and keys.
    """
    first = taps[0]
    return {
        "name": first.name,
        "queries": list(first.query_grid),
        "keys": list(first.key_grid),
        "heads": first.queries.shape[1],
        "query_labels": labels_of_queries(first, labels).tobytes(),
        "key_labels": labels_of_keys(first, labels).tobytes(),
        "maps": [_map_of(tap) for tap in taps],
    }


def _map_of(tap: AttentionTap) -> dict:
    codes, peaks = encoded(tap.weights()[0].cpu().numpy())
    return {"codes": codes.tobytes(), "peaks": peaks.astype("<f4").tobytes()}
