"""Text in figures: names are drawn letter by letter, and characters without a font are said once."""

import io
import warnings

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from matplotlib.text import Text

from satkit import plots
from satkit.plots import text

FORMULAS = ("a$^$b", "price $5 to $6", "$\\frac", "_x_^{", "100 %", "\\alpha")
PICTURE = np.zeros((8, 8, 3), dtype=np.uint8)
LABELS = np.arange(64, dtype=np.uint8).reshape(8, 8) % (1 + len(FORMULAS))
NAMES = ("background", *FORMULAS)


@pytest.fixture(autouse=True)
def _style():
    with mpl.rc_context(), warnings.catch_warnings():
        plots.use_style()
        yield


def score_table():
    scores = {"world": "a$^$b", "old": 0.5, "new": 0.2, "all": 0.4}
    return pd.DataFrame([{"strategy": name, **scores} for name in FORMULAS])


def points():
    fig, ax = plt.subplots()
    plots.labelled_points(np.arange(6.0), np.arange(6.0), FORMULAS, groups=FORMULAS, ax=ax)


DRAWN = {
    "a film strip": lambda: plots.film_strip([PICTURE], [LABELS], [[LABELS]], NAMES, step_titles=["a$^$b"]),
    "scores": lambda: plots.score_dots(score_table()),
    "points": points,
    "a table": lambda: plots.number_table(np.eye(6), FORMULAS, FORMULAS, title="a$^$b"),
    "a contact sheet": lambda: plots.contact_sheet([PICTURE], [LABELS], NAMES, titles=["$\\frac"], title="a$^$b"),
}


@pytest.mark.parametrize("draw", DRAWN.values(), ids=DRAWN)
def test_names_that_look_like_formulas_are_drawn_as_they_are(draw):
    draw()
    for number in plt.get_fignums():
        figure = plt.figure(number)
        figure.savefig(io.BytesIO(), format="png")  # matplotlib reads formulas only now
        shown = [each for each in figure.findobj(Text) if each.get_text() in FORMULAS]
        assert shown
        assert not any(each.get_parse_math() for each in shown)


def test_ticks_of_a_logarithmic_axis_are_numbers():
    _, ax = plt.subplots()
    ax.plot([1, 2], [1e-3, 1e2])
    ax.set_yscale("log")
    ax.figure.canvas.draw()
    ticks = {label.get_text() for label in ax.get_yticklabels()}
    assert {"0.001", "1", "100"} <= ticks
    assert not any("$" in tick for tick in ticks)


@pytest.mark.parametrize("family", [text.USUAL, "sans-serif"])
def test_characters_without_a_font_are_said_in_one_sentence(monkeypatch, family):
    monkeypatch.setitem(mpl.rcParams, "font.family", [family])
    assert text.undrawable(["cat", "Bär", "a$b"]) == ""
    assert text.undrawable([]) == ""
    assert text.undrawable(["cat", "犬", "大犬"]) == (
        "No font here has the characters 犬大 of '犬' and 1 other names: figures show a box instead. "
        "Install a font that has them, such as Noto Sans CJK."
    )


def test_a_box_is_drawn_without_a_warning():
    mpl.rcParams["font.family"] = [text.USUAL]
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        text.use_plain_text()
        mpl.rcParams["font.family"] = [text.USUAL]
        figure, ax = plt.subplots()
        ax.set_title("犬")
        figure.savefig(io.BytesIO())
    assert [str(each.message) for each in warned] == []


def test_an_installed_font_for_other_scripts_is_used(monkeypatch):
    class Font:
        name = "Noto Sans CJK JP"

    monkeypatch.setattr(text.font_manager.fontManager, "ttflist", [*text.font_manager.fontManager.ttflist, Font])
    text.use_plain_text()
    assert mpl.rcParams["font.family"] == [text.USUAL, "Noto Sans CJK JP"]
