from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from places import SHARED_DATA

from satkit.data import IGNORE, load_data
from satkit.data.datasets.camvid import CLASS_NAMES
from satkit.data.reading.problems import DataError
from satkit.scenario import scenario
from satkit.utils.errors import UsageError

REAL = SHARED_DATA / "camvid_small"
needs_data = pytest.mark.skipif(not REAL.is_dir(), reason=f"needs CamVid in {REAL} (set SATKIT_TEST_DATA)")


@pytest.fixture
def root(tmp_path):
    """Two training images, one to validate and one to test, 3 x 4 pixels, annotated with 0 .. 11."""
    for split, names in (("train", "ab"), ("val", "c"), ("test", "d")):
        for number, name in enumerate(names):
            write(tmp_path / split / f"{name}.png", np.full((3, 4, 3), 50 * number + len(split)))
            write(tmp_path / f"{split}annot" / f"{name}.png", np.arange(12).reshape(3, 4))
    return tmp_path


def load(root, **options):
    return load_data("camvid", root, **options)


def write(path: Path, values):
    path.parent.mkdir(exist_ok=True)
    Image.fromarray(np.asarray(values, dtype=np.uint8)).save(path)


def test_annotated_classes_become_labels_from_one_and_unlabelled_is_ignored(root):
    expected = [[1, 2, 3, 4], [5, 6, 7, 8], [9, 10, 11, IGNORE]]
    np.testing.assert_array_equal(load(root).train.labels[0], expected)


def test_names_follow_the_values_of_the_annotation():
    assert len(CLASS_NAMES) == 12
    assert [CLASS_NAMES[label] for label in (0, 1, 4, 11)] == ["background", "sky", "road", "bicyclist"]


def test_splits_keep_names_images_and_presence(root):
    data = load_data("camvid", str(root))
    assert (data.train.names, data.test.names) == (("a", "b"), ("d",))
    assert data.train.images.shape == (2, 3, 4, 3)
    assert (data.train.images[1] == 55).all()
    np.testing.assert_array_equal(data.train.present, [[False] + [True] * 11] * 2)


def test_validation_images_can_be_the_test_split(root):
    assert load(root, test_split="val").test.names == ("c",)
    with pytest.raises(UsageError, match="Unknown test split 'vall'. Did you mean 'val'"):
        load(root, test_split="vall")


def test_images_of_different_sizes_are_a_list(root):
    write(root / "train" / "b.png", np.zeros((5, 6, 3)))
    write(root / "trainannot" / "b.png", np.zeros((5, 6)))
    assert [image.shape for image in load(root).train.images] == [(3, 4, 3), (5, 6, 3)]


@pytest.mark.parametrize("given", ["", "no/such/folder"])
def test_without_its_folder_it_says_what_to_pass_and_what_must_be_there(given):
    with pytest.raises(UsageError, match="--root ROOT") as caught:
        load(given)
    assert "trainannot/" in str(caught.value)
    assert (given or "none") in str(caught.value)


def test_everything_wrong_is_raised_at_once(root):
    (root / "train" / "a.png").write_bytes(b"")
    (root / "testannot" / "d.png").unlink()
    write(root / "testannot" / "e.png", np.zeros((3, 4)))
    write(root / "trainannot" / "b.png", np.full((3, 4), 12))
    with pytest.raises(DataError) as caught:
        load(root)
    found = [(Path(problem.path).name, problem.what) for problem in caught.value.problems]
    assert found == [
        ("d.png", "image without mask"),
        ("e.png", "mask without image"),
        ("a.png", "unreadable image"),
        ("b.png", "mask values that are no label"),
    ]


def test_a_split_that_is_not_used_is_not_checked(root):
    (root / "valannot" / "c.png").write_bytes(b"")
    assert len(load(root).train) == 2


@needs_data
def test_the_real_camvid_has_its_published_numbers_of_images():
    data = load(REAL)
    assert (len(data.train), len(data.test)) == (367, 233)
    assert data.train.images.shape[1:] == (180, 240, 3)
    assert not data.train.present[:, 0].any(), "there is no background in a whole annotation"
    assert data.train.present[:, 1:].any(axis=0).all()
    road, sky = (np.mean([(labels == label).mean() for labels in data.train.labels]) for label in (4, 1))
    assert 0.2 < road < 0.4
    assert 0.1 < sky < 0.25


@needs_data
def test_the_sky_of_the_real_camvid_is_above_its_road():
    rows = {label: [] for label in (1, 4)}
    for labels in load(REAL, test_split="val").test.labels:
        for label, found in rows.items():
            found.extend(np.nonzero(labels == label)[0].tolist())
    assert np.mean(rows[1]) < 60 < 120 < np.mean(rows[4])


@needs_data
def test_a_scenario_divides_the_real_camvid():
    data = load(REAL)
    steps = scenario(data.class_names, "6-5").steps
    assert [step.new for step in steps] == [(1, 2, 3, 4, 5, 6), (7, 8, 9, 10, 11)]
