"""Lines that are redrawn in a terminal, below what stays; a log gets only what stays."""

import io

from terminals import Terminal

from satkit.utils import live_block
from satkit.utils.live_block import LiveBlock


def test_a_log_gets_only_what_stays():
    stream = io.StringIO()
    block = LiveBlock(stream)
    block.write(["one", "two"])
    block.say("done")
    block.close()
    assert stream.getvalue() == "done\n"


def test_a_terminal_draws_over_the_lines_before_and_what_stays_stands_above():
    stream = Terminal()
    block = LiveBlock(stream)
    block.write(["one", "two"])
    block.write(["three"])
    block.say("done")
    block.write(["four"])
    block.close()
    assert stream.getvalue() == "one\ntwo\n\x1b[2F\x1b[Jthree\n\x1b[1F\x1b[Jdone\nfour\n\x1b[1F\x1b[J"


def test_lines_are_cut_at_the_edges_of_the_terminal(monkeypatch):
    monkeypatch.setattr(live_block.shutil, "get_terminal_size", lambda: __import__("os").terminal_size((30, 4)))
    stream = Terminal()
    LiveBlock(stream).write(["x" * 50, "two", "three"])
    assert stream.getvalue() == "x" * 29 + "\ntwo\n"
