"""A figure that was saved is shown once, as the picture that was saved; elsewhere nothing is shown."""

import base64

import matplotlib.pyplot as plt
import pytest
from IPython.core.interactiveshell import InteractiveShell
from IPython.utils.capture import capture_output
from matplotlib.figure import Figure

from satkit.notebooks import drawn_once
from satkit.notebooks.drawn_once import show_instead

PICTURE = b"\x89PNG any bytes"


@pytest.fixture
def figure():
    made = plt.figure()
    yield made
    plt.close(made)


@pytest.fixture
def notebook(monkeypatch):
    """A shell whose figures are drawn below a cell."""
    monkeypatch.setattr(drawn_once.mpl, "get_backend", lambda: "module://matplotlib_inline.backend_inline")
    yield InteractiveShell.instance()
    InteractiveShell.clear_instance()


def test_the_picture_is_shown_with_its_alt_text_and_the_figure_is_not_drawn_again(notebook, figure):
    with capture_output() as shown:
        assert show_instead(figure, PICTURE, "Loss, 3.1 to 0.2.")
    (output,) = shown.outputs
    assert base64.b64decode(output.data["image/png"]) == PICTURE
    assert output.metadata == {"image/png": {"alt": "Loss, 3.1 to 0.2."}}
    assert figure.number not in plt.get_fignums()


def test_other_open_figures_stay_open_and_current(notebook, figure):
    other = plt.figure()
    with capture_output():
        show_instead(figure, PICTURE, "")
    assert other.number in plt.get_fignums()
    assert plt.gcf() is other
    plt.close(other)


def test_a_figure_that_a_notebook_would_not_draw_is_not_shown(notebook, figure):
    plt.close(figure)
    with capture_output() as shown:
        assert not show_instead(figure, PICTURE, "")
        assert not show_instead(Figure(), PICTURE, "")
    assert shown.outputs == []


def test_outside_a_notebook_the_figure_stays_open(figure, monkeypatch):
    assert not show_instead(figure, PICTURE, "")
    assert plt.fignum_exists(figure.number)
    monkeypatch.delitem(drawn_once.sys.modules, "IPython", raising=False)
    assert not show_instead(figure, PICTURE, "")


def test_a_shell_in_a_terminal_draws_its_windows_itself(figure):
    InteractiveShell.instance()
    try:
        assert not show_instead(figure, PICTURE, "")
    finally:
        InteractiveShell.clear_instance()
    assert plt.fignum_exists(figure.number)
