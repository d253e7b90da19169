"""A process knows that torchrun has started it beside others, and takes nothing else for that."""

import pytest

from satkit.utils.launched import VARIABLES, launched, processes, rank


@pytest.mark.parametrize("variables", [{}, {"WORLD_SIZE": "2", "RANK": "1"}, {**dict.fromkeys(VARIABLES, "1")}])
def test_a_process_is_alone_without_all_that_torchrun_says_and_in_a_training_of_one(monkeypatch, variables):
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert (launched(), processes(), rank()) == (False, 1, 0)


def test_torchrun_says_how_many_there_are_and_which_this_is(monkeypatch):
    values = {**dict.fromkeys(VARIABLES, "0"), "WORLD_SIZE": "3", "RANK": "2", "LOCAL_RANK": "2"}
    for name, value in values.items():
        monkeypatch.setenv(name, value)
    assert (launched(), processes(), rank()) == (True, 3, 2)
