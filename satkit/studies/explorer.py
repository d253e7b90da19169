"""The explorer inside a page: its script, style and data as elements, and the pictures shown without JavaScript.

A page makes no request: a policy in its head allows the browser nothing but the one script whose hash it names, styles
and pictures inside the page. Names of classes and models stand only in the data, where `<` is written as a number, and
the script shows them as text.
"""

import base64
import hashlib
import io
from collections.abc import Sequence
from typing import NamedTuple

from matplotlib.figure import Figure
from PIL import Image

from satkit.analysis.attention import attention_of, look, query_at
from satkit.analysis.images import image_and_labels, main_pixel
from satkit.plots import use_style
from satkit.plots.attention_view import AttentionView
from satkit.studies.confusion_data import confusion_data
from satkit.studies.page_data import Students, extent_of, json_inside, page_data, telling_images
from satkit.widgets.canvas_script import page_script, page_style

SCRIPT = 80_000  # bytes of script, style and what else does not grow
STILL = 50_000  # bytes of a still picture
CELLS = 300_000  # bytes of the images behind the cells of the confusion matrix, before these are made
QUALITY = 80  # of WebP; 9-point text is sharp
MARK = "<!-- satkit: {} -->"


class Still(NamedTuple):
    """A picture of the explorer.

    Attributes:
        source: Its address `data:image/webp;base64,...`.
        alt: What it shows.
        see: One sentence that says what to see.
    """

    source: str
    alt: str
    see: str


class Explorer(NamedTuple):
    """What a page needs for an explorer.

    Attributes:
        data: What the script reads.
        stills: Pictures for readers without JavaScript.
        left_out: What there was no room for, as a sentence; "" if nothing was left out.
    """

    data: dict
    stills: list[Still]
    left_out: str


def with_explorer(page: str, data: dict) -> str:
    """A page with the explorer in place of its marks `policy`, `style`, `data` and `script`."""
    script = page_script()
    digest = base64.b64encode(hashlib.sha256(f"\n{script}\n".encode()).digest()).decode()
    allowed = f"default-src 'none'; script-src 'sha256-{digest}'; style-src 'unsafe-inline'; img-src data:"
    parts = {
        "policy": f'<meta http-equiv="Content-Security-Policy" content="{allowed}">',
        "style": page_style(),
        "data": f'<script type="application/json" id="satkit-data">{json_inside(data)}</script>',
        "script": f'<script type="module">\n{script}\n</script>',
    }
    for name, part in parts.items():
        page = page.replace(MARK.format(name), part)
    return page


def explorer_of(students: Students, images: int, room: int) -> Explorer:
    """The explorer of some models, in at most about `room` bytes.

    Args:
        images: How many test images at most.

    Raises:
        BackboneError: If the backbone has no attention to tap.
    """
    use_style()
    numbers = telling_images(students, images)
    extent = extent_of(students, numbers, room - SCRIPT - CELLS)
    cells = confusion_data(students, students.shown(extent.steps))
    left = room - SCRIPT - len(json_inside(cells)) - STILL * extent.images
    data, extent = page_data(students, extent, numbers, left)
    shown = [(data["models"][place], extent.steps[-1] if place else 0) for place in data["steps"][-1]["models"]]
    pictures = [still(students, number, shown, extent.stages[data["stage"]]) for number in numbers[: extent.images]]
    return Explorer({**data, "cells": cells}, pictures, extent.left_out)


def still(students: Students, number: int, shown: Sequence[tuple[str, int]], stage: int) -> Still:
    """What the middle of the largest object attends to, as a picture for a page without JavaScript."""
    image, labels = image_and_labels(students.tests, number)
    last = students.plan.steps[-1]
    pixel = main_pixel(labels, last.old, last.seen)
    taps = {name: look(students.model(name, step), image).taps[stage] for name, step in shown}
    first = next(iter(taps.values()))
    query = query_at(first, pixel, image.shape[:2])
    view = AttentionView(image, tuple(taps))
    view.show({name: attention_of(tap, query) for name, tap in taps.items()}, query=query, grid=first.query_grid)
    names = students.plan.scenario.names
    what = names[labels[pixel]] if labels[pixel] < len(names) else "image"
    alt = f"Test image {number}, and what a patch on its {what} attends to in {first.name} of {', '.join(taps)}."
    see = f"The cross is the patch on the {what}; bright cells are what it attends to in {first.name}, on one scale."
    return Still(source_of(view.figure), alt, see)


def source_of(figure: Figure) -> str:
    """The address of a figure that stands in a page: WebP, in its own size."""
    canvas, stream = figure.canvas, io.BytesIO()
    canvas.draw()
    picture = Image.frombuffer("RGBA", canvas.get_width_height(), canvas.buffer_rgba())
    picture.convert("RGB").save(stream, "webp", quality=QUALITY)
    return f"data:image/webp;base64,{base64.b64encode(stream.getvalue()).decode()}"
