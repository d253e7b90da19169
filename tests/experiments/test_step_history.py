"""The history of a step is a table that is read as it was written."""

import pytest
from run_files import row

from satkit.experiments.step_history import read_history, write_history
from satkit.utils.files import DamagedFile


def test_rows_are_sorted_and_lack_the_terms_that_they_were_logged_without(tmp_path):
    path, rows = tmp_path / "history.csv", [row(1, 2, ce=0.5, attention=2.0), row(1, 1, ce=0.25)]
    write_history(path, rows)
    assert read_history(path, "") == rows[::-1]
    assert path.read_text().splitlines()[0] == "step,iteration,lr,total,ce,attention"


@pytest.mark.parametrize("data", [b"step,total\n1\n", b"step\nhalf\n", b"\xff\xfe\x00", b'step\n"1'])
def test_what_cannot_be_read_is_one_kind_of_error(tmp_path, data):
    (tmp_path / "history.csv").write_bytes(data)
    with pytest.raises(DamagedFile, match=r"history\.csv is damaged .* Mend it\.$"):
        read_history(tmp_path / "history.csv", "Mend it.")
