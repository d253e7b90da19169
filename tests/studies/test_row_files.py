"""A row is read as it was written; a damaged one counts as missing, which is said."""

import math

import pytest

from satkit.studies.row_files import read_row, write_row
from satkit.utils.files import write_json

ROW = {"strategy": "sats", "seed": 0, "old": 0.25, "config": "0123456789ab"}


@pytest.fixture
def path(tmp_path):
    write_row(tmp_path / "row.json", ROW)
    return tmp_path / "row.json"


def test_a_row_is_read_as_it_was_written(path):
    assert read_row(path, ROW) == ROW
    write_row(path, {**ROW, "old": math.nan})
    assert read_row(path, ROW) == {**ROW, "old": None}


def test_a_missing_row_is_none_and_nothing_is_said(tmp_path, recwarn):
    assert read_row(tmp_path / "row.json", ROW) is None
    assert not recwarn


@pytest.mark.parametrize("written", [write_row, write_json], ids=["sealed", "of an earlier version"])
@pytest.mark.parametrize(
    "damage",
    [lambda text: text[:40], lambda text: "", lambda text: text.replace("config", "c0nfig")],
    ids=["cut off", "empty", "another name"],
)
def test_a_damaged_row_counts_as_missing_and_is_named(path, written, damage):
    written(path, ROW)
    path.write_text(damage(path.read_text()))
    with pytest.warns(UserWarning, match=r"row\.json .*\. Its run is carried out again\.$"):
        assert read_row(path, ROW) is None


def test_a_changed_value_is_noticed(path):
    path.write_text(path.read_text().replace("0.25", "0.26"))
    with pytest.warns(UserWarning, match="is damaged: its values do not match its hash"):
        assert read_row(path, ROW) is None


def test_a_row_of_an_earlier_version_is_taken(path, recwarn):
    write_json(path, ROW)
    assert read_row(path, ROW) == ROW
    assert not recwarn
