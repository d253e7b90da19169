"""Tables of runs: what differs is shown, means stand with their intervals, and scores with their conventions."""

import csv
import math

import pytest

from satkit.evaluation.conventions import protocol
from satkit.evaluation.seeds import estimate
from satkit.studies.run_rows import RunRow
from satkit.studies.run_table import failures, has_several, mean_table, run_table, varying, write_rows

HERE, CENTRE = (protocol(name).describe(64) for name in ("satkit", "plop"))


def row(strategy="sats", seed=0, score=0.5, conventions=HERE, place="s", **more):
    values = {"strategy": strategy, "seed": seed, "task": "15-5", **more}
    return RunRow(place, f"{strategy}{seed}", values, "done", {"all": score, "old": 0.25}, conventions, 61.0)


def lines(table):
    return [" ".join(line.split()) for line in table.text(200).splitlines()]


def test_a_run_is_a_line_with_what_it_differs_in():
    found = lines(run_table([row(), row("mib", 1, 0.75)]))
    assert found[0] == "strategy seed state time old all"
    assert found[2:4] == ["sats 0 done 1 min 1 s 25.0 50.0", "mib 1 done 1 min 1 s 25.0 75.0"]
    assert "evaluated are whole images at full size" in " ".join(found)
    assert varying([row()]) == ["strategy", "seed"]


def test_runs_of_several_studies_are_told_apart():
    assert lines(run_table([row(), row(place="t")]))[0].startswith("study ")


def test_scores_of_different_conventions_are_marked():
    found = lines(run_table([row(), row("mib", conventions=CENTRE)]))
    assert found[0].endswith("conventions")
    assert [line.split()[-1] for line in found[2:4]] == ["a", "b"]
    text = " ".join(found)
    assert "a: Background counts as an old class" in text
    assert "b: Background counts as an old class" in text
    assert "centre crops of 64 pixels" in text


def test_a_mean_stands_with_half_of_its_interval():
    scores = (0.5, 0.6, 0.7)
    found = lines(mean_table([row(seed=seed, score=score) for seed, score in enumerate(scores)] + [row("mib")]))
    half = 100 * estimate(scores).half_width
    assert found[0] == "strategy runs old all"
    assert found[2:4] == [f"sats 3 25.0 ± 0.0 60.0 ± {half:.1f}", "mib 1 25.0 50.0"]
    assert "Student's t" in " ".join(found)


def test_means_are_over_orders_too_but_never_over_conventions():
    rows = [row(order=[1, 2]), row(order=[2, 1]), row(conventions=CENTRE, order=[1, 2])]
    assert has_several(rows)
    assert [line.split()[1] for line in lines(mean_table(rows))[2:4]] == ["2", "1"]
    assert not has_several([row(), row("mib")])


def test_scores_of_a_notebook_of_ones_own_are_no_percent():
    rows = [
        RunRow("s", str(seed), {"seed": seed}, "done", {"error": 12.5 + seed, "all": math.nan}) for seed in range(2)
    ]
    assert lines(run_table(rows))[2].endswith("- 12.5")
    assert "13 ± 6.353" in " ".join(lines(mean_table(rows)))


def test_a_file_has_everything_of_every_run(tmp_path):
    failed = RunRow("s", "x", {"strategy": "mib", "steps": [1, 2], "on": True}, "failed", why="It broke.")
    write_rows(tmp_path / "runs.csv", [row(), failed])
    with (tmp_path / "runs.csv").open(newline="") as file:
        one, other = csv.DictReader(file)
    assert (one["all"], one["seconds"], one["error"]) == ("0.5", "61", "")
    assert one["conventions"].startswith("Background counts as an old class")
    assert (other["steps"], other["on"], other["state"], other["error"]) == ("1,2", "true", "failed", "It broke.")


def test_what_has_failed_is_listed_with_its_reason():
    failed = RunRow("s", "x", {"seed": 1}, "failed", why="cell In [2] (1 / 0): ZeroDivisionError.")
    assert failures([RunRow("s", "y", {"seed": 0}, "done"), failed]) == [
        "failed: seed 1 (x): cell In [2] (1 / 0): ZeroDivisionError."
    ]


@pytest.mark.parametrize("table", [run_table, mean_table])
def test_no_run_is_an_empty_table(table):
    assert "Traceback" not in table([]).text()
