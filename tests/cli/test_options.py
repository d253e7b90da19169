"""Words of the command line become settings and numbers, or an error that names the option and the word."""

import argparse

import pytest

from satkit.cli.options import add_settings, add_track, given, number, whole_numbers
from satkit.experiments.settings import FIELDS, flag
from satkit.utils.errors import UsageError


def read(*words, names=tuple(FIELDS)):
    command = argparse.ArgumentParser()
    add_settings(command, names)
    return given(command.parse_args(words))


def test_numbers_are_read():
    assert number("--jobs", "3") == 3
    assert whole_numbers("--seeds", "0, 1,2,") == (0, 1, 2)


def test_what_is_no_number_is_named_with_its_option():
    with pytest.raises(UsageError, match="--jobs must be a whole number, got '1.5'"):
        number("--jobs", "1.5")
    with pytest.raises(UsageError, match="--seeds must be a whole number, got 'x'"):
        whole_numbers("--seeds", "0,x")


def test_only_what_is_named_is_given_each_with_its_type():
    assert read() == {}
    assert read("--seed", "0", "--shift", "0.5", "--task", "15-1") == {"seed": 0, "shift": 0.5, "task": "15-1"}


def test_a_class_order_is_labels_or_names():
    assert read("--order", "dog,cat")["order"] == ("dog", "cat")
    assert read("--order", '["sofa, couch"]')["order"] == ("sofa, couch",)
    with pytest.raises(UsageError, match="--order must hold labels or names of classes, as in 3,1,2 or dog,cat or"):
        read("--order", "[dog]")
    assert read("--order", "3,1,2")["order"] == (3, 1, 2)
    assert read("--order", "")["order"] == ()


def test_every_setting_is_an_option_with_its_help_and_its_default():
    command = argparse.ArgumentParser()
    add_settings(command)
    text = " ".join(command.format_help().split())
    for name, each in FIELDS.items():
        assert f"[{flag(name)}]" in text if each.default is False else f"{flag(name)} VALUE" in text
        assert each.metadata["help"].split(":")[0] in text
    assert "(default quick)" in text
    assert "(default 0)" in text
    assert "(default )" not in text
    assert "(default ())" not in text


def test_a_setting_that_is_true_or_false_is_an_option_without_a_value(capsys):
    assert read("--from-scratch") == {"from_scratch": True}
    assert read("--from-scratch", "--seed", "3") == {"from_scratch": True, "seed": 3}
    with pytest.raises(SystemExit):
        read("--from-scratch=false")
    assert "--from-scratch: ignored explicit argument 'false'" in capsys.readouterr().err


def test_a_tracker_is_a_name_or_none():
    command = argparse.ArgumentParser()
    add_track(command)
    assert command.parse_args([]).track == ""
    assert command.parse_args(["--track", "wandb"]).track == "wandb"
    assert "tensorboard, wandb or trackio" in " ".join(command.format_help().split())


def test_a_command_may_have_some_of_them():
    with pytest.raises(SystemExit):
        read("--seed", "1", names=("root",))
