"""Work that takes long says what it is, once; work that does not says nothing."""

import io
import time

import pytest

from satkit.utils.saying import saying


def test_what_takes_long_is_said_once_on_the_error_stream(capsys):
    with saying("Counting ...", seconds=0.01):
        time.sleep(0.2)
    assert capsys.readouterr() == ("", "Counting ...\n")


def test_what_is_done_before_says_nothing_also_where_it_fails(capsys):
    with saying("Counting ...", seconds=0.2):
        pass
    with pytest.raises(KeyError), saying("Counting ...", seconds=0.2):
        raise KeyError
    time.sleep(0.4)
    assert capsys.readouterr() == ("", "")


def test_a_stream_that_is_closed_stops_no_work(capsys):
    stream = io.StringIO()
    stream.close()
    with saying("Counting ...", stream, seconds=0.01):
        time.sleep(0.2)
    assert capsys.readouterr() == ("", "")


def test_of_several_processes_the_first_says_it(capsys, monkeypatch):
    monkeypatch.setattr("satkit.utils.saying.rank", lambda: 1)
    with saying("Counting ...", seconds=0.01):
        time.sleep(0.2)
    assert capsys.readouterr() == ("", "")
