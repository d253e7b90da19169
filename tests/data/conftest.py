"""Data sets made by hand: seven images, and three places."""

from dataclasses import replace

import pytest
from hand_made import NAMES, SHOWN, split_of

from satkit.data import SegmentationData


@pytest.fixture
def data():
    return SegmentationData("hand-made", NAMES, split_of(SHOWN), split_of(SHOWN), "none")


@pytest.fixture
def places():
    """Twelve images in three places, the labels 1 .. 4 in all of them."""
    split = replace(split_of([[0, 1, 2, 3, 4]] * 8), domains=("b",) * 5 + ("a",) * 3)
    test = replace(split_of([[1, 2, 3, 4]] * 4), domains=("c",) * 4)
    return SegmentationData("places", NAMES, split, test, "none", ("a", "b", "c"))
