import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from places import SHARED_DATA

from satkit.data import load_data
from satkit.data.datasets.ade20k import CLASS_NAMES, find
from satkit.data.reading.problems import DataError, DataWarning
from satkit.utils.errors import UsageError

REAL = SHARED_DATA / "ade20k_mini"
needs_data = pytest.mark.skipif(not REAL.is_dir(), reason=f"needs ADE20K in {REAL} (set SATKIT_TEST_DATA)")
MASK = np.array([[0, 1, 2], [150, 149, 75]])


@pytest.fixture
def root(tmp_path):
    """Images a and b to learn from, c to test on, 2 x 3 pixels."""
    at = tmp_path / "ADEChallengeData2016"
    for number, (name, split) in enumerate((("a", "training"), ("b", "training"), ("c", "validation"))):
        save(at / "images" / split / f"{name}.jpg", np.full((2, 3, 3), 80 * number))
        save(at / "annotations" / split / f"{name}.png", MASK)
    return tmp_path


def save(path: Path, values):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.asarray(values, dtype=np.uint8)).save(path)


def test_there_are_150_classes_of_different_names():
    assert len(CLASS_NAMES) == len(set(CLASS_NAMES)) == 151
    assert [CLASS_NAMES[label] for label in (0, 1, 13, 150)] == ["background", "wall", "person", "flag"]


def test_values_are_labels_and_what_has_no_class_is_background(root):
    data = load_data("ade20k", root)
    np.testing.assert_array_equal(data.train.labels[0], MASK)
    assert np.flatnonzero(data.train.present[0]).tolist() == [0, 1, 2, 75, 149, 150]
    assert (data.train.names, data.test.names) == (("a", "b"), ("c",))


@pytest.mark.parametrize("at", ["", "ADEChallengeData2016"])
def test_the_root_may_be_the_folder_or_the_one_around_it(root, at):
    files = find(root / at)
    assert ([pair.name for pair in files.train], files.problems) == (["a", "b"], ())


@pytest.mark.parametrize("value", [151, 255])
def test_values_beyond_the_classes_are_named_because_nothing_is_ignored(root, value):
    save(root / "ADEChallengeData2016/annotations/validation/c.png", np.full((2, 3), value))
    with pytest.raises(DataError, match=rf"c.png: mask values that are no label \({value} at 6 pixels"):
        load_data("ade20k", root)


def test_missing_folders_are_named(root):
    shutil.rmtree(root / "ADEChallengeData2016/annotations")
    with pytest.raises(DataError, match="has 2 problems") as caught:
        load_data("ade20k", root)
    for split in ("training", "validation"):
        assert f"annotations/{split}: missing folder" in str(caught.value)


def test_without_its_folder_it_shows_the_tree_it_expects():
    with pytest.raises(UsageError, match="ADE20K needs its folder") as caught:
        find("")
    assert "annotations/validation/" in str(caught.value)


@needs_data
def test_the_real_ade20k_shows_the_same_three_images_twice_and_is_warned_of():
    with pytest.warns(DataWarning, match="training image that is also a test image"):
        data = load_data("ade20k", REAL)
    assert (len(data.train), len(data.test)) == (3, 3)
    np.testing.assert_array_equal(data.train.present, data.test.present)
    assert data.train.present.sum(axis=1).min() > 5, "a scene holds many classes"


@needs_data
def test_the_class_names_are_the_first_ones_of_the_list_that_comes_with_the_data():
    lines = (REAL / "ADEChallengeData2016/objectInfo150.txt").read_text().splitlines()[1:]
    first = [line.split("\t")[-1].split(",")[0].strip() for line in lines]
    assert first == list(CLASS_NAMES[1:])
