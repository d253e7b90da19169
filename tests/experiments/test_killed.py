"""A training that is killed at any moment, as often as one likes, ends as one that nobody killed, to the bit.

The full form has 300 kills over six recipes: `pytest -m full tests/experiments/test_killed.py`.
"""

import os
import sys

import kill_harness
import pytest
from tiny_studies import same_outcome

pytestmark = [pytest.mark.slow, pytest.mark.skipif(os.name == "nt", reason="processes are forked, as on POSIX")]


@pytest.fixture(autouse=True)
def _paths_of_the_server(monkeypatch):
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(path for path in sys.path if path))


def compare(tmp_path, expected, recipe, kills, seed):
    """Train with kills, compare with a training without, and give the numbers of kills, all and inside a write."""
    damaged, done, inside = kill_harness.killed(tmp_path, recipe, kills, seed)
    assert damaged == []
    found = kill_harness.runs(tmp_path, recipe)
    assert len(found) == len(expected) == 2
    assert all(same_outcome(one, other) for one, other in zip(found, expected, strict=True))
    assert found[1].result() == expected[1].result()
    assert kill_harness.leftovers(tmp_path) == []
    return done, inside


@pytest.mark.parametrize("recipe", ["sats", "ewc"])
def test_killed_trainings_end_as_others_do(tmp_path, recipe):
    expected = kill_harness.undisturbed(tmp_path / "whole", recipe)
    done, inside = compare(tmp_path / "killed", expected, recipe, kills=6, seed=0)
    assert done >= 3
    assert inside >= 1


@pytest.mark.full
@pytest.mark.parametrize("recipe", kill_harness.RECIPES)
def test_fifty_kills_of_each_recipe_change_nothing(tmp_path, recipe):
    expected, done, inside, number = kill_harness.undisturbed(tmp_path / "whole", recipe), 0, 0, 0
    while done < 50:
        number += 1
        kills = compare(tmp_path / f"killed{number}", expected, recipe, kills=8, seed=number)
        done, inside = done + kills[0], inside + kills[1]
    print(f"{recipe}: {done} kills in {number} trainings, {inside} of them inside a write")
    assert inside >= 12


def test_without_whole_files_some_would_be_damaged(tmp_path):
    """The control: the harness does find damaged files where they are written in place."""
    damaged, *_ = kill_harness.killed(tmp_path, "sats", kills=40, seed=2, atomic=False)
    assert damaged
