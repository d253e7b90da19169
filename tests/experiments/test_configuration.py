"""Two configurations differ in named settings; a hash stands for all that decides a result."""

from run_files import CONFIG, changed

from satkit.experiments.configuration import config_hash, differences


def test_differences_are_named_to_their_depth():
    there = {"a": {"b": {"c": 1, "d": 2}}, "e": 3, "machine": {"threads": 1}}
    asked = {"a": {"b": {"c": 1, "d": 4}}, "f": 5, "machine": {"threads": 2}}
    assert differences(there, asked) == [("a.b.d", 2, 4), ("e", 3, None), ("f", None, 5)]


def test_a_tuple_and_a_list_are_the_same_setting():
    assert differences({"scale": [0.5, 2.0]}, {"scale": (0.5, 2.0)}) == []


def test_only_the_outermost_machine_is_left_out_of_the_comparison():
    assert differences({"a": {"machine": 1}}, {"a": {"machine": 2}}) == [("a.machine", 1, 2)]


def test_the_hash_is_that_of_everything_but_the_machine():
    assert config_hash(CONFIG) == config_hash(changed(machine={"torch": "3.0"}))
    assert config_hash(CONFIG) == config_hash(changed(order=[1, 2, 3]))
    assert config_hash(CONFIG) != config_hash(changed(seed=5))
