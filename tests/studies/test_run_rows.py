"""Runs of studies and sweeps as rows: filtered by what they are, sorted by any column, and what is unknown is named."""

from dataclasses import replace

import pytest
from sweeps import SIX, Told, swept

from satkit.experiments.run_folder import Run
from satkit.experiments.study_folder import StudyFolder
from satkit.studies.run_rows import RunRow, all_rows, columns, sort, where
from satkit.studies.study import prepare
from satkit.studies.sweep_run import RUNNING, SweepRun
from satkit.utils.errors import UsageError

ROWS = [
    RunRow("s", str(number), {"strategy": strategy, "seed": seed, "shift": 0.5}, "done", {"all": score})
    for number, (strategy, seed, score) in enumerate([("sats", 0, 0.5), ("SATS", 1, None), ("mib", 10, 0.75)])
]


def names(rows):
    return [row.run for row in rows]


@pytest.mark.parametrize(
    ("conditions", "found"),
    [
        (["strategy=sats"], ["0", "1"]),
        (["strategy=sats,mib", "seed=0-1"], ["0", "1"]),
        (["seed=10,1"], ["1", "2"]),
        (["shift=0.5"], ["0", "1", "2"]),
        (["state=failed"], []),
        ([], ["0", "1", "2"]),
    ],
)
def test_rows_that_meet_all_conditions_are_left(conditions, found):
    assert names(where(ROWS, conditions)) == found


def test_rows_are_sorted_scores_from_the_highest_and_those_without_last():
    assert names(sort(ROWS, "miou")) == ["2", "0", "1"]
    assert names(sort(ROWS, "seed")) == ["0", "1", "2"]
    assert names(sort(ROWS, "strategy")) == ["1", "2", "0"]
    assert sort([], "miou") == []


def test_what_is_no_condition_or_no_column_is_refused():
    with pytest.raises(UsageError, match="Unknown column 'strategie'. Did you mean 'strategy'?"):
        where(ROWS, ["strategie=sats"])
    with pytest.raises(UsageError, match="Unknown column 'mious'"):
        sort(ROWS, "mious")
    for condition in ("strategy", "strategy="):
        with pytest.raises(UsageError, match="--where takes name=values"):
            where(ROWS, [condition])
    assert "all" in columns(ROWS)


@pytest.mark.usefixtures("tiny")
def test_all_studies_and_sweeps_of_a_folder_are_there(tmp_path):
    from tiny import SETTINGS

    study = StudyFolder(tmp_path / "half", SETTINGS)
    prepare(study, ("fine-tuning", "sats"))
    Run.open(study.folder / "sats").finish({"old": 0.5, "all": None})
    swept(tmp_path / "grid", Told(fails={1}), SIX[:2])
    rows = all_rows(tmp_path)
    assert [(row.place, row["strategy"], row["seed"], row.state) for row in rows] == [
        ("grid", "sats", 0, "done"),
        ("grid", "sats", 1, "failed"),
        ("half", "fine-tuning", 0, "not finished"),
        ("half", "SATS", 0, "done"),
    ] or sorted(row.state for row in rows) == ["done", "done", "failed", "not finished"]
    (finished,) = where(rows, ["study=half", "state=done"])
    assert finished["old"] == 0.5
    assert finished.conventions["background_in_old"]
    assert len(all_rows(tmp_path / "grid")) == 2
    assert len(all_rows(tmp_path / "half")) == 2


def test_a_run_whose_process_was_killed_is_interrupted(tmp_path):
    run = SweepRun(Told(), {"seed": 1}, tmp_path)
    run.write(replace(run.new, state=RUNNING))
    (row,) = all_rows(tmp_path)
    assert row.state == "interrupted"


def test_a_file_is_refused(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(UsageError, match="Name the folder that the runs are in"):
        all_rows(tmp_path / "file")
