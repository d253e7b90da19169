"""A terminal shows one state at a time, a log all of them."""

import io

import pytest
from terminals import Terminal

from satkit.utils import live_line
from satkit.utils.live_line import LiveLine


def test_a_log_gets_a_line_for_every_state():
    stream = io.StringIO()
    line = LiveLine(stream)
    for text in ("one", "two"):
        line.write(text)
    line.close()
    assert stream.getvalue() == "one\ntwo\n"


def test_a_terminal_shows_the_last_state_only_and_nothing_at_the_end():
    stream = Terminal()
    line = LiveLine(stream)
    line.close()  # nothing was written yet
    for text in ("a long state", "short"):
        line.write(text)
    assert stream.getvalue() == "\ra long state\rshort       "
    line.close()
    assert stream.getvalue().endswith("\r     \r")


@pytest.mark.parametrize(("columns", "shown"), [(30, 29), (5, 20)])
def test_what_is_wider_than_the_terminal_is_cut_off(monkeypatch, columns, shown):
    monkeypatch.setattr(live_line.shutil, "get_terminal_size", lambda: type("Size", (), {"columns": columns}))
    stream = Terminal()
    LiveLine(stream).write("x" * 200)
    assert stream.getvalue() == "\r" + "x" * shown
