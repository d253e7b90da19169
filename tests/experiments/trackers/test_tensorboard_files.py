"""Event files hold the configuration and the pictures; a run has one of them."""

import json

import numpy as np
import pytest
import tracked
from PIL import Image

from satkit.experiments.trackers import tensorboard_files
from satkit.experiments.trackers.tensorboard_files import TensorBoardFiles
from satkit.experiments.trackers.tracker import Place

pytest.importorskip("tensorboard", reason="tensorboard is not installed")


def test_configuration_and_pictures_are_read_back(tmp_path):
    pixels = np.random.default_rng(0).integers(0, 256, (9, 12, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(tmp_path / "10-iou.png")
    tracker = TensorBoardFiles(Place(tmp_path))
    tracker.config({"data": "scenes", "strategy": {"name": "SATS"}})
    tracker.figure("10-iou", tmp_path / "10-iou.png")
    tracker.close()
    found = tracked.accumulator(tmp_path)
    text = found.Tensors("config/text_summary")[0].tensor_proto.string_val[0].decode()
    assert all(line.startswith("    ") for line in text.splitlines())  # so TensorBoard shows it as it is
    assert json.loads(text) == {"data": "scenes", "strategy": {"name": "SATS"}}
    (picture,) = found.Images("10-iou")
    (tmp_path / "read.png").write_bytes(picture.encoded_image_string)
    assert np.array_equal(np.asarray(Image.open(tmp_path / "read.png")), pixels)


def test_a_record_that_is_opened_again_begins_anew(tmp_path):
    for values in ((0.5, 0.25, 0.125), (0.5, 0.75)):
        tracker = TensorBoardFiles(Place(tmp_path))
        for at, value in enumerate(values):
            tracker.scalars(3, at, {"miou/old": value})
        tracker.close()
    found = tracked.accumulator(tmp_path)
    assert [(each.step, each.value) for each in found.Scalars("step03/miou/old")] == [(0, 0.5), (1, 0.75)]


def test_what_is_recorded_can_be_read_before_the_end(tmp_path):
    tracker = TensorBoardFiles(Place(tmp_path))
    tracker.scalars(0, 1, {"lr": 0.5})
    assert tracked.accumulator(tmp_path).Tags()["scalars"] == ["step00/lr"]
    tracker.close()


def test_the_command_that_shows_it_takes_any_folder(tmp_path):
    assert tensorboard_files.look(tmp_path / "my runs", "*") == f"tensorboard --logdir '{tmp_path}/my runs'"
