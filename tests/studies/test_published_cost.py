"""What published rows cost: operations counted in the network, images counted in the lists, and their products."""

import numpy as np
import pytest
import torch
from places import SHARED_DATA
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from satkit.scenario import scenario
from satkit.studies.published_cost import IMAGES, PEAK, REACHED, TESTED, cost, kept, markdown, operations

PRESENCE = SHARED_DATA / "voc2012_presence.npz"


def test_a_run_costs_its_images_times_its_epochs():
    forward = operations("voc") / 1e15
    found = cost("voc", "15-1")
    assert found.base == pytest.approx(30 * 9568 * 3 * forward)
    assert found.later == pytest.approx(3 * (487 + 299 + 491 + 500 + 548) * 4 * forward)  # three epochs a step
    assert found.tested == pytest.approx(6 * 1449 * forward)
    whole = found.base + found.later + found.tested
    assert found.hours == pytest.approx(whole * 1e15 / (REACHED * PEAK) / 3600)
    assert cost("ade20k", "100-50").base == pytest.approx(60 * 20192 * 3 * operations("ade20k") / 1e15)
    assert forward < operations("ade20k") / 1e15 < 1.05 * forward  # more classes


def test_operations_are_those_of_products():
    layer, image = nn.Conv2d(3, 5, 3, padding=1), torch.empty(1, 3, 8, 8)
    with FlopCounterMode(display=False) as counter:
        layer(image)
    assert counter.get_total_flops() == 2 * 5 * 3 * 9 * 64  # a product and its sum are two
    assert 30e9 < operations("voc") < 60e9  # 21 * 10^9 products and sums


def test_what_is_kept_grows_with_the_crop_and_is_more_than_the_features():
    assert 0.3e9 < kept("voc") < 1.5e9


@pytest.mark.skipif(not PRESENCE.is_file(), reason=f"needs {PRESENCE} (set SATKIT_TEST_DATA)")
def test_the_images_of_voc_are_those_that_its_masks_give():
    stored = np.load(PRESENCE)
    present = stored["present"][stored["split"] == "train_aug"]
    for (data, task), images in IMAGES.items():
        if data == "voc":
            steps = scenario([str(number) for number in range(21)], task).steps
            assert [int(present[:, list(step.new)].any(axis=1).sum()) for step in steps] == list(images)


def test_the_table_has_a_line_for_every_row_and_states_its_assumptions():
    _, _, *lines = markdown().strip().splitlines()
    assert [line.split("|")[1:3] for line in lines[: len(IMAGES)]] == [[f" {a} ", f" {b} "] for a, b in IMAGES]
    said = " ".join(lines)
    assert all(words in said for words in ("assumed are 10%", "Not measured", "for the backward pass"))
    assert set(TESTED) == {data for data, _ in IMAGES}
