"""The clickable picture: what the front end sends arrives, each event is answered, and a fallback stands ready."""

import io
import re
from pathlib import Path

import ipywidgets
import numpy as np
import pytest
from matplotlib.figure import Figure
from mouse import send
from PIL import Image

import satkit.widgets
from satkit.widgets.picture import Picture, place, png_of

SCRIPT = Path(satkit.widgets.__file__).with_name("picture.js").read_text(encoding="utf-8")


@pytest.fixture
def picture():
    """A picture that keeps what it was told."""
    heard = []
    made = Picture("A picture.", lambda x, y: heard.append((x, y)), lambda key, shift: heard.append((key, shift)))
    made.heard = heard
    return made


def test_clicks_and_keys_arrive_and_each_is_answered(picture):
    send(picture, {"kind": "click", "x": 0.25, "y": 1})
    send(picture, {"kind": "key", "key": "ArrowUp", "shift": True})
    send(picture, {"kind": "something else"})
    assert picture.heard == [(0.25, 1.0), ("ArrowUp", True)]
    assert picture.answers == 3


def test_an_event_that_fails_is_answered_too(picture):
    with pytest.raises(KeyError):
        send(picture, {"kind": "click"})
    assert picture.answers == 1  # else the front end would wait


def test_a_plain_image_and_line_stand_in_until_a_front_end_is_alive(picture):
    box = picture.with_fallback()
    plain = box.children[1]
    image, line = plain.children
    picture.png, picture.text = b"png", "what is seen: <b> & $x^2$"
    assert (image.value, line.value) == (b"png", picture.text)
    assert type(line) is ipywidgets.Text  # which shows no formulas, unlike HTMLMath and Label
    assert isinstance(image, ipywidgets.Image)
    assert plain.layout.display == "flex"
    picture.alive = True
    assert plain.layout.display == "none"


def test_the_script_needs_no_network_and_evaluates_nothing():
    assert not re.search(r"https?:|fetch\(|import\s|eval\(|new Function|innerHTML", SCRIPT)
    assert 'dataset.lmSuppressShortcuts = "true"' in SCRIPT  # else JupyterLab deletes cells on "dd"


def test_a_png_is_the_figure_in_its_own_size():
    figure = Figure(figsize=(3, 2), dpi=100, facecolor="red")
    image = np.asarray(Image.open(io.BytesIO(png_of(figure))))
    assert image.shape == (200, 300, 3)
    assert (image == [255, 0, 0]).all()
    figure.set_facecolor("blue")
    assert png_of(figure, drawn=True) != png_of(figure)  # the first as it was drawn before


def test_a_place_is_found_in_the_data_of_its_axes():
    figure = Figure(figsize=(4, 2), dpi=100)
    left, right = figure.add_axes((0, 0, 0.5, 1)), figure.add_axes((0.5, 0, 0.4, 1))
    left.imshow(np.zeros((10, 20)), aspect="auto")
    right.set(xlim=(0, 8), ylim=(0, 1))
    png_of(figure)
    ax, x, y = place(figure, 0.25, 0.05)  # the top, where row 0 is
    assert ax is left
    assert (x, y) == (pytest.approx(9.5), pytest.approx(0.0))
    ax, x, y = place(figure, 0.7, 0.75)
    assert ax is right
    assert (x, y) == (pytest.approx(4), pytest.approx(0.25))
    assert place(figure, 0.95, 0.5) is None
    right.set_visible(False)
    assert place(figure, 0.7, 0.75) is None
