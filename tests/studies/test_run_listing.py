"""What `satkit runs` shows: every sweep and study, or the runs of all in one table."""

import csv

import pytest
from sweeps import SIX, Told, swept

from satkit.studies.run_listing import NONE, comparison, listing
from satkit.utils.errors import UsageError


@pytest.fixture
def runs(tmp_path, capsys):
    """A folder with a sweep of six runs of which two have failed, and one of one run."""
    swept(tmp_path / "six", Told(fails={1}))
    swept(tmp_path / "one", Told(), SIX[:1])
    capsys.readouterr()
    return tmp_path


def lines(text):
    return [" ".join(line.split()) for line in text.splitlines()]


def test_sweeps_are_listed_with_what_has_failed_and_why(runs):
    found = lines(listing(runs))
    assert "one (sweep of 1 run: 1 done)" in found
    assert "six (sweep of 6 runs: 4 done, 2 failed)" in found
    assert any(line.startswith("failed: strategy sats, seed 1") and "cell In [2]" in line for line in found)
    assert "one (sweep" not in listing(runs / "six")


def test_a_folder_without_runs_says_how_to_begin(tmp_path):
    assert listing(tmp_path) == comparison(tmp_path, by="miou") == listing(tmp_path)
    assert listing(tmp_path).startswith("No runs in")


def test_runs_are_filtered_sorted_and_written(runs, tmp_path):
    text = comparison(runs, ["strategy=sats", "state=done"], "miou", file=str(tmp_path / "new" / "runs.csv"))
    assert [line.split()[:3] for line in lines(text)[2:5]] == [
        ["six", "2", "done"],
        ["one", "0", "done"],
        ["six", "0", "done"],
    ]
    assert text.endswith(f"Written: {tmp_path / 'new' / 'runs.csv'}, 3 runs")
    with (tmp_path / "new" / "runs.csv").open(newline="") as file:
        assert [row["all"] for row in csv.DictReader(file)] == ["0.52", "0.5", "0.5"]


def test_means_are_taken_over_seeds(runs):
    found = lines(comparison(runs / "six", means=True))
    assert found[0] == "strategy runs old all"
    assert sorted(line.split()[0] for line in found[2:4]) == ["mib", "sats"]
    assert "sats 2 25.0 ± 0.0 51.0 ± 12.7" in found


def test_no_run_that_meets_the_conditions_is_said_and_an_unknown_name_refused(runs):
    assert comparison(runs, ["strategy=dkd"]) == NONE
    with pytest.raises(UsageError, match="Unknown column 'sede'. Did you mean 'seed'?"):
        comparison(runs, ["sede=1"])
