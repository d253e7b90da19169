"""Files of rows: what was written is read as it was, and the stored files are written back byte for byte."""

import math
from dataclasses import dataclass, field

import pytest

from satkit.evaluation.paper_vs_code import Point
from satkit.evaluation.seeds import Row
from satkit.studies.drift_study import read_drifts, write_runs
from satkit.utils.assets import asset
from satkit.utils.csv_files import read_csv, read_records, write_csv, write_records
from satkit.utils.errors import UsageError


@dataclass(frozen=True)
class Thing:
    name: str
    size: float
    count: int | None
    good: bool
    words: str = field(metadata={"head": "in words"})


THINGS = [Thing("a", 0.125, 3, True, 'one, "two"'), Thing("b", math.nan, None, False, "")]


def test_objects_are_read_as_they_were_written(tmp_path):
    path = tmp_path / "things.csv"
    write_records(path, Thing, THINGS)
    assert path.read_text(encoding="utf-8").splitlines() == [
        "name,size,count,good,in words",
        'a,0.125,3,true,"one, ""two"""',
        "b,,,false,",
    ]
    found = read_records(path, Thing)
    assert found[0] == THINGS[0]
    assert math.isnan(found[1].size)
    assert found[1].count is None


def test_no_objects_give_a_file_with_heads_alone(tmp_path):
    write_records(tmp_path / "none.csv", Thing, [])
    assert (tmp_path / "none.csv").read_text(encoding="utf-8") == "name,size,count,good,in words\n"
    assert read_records(tmp_path / "none.csv", Thing) == []


def test_rows_may_lack_values_and_keep_nan_apart_from_them(tmp_path):
    path = tmp_path / "rows.csv"
    write_csv(path, [{"step": 0, "loss": 1 / 3}, {"step": 1, "loss": math.nan, "more": 2.0}], digits=4, ends="\r\n")
    assert path.read_bytes() == b"step,loss,more\r\n0,0.3333,\r\n1,nan,2\r\n"
    first, second = read_csv(path, {"step": int}, default=float | None)
    assert first == {"step": 0, "loss": 0.3333, "more": None}
    assert math.isnan(second["loss"])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("name,size,count,good,in words\na,1\n", "line 2: must have 5 cells"),
        ("name,size,count,good,in words\na,1,2,true,b,c\n", "line 2: must have 5 cells"),
        ("name,size,count,good,in words\na,much,2,true,b\n", "line 2: a cell cannot be read .*'much'"),
        ("name,size,count,good,in words\na,1,2,perhaps,b\n", "line 2: a cell cannot be read .*perhaps"),
        ("name,size,count,good,in words\na,1,,,b\n", "line 2: a cell cannot be read"),
        ("name,size,count,good\na,1,2,true\n", "must have the columns name, size, count, good, in words; it has name"),
    ],
)
def test_a_file_that_does_not_fit_is_refused_with_the_place(tmp_path, text, message):
    path = tmp_path / "things.csv"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(UsageError, match=message):
        read_records(path, Thing)


@pytest.mark.parametrize(("name", "kind"), [("reference_study", Row), ("paper_vs_code", Point)])
def test_stored_files_are_written_back_byte_for_byte(tmp_path, name, kind):
    write_records(tmp_path / "again.csv", kind, read_records(asset(f"{name}.csv"), kind))
    assert (tmp_path / "again.csv").read_bytes() == asset(f"{name}.csv").read_bytes()


def test_the_stored_drifts_are_written_back_byte_for_byte(tmp_path):
    columns = {name: values.tolist() for name, values in read_drifts(asset("drift_study.csv")).items()}
    columns = {name: [None if value != value else value for value in values] for name, values in columns.items()}
    write_runs(tmp_path / "again.csv", [columns])
    assert (tmp_path / "again.csv").read_bytes() == asset("drift_study.csv").read_bytes()
