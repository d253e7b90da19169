"""What a page shows of a weight is what was measured, and a picture of it is there for readers without JavaScript."""

import base64
import io
import json

import numpy as np
import pytest
from PIL import Image
from weight_files import NAMES, WEIGHTS, WORLDS, about, weight_file

from satkit.analysis.codes import labels_from
from satkit.analysis.measured_weights import read_weights
from satkit.studies.page_data import json_inside
from satkit.studies.weight_page import ROOM, data_of, section_of, weight_section

MACHINE = {"torch": "2", "device": "CPU", "satkit": "1"}


@pytest.fixture
def measured(tmp_path):
    return read_weights(weight_file(tmp_path, machines=[MACHINE]))


def test_curves_are_the_means_with_their_intervals(measured):
    data = json.loads(json_inside(data_of(measured)))
    assert (data["weights"], data["first"], data["paper"], data["seeds"]) == ([0, 5, 20], 2, 20, 2)
    assert [world["name"] for world in data["worlds"]] == list(WORLDS)
    for world in data["worlds"]:
        for name in ("old", "new", "all", "drift"):
            means, widths = measured.curve(world["name"], name)
            np.testing.assert_allclose(world["curves"][name]["means"], means)
            np.testing.assert_allclose(world["curves"][name]["widths"], widths)


def test_one_seed_has_no_interval(tmp_path):
    rows = [row for row in about()["rows"] if row["seed"] == 0]
    settings = {**about()["settings"], "seed": [0]}
    one = read_weights(weight_file(tmp_path, rows=rows, settings=settings, machines=[MACHINE]))
    data = json.loads(json_inside(data_of(one)))
    assert data["worlds"][0]["curves"]["old"]["widths"] == [None] * 3
    assert "one seed (0)" in section_of(one).made


def test_predictions_are_in_the_order_of_the_weights(measured):
    for world in data_of(measured)["worlds"]:
        for image, example in zip(world["images"], measured.examples[world["name"]], strict=True):
            assert len(image["predictions"]) == len(WEIGHTS)
            for runs, expected in zip(image["predictions"], example.predictions, strict=True):
                np.testing.assert_array_equal(labels_from(runs).reshape(expected.shape), expected)


def test_the_picture_and_the_sentences_say_what_was_run(measured):
    section = section_of(measured)
    with Image.open(io.BytesIO(base64.b64decode(section.still.source.partition(",")[2]))) as picture:
        assert picture.width > 600
    assert section.still.alt.startswith("Weight 20 of attention transfer, and 0: mean IoU in % over 2 seeds.")
    first, _, second = section.lead.partition(". ")
    assert first == "The weights are 0, 5, 20 (the paper's weight)"
    assert second == f"In each run a model learnt 2 classes, and then {len(NAMES) - 3} more, 1 at a time."
    assert section.made.startswith("pseudo-labels + distillation 10, without and with attention transfer; scenes 2-1, ")


def test_the_section_of_the_kit_fits_into_the_room_that_its_page_leaves():
    section = weight_section()
    assert len(json_inside(section.data)) + len(section.still.source) < ROOM
