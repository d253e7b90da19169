"""The picture of the kernel: a fallback stands ready, its script asks nothing of the world, its PNG is the figure."""

import io
import re
from pathlib import Path

import ipywidgets
import numpy as np
import pytest
from matplotlib.figure import Figure
from PIL import Image

import satkit.widgets
from satkit.widgets.picture import Picture, png_of

SCRIPT = Path(satkit.widgets.__file__).with_name("picture.js").read_text(encoding="utf-8")


@pytest.fixture
def picture():
    """A picture that nobody has seen yet."""
    return Picture("A picture.")


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


def test_a_png_is_the_figure_in_its_own_size():
    figure = Figure(figsize=(3, 2), dpi=100, facecolor="red")
    image = np.asarray(Image.open(io.BytesIO(png_of(figure))))
    assert image.shape == (200, 300, 3)
    assert (image == [255, 0, 0]).all()
    figure.set_facecolor("blue")
    assert png_of(figure, drawn=True) != png_of(figure)  # the first as it was drawn before
