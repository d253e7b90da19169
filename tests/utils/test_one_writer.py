"""A folder is written by one process at a time."""

import pytest

from satkit.utils.one_writer import RunBusy, only_writer


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
