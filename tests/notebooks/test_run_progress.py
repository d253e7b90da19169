"""Whoever waits for a notebook sees what is at work in it; a notebook that is done at once says nothing."""

import io
import json

import pytest
from terminals import Clock, Terminal

from satkit.notebooks.run_progress import RunProgress

TRAINING = {"label": "sats, step 1", "unit": "iteration", "total": 500, "seconds": 6.0, "time": 0.0}


@pytest.fixture
def watched(tmp_path):
    """A function that shows the line of a notebook at some seconds, while its training is at some iterations."""

    def watch(stream, *moments):
        clock = Clock()
        progress = RunProgress("07_train_next_step", tmp_path / "progress.json", stream, clock)
        for seconds, done in moments:
            if done is not None:
                state = {**TRAINING, "done": done, "seconds_per_unit": 0.1 if done else None, "values": {"loss": 0.5}}
                progress.file.write_text(json.dumps(state))
            clock.now = 1000.0 + seconds
            progress.show()
        progress.close()
        return stream.getvalue()

    return watch


def test_a_notebook_that_ends_within_two_seconds_says_nothing(watched):
    assert watched(io.StringIO(), (0.2, None), (1.9, 3)) == ""


def test_after_two_seconds_it_is_named_and_then_how_far_its_training_is(watched):
    assert watched(io.StringIO(), (2.0, None), (13.0, 100)).splitlines() == [
        "07_train_next_step: running for 2 s",
        "07_train_next_step: sats, step 1, iteration 100 of 500, loss 0.500, about 40 s left, running for 13 s",
    ]


def test_a_log_gets_a_line_only_when_something_has_changed_and_seldom(watched):
    moments = [(2.0, None), (14.0, None), (20.0, 10), (21.0, 20), (31.0, 30)]
    assert [line.split("iteration ")[-1][:3] for line in watched(io.StringIO(), *moments).splitlines()] == [
        "07_",
        "10 ",
        "30 ",
    ]


def test_the_cell_is_counted_and_a_log_gets_a_line_a_minute_while_nothing_changes(tmp_path):
    stream, clock = io.StringIO(), Clock()
    progress = RunProgress("11_why_forgetting", tmp_path / "progress.json", stream, clock)
    for seconds, cell in ((3, 1), (14, 5), (30, 5), (75, 5), (140, 5), (160, 6)):
        clock.now = 1000.0 + seconds
        progress.at_cell(cell, 9)
        progress.show()
    assert [line.partition(": ")[2] for line in stream.getvalue().splitlines()] == [
        "cell 1 of 9, running for 3 s",
        "cell 5 of 9, running for 14 s",
        "cell 5 of 9, running for 1 min 15 s",
        "cell 5 of 9, running for 2 min 20 s",
        "cell 6 of 9, running for 2 min 40 s",
    ]


def test_a_training_that_is_done_is_no_longer_at_work(watched):
    assert watched(io.StringIO(), (3.0, 100), (14.0, 500)).splitlines()[1:] == ["07_train_next_step: running for 14 s"]


def test_a_terminal_has_nothing_left_of_it_at_the_end(watched):
    shown = watched(Terminal(), (2.0, None), (2.6, None), (3.2, 10))
    assert shown.count("\r07_train") == 3
    assert shown.endswith(" \r")
