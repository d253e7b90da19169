"""The alt text of a figure says what is written on it, and IPython adds it to what it shows."""

import matplotlib.pyplot as plt
import pytest
from IPython.core.interactiveshell import InteractiveShell
from matplotlib.figure import Figure

from satkit import plots
from satkit.plots import alt


@pytest.fixture
def figure():
    made, axes = plt.subplots(1, 2)
    axes[0].set(title="teacher", xlabel="iteration", ylabel="mIoU (%)")
    axes[1].set(title="student", xlabel="iteration", ylabel="mIoU (%)")
    axes[1].plot([0, 1], [1, 0], label="SATS")
    axes[1].legend()
    yield made
    plt.close(made)


@pytest.fixture
def shell():
    made = InteractiveShell.instance()
    yield made
    InteractiveShell.clear_instance()


def test_titles_axes_and_legend_are_named_once_each(figure):
    assert alt.alt_text(figure) == (
        "Figure of 2 panels; titles: teacher, student; horizontal axis: iteration; vertical axis: mIoU (%); "
        "legend: SATS."
    )


def test_labels_of_the_whole_figure_are_axes_too(figure):
    figure.supxlabel("points")
    figure.supylabel("strategy")
    text = alt.alt_text(figure)
    assert "horizontal axis: iteration, points; vertical axis: mIoU (%), strategy;" in text


def test_the_title_of_the_figure_comes_first_and_a_colour_bar_is_no_panel(figure):
    figure.suptitle("What has moved")
    bar = figure.colorbar(figure.axes[0].imshow([[0, 1]]), ax=figure.axes[0])
    bar.set_label("attention weight")
    text = alt.alt_text(figure)
    assert text.startswith("Figure of 2 panels: What has moved; titles: teacher")
    assert "colours: attention weight" in text


def test_line_breaks_become_spaces_and_everything_else_stays():
    figure = Figure()
    figure.subplots().set(title="drift\nof a$^$b")
    assert alt.alt_text(figure) == "Figure; titles: drift of a$^$b."


def test_a_long_text_is_cut():
    figure = Figure()
    figure.subplots().set(title="word " * 200)
    assert len(alt.alt_text(figure)) == alt.LONGEST
    assert alt.alt_text(figure).endswith("…")


def test_a_figure_without_any_words_is_still_called_a_figure():
    assert alt.alt_text(Figure()) == "Figure."


def test_ipython_adds_the_text_to_the_metadata_and_leaves_the_data_alone(figure, shell):
    before, _ = shell.display_formatter.format(figure)
    plots.use_style()
    data, metadata = shell.display_formatter.format(figure)
    assert metadata == {"image/png": {"alt": alt.alt_text(figure)}}
    assert data == before


def test_outside_ipython_nothing_is_registered(monkeypatch):
    assert alt.register_alt_text() is False
    monkeypatch.delitem(alt.sys.modules, "IPython", raising=False)
    assert alt.register_alt_text() is False
