import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from places import SHARED_DATA as SHARED

from satkit.data import IGNORE, load_data
from satkit.data.datasets.voc import CLASS_NAMES, download, find
from satkit.data.reading.problems import DataError
from satkit.utils.disk_places import unusable
from satkit.utils.errors import UsageError

REAL, PRESENCE = SHARED / "voc2012_mini", SHARED / "voc2012_presence.npz"
needs_data = pytest.mark.skipif(not REAL.is_dir(), reason=f"needs VOC in {REAL} (set SATKIT_TEST_DATA)")
MASK = np.array([[0, 1, 2, 255], [20, 20, 15, 0], [0, 0, 255, 7]])


@pytest.fixture
def root(tmp_path):
    """Images p and q of SBD, a of the devkit's own training list, and v to test on."""
    devkit = tmp_path / "VOCdevkit/VOC2012"
    for number, name in enumerate("apqv"):
        save(devkit / f"JPEGImages/{name}.jpg", np.full((3, 4, 3), 60 * number))
        save(devkit / f"SegmentationClassAug/{name}.png", MASK)
    for name in "av":
        save(devkit / f"SegmentationClass/{name}.png", MASK, palette=True)
    for name, text in (("train", "a\n"), ("val", "v\n"), ("train_aug", "q\np\na\n")):
        write_list(devkit, name, text)
    return tmp_path


def save(path: Path, values, palette=False):
    path.parent.mkdir(parents=True, exist_ok=True)
    image = Image.fromarray(np.asarray(values, dtype=np.uint8))
    if palette:
        image = image.convert("P")
        image.putdata(np.ravel(values).tolist())
        image.putpalette([255 - value for value in range(256) for _ in range(3)])
    image.save(path)


def write_list(devkit: Path, name: str, text: str):
    path = devkit / f"ImageSets/Segmentation/{name}.txt"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def names(files):
    return "".join(pair.name for pair in files.train), "".join(pair.name for pair in files.test)


def test_there_are_twenty_classes_in_the_order_of_the_masks():
    assert len(CLASS_NAMES) == 21
    assert [CLASS_NAMES[label] for label in (0, 1, 15, 20)] == ["background", "aeroplane", "person", "tv monitor"]
    assert list(CLASS_NAMES[1:]) == sorted(CLASS_NAMES[1:])


def test_augmented_masks_are_used_for_training_if_present_and_val_for_tests(root):
    files = find(root)
    assert names(files) == ("qpa", "v")
    assert {pair.mask.parent.name for pair in files.train} == {"SegmentationClassAug"}
    assert {pair.mask.parent.name for pair in files.test} == {"SegmentationClass"}
    assert names(find(root, masks="augmented")) == ("qpa", "v")


def test_without_augmented_masks_the_training_list_of_the_devkit_is_used(root):
    files = find(root, masks="original")
    assert (names(files), files.train[0].mask.parent.name) == (("a", "v"), "SegmentationClass")
    shutil.rmtree(root / "VOCdevkit/VOC2012/SegmentationClassAug")
    assert names(find(root)) == ("a", "v")


def test_requested_augmented_masks_must_exist(root):
    shutil.rmtree(root / "VOCdevkit/VOC2012/SegmentationClassAug")
    with pytest.raises(UsageError, match="SegmentationClassAug, which is missing. Choose masks 'orig"):
        find(root, masks="augmented")


def test_an_unknown_choice_of_masks_is_answered_with_the_nearest(root):
    with pytest.raises(UsageError, match="Unknown choice of masks 'augment'. Did you mean 'augmented'"):
        find(root, masks="augment")


def test_the_augmented_list_goes_by_two_names(root):
    lists = root / "VOCdevkit/VOC2012/ImageSets/Segmentation"
    (lists / "train_aug.txt").rename(lists / "trainaug.txt")
    assert names(find(root)) == ("qpa", "v")
    (lists / "trainaug.txt").unlink()
    assert [(Path(problem.path).name, problem.what) for problem in find(root).problems] == [
        ("train_aug.txt", "missing list of names")
    ]


@pytest.mark.parametrize("at", ["", "VOCdevkit", "VOCdevkit/VOC2012"])
def test_the_root_may_be_the_devkit_or_a_folder_around_it(root, at):
    files = find(root / at)
    assert (names(files), files.problems) == (("qpa", "v"), ())


def test_palettes_and_indices_give_the_same_labels(root):
    data = load_data("voc", root)
    np.testing.assert_array_equal(data.train.labels[2], MASK)
    np.testing.assert_array_equal(data.test.labels[0], MASK)
    with Image.open(root / "VOCdevkit/VOC2012/SegmentationClass/v.png") as image:
        assert image.mode == "P"
    assert IGNORE in data.test.labels
    assert np.flatnonzero(data.test.present[0]).tolist() == [0, 1, 2, 7, 15, 20]


def test_a_value_without_a_class_and_a_listed_name_without_files_are_raised_together(root):
    devkit = root / "VOCdevkit/VOC2012"
    save(devkit / "SegmentationClassAug/p.png", np.full((3, 4), 21))
    write_list(devkit, "val", "v\nw\n")
    with pytest.raises(DataError) as caught:
        load_data("voc", root)
    assert [(Path(problem.path).name, problem.what) for problem in caught.value.problems] == [
        ("w.jpg", "missing file"),
        ("w.png", "missing file"),
        ("p.png", "mask values that are no label"),
    ]


@needs_data
@pytest.mark.parametrize("at", ["", "VOCdevkit", "VOCdevkit/VOC2012"])
def test_the_real_voc_is_found_from_every_folder_around_it(at):
    files = find(REAL / at)
    assert (len(files.train), len(files.test), files.problems) == (60, 20, ())


@needs_data
def test_the_real_voc_holds_every_class_in_images_of_every_size():
    data = load_data("voc", REAL)
    assert (len(data.train), len(data.test)) == (60, 20)
    assert len({image.shape for image in data.train.images}) > 10
    assert (data.train.present.any(axis=0) | data.test.present.any(axis=0)).all()
    for image, labels in zip(data.train.images, data.train.labels, strict=True):
        assert image.shape == (*labels.shape, 3)


@needs_data
@pytest.mark.skipif(not PRESENCE.is_file(), reason=f"needs {PRESENCE} (set SATKIT_TEST_DATA)")
def test_the_classes_of_each_real_image_are_those_of_the_published_masks():
    data, published = load_data("voc", REAL), np.load(PRESENCE)
    rows = dict(zip(published["ids"].tolist(), published["present"], strict=True))
    for split in (data.train, data.test):  # the small copy has lists of its own
        np.testing.assert_array_equal(split.present, [rows[name] for name in split.names])


def test_a_place_that_cannot_take_a_download_is_not_called_a_failed_download(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(OSError, match="file") as raised:
        download(tmp_path / "file" / "below")
    assert "below cannot be used" in unusable(raised.value)
