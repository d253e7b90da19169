"""Of two studies that are started on one folder at the same time, one is carried out and the other says why it is not.

The full form starts ten pairs: `pytest -m full tests/studies/test_started_twice.py`.
"""

import os
import sys

import kill_harness
import pytest
import together

pytestmark = [pytest.mark.slow, pytest.mark.skipif(os.name == "nt", reason="processes are forked, as on POSIX")]


@pytest.fixture(autouse=True)
def _paths_of_the_server(monkeypatch):
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(path for path in sys.path if path))


@pytest.mark.parametrize("pairs", [2, pytest.param(10, marks=pytest.mark.full)])
def test_one_wins_and_the_other_says_why(tmp_path, pairs):
    for number in range(pairs):
        folder = tmp_path / f"study{number}"
        winner, loser = sorted(together.together(together.study, folder), key=lambda done: done.result)
        assert (winner.result, loser.result) == (0, 1)
        assert loser.said == f"satkit: Another process is writing into {folder}. Wait for it, or stop it.\n"
        assert "satkit:" not in winner.said
        assert len(list((folder / "notebooks").iterdir())) == 4
        assert kill_harness.problems(folder) == []
        assert not list(folder.rglob("*.tmp-*"))


def test_two_that_both_write_would_be_noticed(tmp_path):
    """The control: without the lock of the folder, both are carried out."""
    found = together.together(together.study, tmp_path / "study", False)
    assert [done.result for done in found] != [0, 1]
    assert [done.result for done in found] != [1, 0]
