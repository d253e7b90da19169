"""What is said about places that cannot be used; errors that are no fault of a place are left alone."""

import errno
import os
from pathlib import Path

import pytest

from satkit.utils import disk_places
from satkit.utils.disk_places import (
    OF_LIBRARIES,
    can_hold,
    check_environment,
    expanded,
    home_or_temporary,
    no_file,
    resolved,
    unusable,
)
from satkit.utils.errors import UsageError


def test_a_home_folder_is_put_in_where_there_is_one(monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    assert expanded("~/data") == tmp_path / "data"
    assert expanded("plain") == Path("plain")
    assert home_or_temporary() == tmp_path


def test_the_home_folder_of_nobody_is_refused():
    with pytest.raises(UsageError, match="There is no home folder for '~nosuchuser' in '~nosuchuser/data'."):
        expanded("~nosuchuser/data")


@pytest.mark.skipif(os.name == "nt", reason="links need no rights on POSIX only")
def test_a_link_to_itself_is_refused_in_one_sentence_and_a_missing_place_is_none(tmp_path):
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    for place in (tmp_path / "loop", tmp_path / "loop" / "x"):
        with pytest.raises(UsageError, match="is a link that leads back to itself. Name the place that is meant"):
            resolved(place)
    assert resolved(tmp_path / "nothing" / "x") == tmp_path / "nothing" / "x"


@pytest.mark.skipif(os.name == "nt", reason="links need no rights on POSIX only")
@pytest.mark.parametrize("name", OF_LIBRARIES)
def test_a_variable_of_a_library_that_names_such_a_link_is_named(monkeypatch, tmp_path, name):
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    for place in ("", str(tmp_path), str(tmp_path / "missing"), "a" * 300):
        monkeypatch.setenv(name, place)
        check_environment()
    monkeypatch.setenv(name, str(tmp_path / "loop"))
    with pytest.raises(UsageError, match=f"^{name} must name a folder, got '.*loop', a link that leads back to itself"):
        check_environment()


def test_a_working_folder_that_has_been_removed_is_said(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "gone").mkdir()
    os.chdir("gone")
    (tmp_path / "gone").rmdir()
    with pytest.raises(UsageError, match="The working folder has been removed. Change to another one"):
        check_environment()


def test_without_a_home_folder_a_temporary_one_of_this_user_is_taken(monkeypatch, tmp_path):
    def none():
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.setattr(disk_places.Path, "home", none)
    monkeypatch.setattr(disk_places.tempfile, "gettempdir", lambda: str(tmp_path))
    assert home_or_temporary().parent == tmp_path


def test_a_file_cannot_be_a_folder_and_nothing_can_be_below_it(tmp_path):
    (tmp_path / "file").touch()
    assert no_file(tmp_path, "Move.") == tmp_path
    assert no_file(tmp_path / "new" / "one", "Move.") == tmp_path / "new" / "one"
    with pytest.raises(UsageError, match="not in a file, but .*file is one. Move.$"):
        no_file(tmp_path / "file", "Move.")
    with pytest.raises(UsageError, match="not in a file, but .*below is below the file .*file. Move.$"):
        no_file(tmp_path / "file" / "below", "Move.")


def test_a_place_is_named_with_what_is_wrong_with_it():
    said = unusable(OSError(errno.EACCES, "Permission denied", "/x/y"))
    assert said.startswith(f"/x/y cannot be used ({os.strerror(errno.EACCES)}). Name another place")
    assert unusable(OSError(errno.EACCES, "", "/x/y.json.tmp-12-ab34cd")).startswith("/x/y.json cannot be used")
    assert "the disk is full" in unusable(OSError(errno.ENOSPC, "No space left on device", "/x/y"))
    assert unusable(OSError(errno.ENOSPC, "No space left on device")).startswith("The disk cannot be written")
    for number in (errno.EIO, errno.EFBIG):
        assert unusable(OSError(number, "", "/x/y")).startswith(f"/x/y cannot be used ({os.strerror(number)}).")


@pytest.mark.parametrize("error", [OSError("damaged"), OSError(errno.EPIPE, "Broken pipe"), OSError(errno.EACCES, "x")])
def test_other_errors_are_no_fault_of_a_place(error):
    assert unusable(error) == ""


@pytest.mark.parametrize("place", ["a/b\0c", "\0", "a/\ud800"])
def test_a_path_that_no_file_system_can_hold_is_refused_in_one_sentence(place):
    with pytest.raises(UsageError, match="A path must be text that the system can store, got") as caught:
        expanded(place)
    assert "\0" not in str(caught.value)


def test_a_name_in_another_encoding_stays_a_path():
    assert str(expanded("a/\udce9")) == "a/\udce9"  # as Python reads the byte E9 of a Latin-1 name


def test_a_file_that_cannot_be_written_is_refused_before_the_work(tmp_path):
    file = tmp_path / "found.json"
    assert can_hold(file) == file
    assert not list(tmp_path.iterdir())  # asking leaves nothing behind
    file.write_text("earlier")
    assert can_hold(file) == file
    assert file.read_text() == "earlier"
    for wrong in (tmp_path, file / "below", tmp_path / "missing" / "found.json", "/proc/found.json"):
        with pytest.raises(UsageError, match=r"cannot be written .*\. Name a file in a folder that can\.") as raised:
            can_hold(wrong)
        assert str(wrong) in str(raised.value)
