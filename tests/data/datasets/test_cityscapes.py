import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from satkit.data import IGNORE, load_data
from satkit.data.datasets.cityscapes import CITIES, CLASS_NAMES, LABEL_IDS, find
from satkit.data.reading.problems import DataError
from satkit.utils.errors import UsageError

LABEL_ID_ROWS = np.array([*range(34), 255, 7]).reshape(6, 6)
IMAGES = (("train", "zurich", 0), ("train", "aachen", 1), ("train", "aachen", 2), ("val", "lindau", 3))


@pytest.fixture
def root(tmp_path):
    """Two images of Aachen and one of Zürich to learn from, one of Lindau to test on; masks with every value."""
    for split, city, number in IMAGES:
        add(tmp_path, split, city, number)
    return tmp_path


def add(root: Path, split: str, city: str, number: int):
    save(image_file(root, split, city, number), np.full((6, 6, 3), 20 * number))
    save(mask_file(root, split, city, number), LABEL_ID_ROWS)


def image_file(root, split, city, number):
    return root / f"leftImg8bit/{split}/{city}/{city}_{number:06}_000019_leftImg8bit.png"


def mask_file(root, split, city, number):
    return root / f"gtFine/{split}/{city}/{city}_{number:06}_000019_gtFine_labelIds.png"


def save(path: Path, values):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.asarray(values, dtype=np.uint8)).save(path)


def problems_of(root):
    return [(Path(problem.path).name, problem.what) for problem in find(root).problems]


def test_the_nineteen_evaluated_values_become_labels_and_all_others_are_ignored(root):
    labels = load_data("cityscapes", root).train.labels[0]
    for value, label in zip(LABEL_ID_ROWS.ravel().tolist(), labels.ravel().tolist(), strict=True):
        assert (label == IGNORE) == (value not in LABEL_IDS)
        assert label == IGNORE or CLASS_NAMES[label] == LABEL_IDS[value]
    assert set(labels.ravel().tolist()) == {*range(1, 20), IGNORE}


def test_the_classes_are_the_published_ones_in_their_order():
    assert list(LABEL_IDS) == [7, 8, 11, 12, 13, 17, *range(19, 29), 31, 32, 33]
    assert len(CLASS_NAMES) == 20
    assert [CLASS_NAMES[label] for label in (0, 1, 11, 14, 19)] == ["background", "road", "sky", "car", "bicycle"]


def test_there_are_21_cities_and_those_of_the_validation_images_come_last():
    assert len(set(CITIES)) == 21
    assert CITIES[-3:] == ("frankfurt", "lindau", "munster")
    assert CITIES[:2] == ("aachen", "bremen")


def test_each_image_carries_its_city_and_the_cities_come_in_their_published_order(root):
    data = load_data("cityscapes", root)
    assert data.train.domains == ("aachen", "aachen", "zurich")
    assert data.test.domains == ("lindau",)
    assert data.domains == ("aachen", "zurich", "lindau")
    assert data.train.names[0] == "aachen/aachen_000001_000019"
    assert data.pool.domains == (*data.train.domains, *data.test.domains)


def test_the_pool_is_in_the_order_that_the_published_division_shuffles(root):
    add(root, "train", "bochum", 4)  # learnt tenth, but second in the alphabet
    assert load_data("cityscapes", root).pool.domains == ("aachen", "aachen", "bochum", "zurich", "lindau")


def test_no_image_shows_the_background(root):
    assert load_data("cityscapes", root).train.present.tolist() == [[False] + [True] * 19] * 3


def test_other_files_of_the_annotation_and_hidden_ones_are_no_part_of_the_data(root):
    mask = mask_file(root, "train", "aachen", 1)
    for name in (
        "aachen_000001_000019_gtFine_color.png",
        "aachen_000001_000019_gtFine_polygons.json",
        f"._{mask.name}",
    ):
        mask.with_name(name).touch()
    assert problems_of(root) == []
    assert len(find(root).train) == 3


def test_images_and_masks_without_the_other_are_named_with_what_was_looked_for(root):
    mask_file(root, "train", "aachen", 1).unlink()
    image_file(root, "val", "lindau", 3).unlink()
    first, second = find(root).problems
    assert (first.path, first.what) == (str(image_file(root, "train", "aachen", 1)), "image without mask")
    assert first.detail == f"no aachen_000001_000019_gtFine_labelIds.png in {root / 'gtFine/train/aachen'}"
    assert (second.path, second.what) == (str(mask_file(root, "val", "lindau", 3)), "mask without image")
    assert second.detail == "no lindau_000003_000019_leftImg8bit.png"


def test_an_unknown_city_is_named_once_with_the_known_ones(root):
    for number in range(3):
        add(root, "train", "berlin", number)
    (problem,) = find(root).problems
    assert (problem.path, problem.what) == (str(root / "leftImg8bit/train/berlin"), "unknown city")
    assert problem.detail.startswith("known are aachen, bremen,")


def test_missing_and_empty_folders_are_named(root):
    shutil.rmtree(root / "gtFine/train")
    shutil.rmtree(root / "leftImg8bit/val/lindau")
    shutil.rmtree(root / "gtFine/val/lindau")
    expected = [(root / "gtFine/train", "missing folder"), (root / "leftImg8bit/val", "empty folder")]
    assert [(Path(problem.path), problem.what) for problem in find(root).problems] == expected


def test_values_that_the_annotation_does_not_know_are_raised(root):
    save(mask_file(root, "val", "lindau", 3), np.full((6, 6), 34))
    with pytest.raises(DataError, match=r"labelIds.png: mask values that are no label \(34 at 36 pixels"):
        load_data("cityscapes", root)


def test_without_its_folder_it_shows_the_tree_it_expects():
    with pytest.raises(UsageError, match="Cityscapes needs its folder") as caught:
        find("")
    assert "NAME_gtFine_labelIds.png" in str(caught.value)
