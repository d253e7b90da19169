"""A folder is written by one process at a time."""

import threading
from contextlib import ExitStack

import pytest

from satkit.utils.one_writer import FOREVER, RunBusy, is_held, only_writer


def work_and_fail(folder):
    with only_writer(folder):
        with pytest.raises(RunBusy, match=r"Another process is writing into .*new\. Wait for it"), only_writer(folder):
            pytest.fail("Only one may write.")
        raise KeyError


def test_a_folder_is_held_until_the_block_ends_however_it_ends(tmp_path):
    with pytest.raises(KeyError):
        work_and_fail(tmp_path / "new")
    with only_writer(tmp_path / "new"):
        pass


def test_whether_a_folder_is_held_is_seen_from_outside(tmp_path):
    assert not is_held(tmp_path / "new")
    with only_writer(tmp_path / "new"):
        assert is_held(tmp_path / "new")
    assert not is_held(tmp_path / "new")


def test_who_waits_for_as_long_as_it_takes_says_so_and_gets_the_folder(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr("satkit.utils.saying.QUIET_SECONDS", 0.05)
    held = ExitStack()
    held.enter_context(only_writer(tmp_path))
    threading.Timer(0.5, held.close).start()
    with only_writer(tmp_path, FOREVER):
        pass
    assert f"Waiting for another process, which is writing into {tmp_path} ..." in capsys.readouterr().err
