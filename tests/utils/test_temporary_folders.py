"""Temporary folders: removed by their owner, else by a later one; never one in use, nor one that is not satkit's."""

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

import satkit
from satkit.utils.temporary_folders import remove_abandoned, temporary_folder

HOLD = """
import sys, time
from satkit.utils.temporary_folders import temporary_folder
with temporary_folder(sys.argv[1], sys.argv[2]) as folder:
    (folder / "large.bin").write_bytes(b"x")
    print(folder, flush=True)
    time.sleep(60)
"""
killed = pytest.mark.skipif(os.name != "posix", reason="signals are sent as POSIX does")


def left_by_a_killed_process(parent, kind=""):
    """A folder whose owner was killed while it used it."""
    environment = {**os.environ, "PYTHONPATH": str(Path(satkit.__file__).parents[1])}
    command = [sys.executable, "-c", HOLD, kind, str(parent)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as process:
        folder = Path(process.stdout.readline().strip())
        assert (folder / "large.bin").exists()
        remove_abandoned(parent)
        assert (folder / "large.bin").exists()  # it is in use
        process.send_signal(signal.SIGKILL)
    return folder


def test_it_is_there_within_the_block_and_removed_afterwards_whatever_happens(tmp_path):
    def fail():
        with temporary_folder("gallery", tmp_path) as folder:
            assert re.fullmatch("satkit-gallery-.{8}", folder.name)
            (folder / "a" / "b").mkdir(parents=True)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fail()
    assert list(tmp_path.iterdir()) == []


@killed
@pytest.mark.parametrize("kind", ["", "models"])
def test_what_a_killed_process_has_left_is_removed_when_the_next_one_is_made(tmp_path, kind):
    left = left_by_a_killed_process(tmp_path, kind)
    assert (left / "large.bin").exists()
    with temporary_folder("", tmp_path) as own:
        assert list(tmp_path.iterdir()) == [own]


def test_one_that_this_process_uses_stays_when_another_is_made(tmp_path):
    with temporary_folder("", tmp_path) as one, temporary_folder("", tmp_path) as other:
        assert one.exists()
        assert other.exists()


@killed
def test_nothing_else_is_removed(tmp_path, monkeypatch):
    left = left_by_a_killed_process(tmp_path)
    other = tmp_path / "other"
    left.rename(other)  # of another name, though with the file of an owner
    (tmp_path / "satkit-12345678").symlink_to(other)
    (tmp_path / "satkit-analysis").mkdir()  # the name alone does not make it satkit's
    (tmp_path / "satkit-abcdefgh").mkdir()
    (tmp_path / "satkit-abcdefgh" / ".satkit-owner").touch()  # its owner is about to lock it
    (tmp_path / "satkit-file0000").touch()
    before = sorted(tmp_path.rglob("*"))
    remove_abandoned(tmp_path)
    assert sorted(tmp_path.rglob("*")) == before
    strange = other.rename(tmp_path / "satkit-strange0")
    monkeypatch.setattr(os, "getuid", lambda: strange.stat().st_uid + 1)  # another user's
    remove_abandoned(tmp_path)
    assert (strange / "large.bin").exists()
