"""A tracker is chosen by its name, for as long as a block lasts; what cannot be used is said before anything runs."""

import os
import sys

import pytest
import tracked

from satkit.experiments.trackers import choice
from satkit.experiments.trackers.choice import TRACKERS, chosen, how_to_look, opened, tracking
from satkit.utils.errors import UsageError


@pytest.fixture(autouse=True)
def _nothing_chosen(monkeypatch):
    monkeypatch.delenv("SATKIT_TRACK", raising=False)


def test_without_a_name_nothing_is_recorded(tmp_path):
    with tracking():
        assert (chosen(), opened(tmp_path), how_to_look(tmp_path)) == ("", None, "")


def test_a_name_holds_for_a_block_and_reaches_other_processes_through_the_environment(monkeypatch):
    tracked.use(monkeypatch, "wandb", standing_in=True)
    monkeypatch.delenv("SATKIT_TRACK")
    with tracking("wandb"):
        assert os.environ["SATKIT_TRACK"] == chosen() == "wandb"
    assert chosen() == ""
    monkeypatch.setenv("SATKIT_TRACK", "tensorboard")
    with pytest.raises(KeyError), tracking("wandb"):
        raise KeyError
    assert chosen() == "tensorboard"


def test_an_unknown_tracker_is_refused_with_the_choices_and_the_nearest(monkeypatch):
    with (
        pytest.raises(
            UsageError, match="Unknown tracker 'tensorbord'. Did you mean 'tensorboard'. Choose one of: tensorboard, w"
        ),
        tracking("tensorbord"),
    ):
        pytest.fail("The block must not begin.")
    assert chosen() == ""
    monkeypatch.setenv("SATKIT_TRACK", "wanb")
    with pytest.raises(UsageError, match="Did you mean 'wandb'"), tracking():
        pytest.fail("The block must not begin.")


@pytest.mark.parametrize("name", TRACKERS)
def test_a_missing_package_is_one_sentence_with_the_command_that_installs_it(name, monkeypatch):
    monkeypatch.setenv("TRACKIO_DIR", "nowhere")
    for module in ("wandb", "trackio", "torch.utils.tensorboard"):
        monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(UsageError) as refused, tracking(name):
        pytest.fail("The block must not begin.")
    said = str(refused.value)
    assert said.startswith(f"The tracker {name} needs a package that cannot be imported (")
    assert f"Install it: python -m pip install {TRACKERS[name].package}" in said
    assert "\n" not in said


@pytest.mark.parametrize("name", ["wandb", "trackio"])
def test_a_folder_with_the_name_of_a_package_is_not_taken_for_it(name, tmp_path, monkeypatch):
    (tmp_path / name).mkdir()
    monkeypatch.setenv("TRACKIO_DIR", "nowhere")
    monkeypatch.delitem(sys.modules, name, raising=False)
    monkeypatch.setattr(sys, "path", [str(tmp_path)])
    with pytest.raises(UsageError, match="there is only a folder of this name"):
        choice.ready(name)
    del sys.modules[name]
