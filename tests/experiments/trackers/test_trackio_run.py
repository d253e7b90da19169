"""Records of trackio stay on this machine, in the folder of runs."""

import os
import sys

import pytest
import tracked
from PIL import Image

from satkit.experiments.trackers import trackio_run
from satkit.experiments.trackers.tracker import Place
from satkit.experiments.trackers.trackio_run import TrackioRun


@pytest.fixture
def trackio(monkeypatch):
    """What stands in for trackio."""
    tracked.use(monkeypatch, "trackio", standing_in=True)
    return sys.modules["trackio"]


def test_it_is_kept_in_the_folder_of_runs_unless_another_is_named(tmp_path, monkeypatch, trackio):
    monkeypatch.setenv("SATKIT_RUNS", str(tmp_path / "my runs"))
    monkeypatch.delenv("TRACKIO_DIR")
    said = trackio_run.look(tmp_path / "mine", "*")
    assert said == f"TRACKIO_DIR='{tmp_path}/my runs/trackio' trackio show --project mine"
    trackio_run.load()
    assert os.environ["TRACKIO_DIR"] == f"{tmp_path}/my runs/trackio"
    monkeypatch.setenv("TRACKIO_DIR", "/elsewhere")
    assert trackio_run.look(tmp_path / "mine", "*/*") == "TRACKIO_DIR=/elsewhere trackio show"


def test_a_record_that_is_opened_again_begins_anew_and_says_nothing(tmp_path, trackio, capsys, monkeypatch):
    monkeypatch.setenv("TRACKIO_SPACE_ID", "me/mine")
    for values in ((0.5, 0.25, 0.125), (0.5, 0.75)):
        tracker = TrackioRun(Place(tmp_path / "study" / "sats"))
        tracker.config({"data": "scenes"})
        for at, value in enumerate(values):
            tracker.scalars(3, at, {"miou/old": value})
        tracker.close()
    assert trackio.KEPT["study", "sats"] == [{"step03/miou/old": 0.5, "step": 0}, {"step03/miou/old": 0.75, "step": 1}]
    assert trackio.CONFIGS["study", "sats"] == {"data": "scenes"}
    assert capsys.readouterr().out == ""
    assert os.environ["TRACKIO_SPACE_ID"] == "me/mine"


def test_pictures_go_with_it(tmp_path, trackio):
    tracker = TrackioRun(Place(tmp_path / "study" / "figures"))
    tracker.figure("10-iou", tmp_path / "10-iou.png")
    assert trackio.KEPT["study", "figures"] == [{"10-iou": tmp_path / "10-iou.png", "step": 0}]


def test_configuration_and_picture_are_in_the_files_of_the_real_library(tmp_path, monkeypatch):
    tracked.use(monkeypatch, "trackio")
    from trackio.sqlite_storage import SQLiteStorage

    Image.new("RGB", (4, 4)).save(tmp_path / "10-iou.png")
    tracker = TrackioRun(Place(tmp_path / "figures"))
    tracker.config({"strategy": {"name": "SATS"}})
    tracker.figure("10-iou", tmp_path / "10-iou.png")
    tracker.close()
    study = Place(tmp_path / "figures").project
    assert SQLiteStorage.get_run_config(study, "figures")["strategy"] == {"name": "SATS"}
    assert SQLiteStorage.get_logs(study, "figures")[0]["10-iou"]["_type"] == "trackio.image"
