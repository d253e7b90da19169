"""Runs of wandb stay on this machine unless WANDB_MODE says otherwise, and have one name and one id."""

import os
import sys

import pytest
import tracked
from PIL import Image

from satkit.experiments.trackers import wandb_run
from satkit.experiments.trackers.tracker import Place
from satkit.experiments.trackers.wandb_run import WandbRun


@pytest.fixture
def runs(monkeypatch):
    """The runs of a stand-in for wandb."""
    tracked.use(monkeypatch, "wandb", standing_in=True)
    return sys.modules["wandb"].RUNS


def record(folder, *values):
    folder.mkdir(parents=True, exist_ok=True)
    tracker = WandbRun(Place(folder))
    tracker.config({"data": "scenes"})
    for at, value in enumerate(values):
        tracker.scalars(0, at, {"loss/total": value})
    tracker.close()


def test_it_is_offline_by_default_and_quiet(tmp_path, runs):
    record(tmp_path / "My study" / "sats", 0.5)
    options = runs[0].options
    assert (options["mode"], options["project"], options["name"]) == ("offline", "my-study", "sats")
    assert options["config"] == {"data": "scenes"}
    assert (options["settings"]["silent"], options["settings"]["console"]) == (True, "off")
    assert os.environ["WANDB_ERROR_REPORTING"] == "false"


def test_the_end_waits_for_the_file_unless_a_run_of_somebodys_own_would_end_too(tmp_path, runs, monkeypatch):
    wandb = sys.modules["wandb"]
    record(tmp_path, 0.5)
    assert [runs[0], "teardown"] == wandb.FINISHED
    monkeypatch.setattr(wandb, "run", "somebody's own")
    record(tmp_path, 0.5)
    assert [runs[0], "teardown", runs[1]] == wandb.FINISHED


def test_a_record_that_is_opened_again_replaces_the_one_before_under_its_id(tmp_path, runs):
    record(tmp_path, 0.5, 0.25, 0.125)
    record(tmp_path, 0.5, 0.75)
    assert runs[0].id == runs[1].id
    assert [each["step00/loss/total"] for each in tracked.wandb_history(tmp_path)] == [0.5, 0.75]


def test_a_run_on_the_server_gets_only_what_it_does_not_have(tmp_path, runs, monkeypatch):
    monkeypatch.setenv("WANDB_MODE", "online")
    monkeypatch.setattr(sys.modules["wandb"], "ON_THE_SERVER", 2)
    record(tmp_path, 0.5, 0.25, 0.125)
    assert (runs[0].options["mode"], runs[0].options["resume"]) == ("online", "allow")
    assert [row["step00/loss/total"] for row in runs[0].rows] == [0.125]


def test_pictures_go_with_it(tmp_path, runs):
    Image.new("RGB", (4, 4)).save(tmp_path / "10-iou.png")
    tracker = WandbRun(Place(tmp_path))
    tracker.figure("10-iou", tmp_path / "10-iou.png")
    assert runs[0].figures == {"10-iou": tmp_path / "10-iou.png"}


def test_it_says_how_to_send_what_is_here(tmp_path, runs, monkeypatch):
    said = wandb_run.look(tmp_path / "mine", "*")
    assert said == f"nothing was sent; wandb sync {tmp_path}/mine/*/wandb/offline-run-* sends it to wandb"
    monkeypatch.setenv("WANDB_MODE", "online")
    assert wandb_run.look(tmp_path / "mine", "*") == "in the project mine of wandb (mode online)"


def test_configuration_and_picture_are_in_the_files_of_the_real_library(tmp_path, monkeypatch):
    tracked.use(monkeypatch, "wandb")
    Image.new("RGB", (4, 4)).save(tmp_path / "10-iou.png")
    tracker = WandbRun(Place(tmp_path))
    tracker.config({"strategy": {"name": "SATS"}})
    tracker.figure("10-iou", tmp_path / "10-iou.png")
    tracker.close()
    (picture,) = tmp_path.glob("wandb/offline-run-*/files/media/images/*.png")
    assert picture.read_bytes() == (tmp_path / "10-iou.png").read_bytes()
    assert b"SATS" in next(tmp_path.glob("wandb/offline-run-*/run-*.wandb")).read_bytes()
