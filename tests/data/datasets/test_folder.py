import shutil
import unicodedata
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from satkit.data import IGNORE, load_data
from satkit.data.datasets.folder import find
from satkit.data.reading.problems import DataError
from satkit.utils.errors import UsageError


@pytest.fixture
def root(tmp_path):
    """Five images as people have them: every suffix and mode, spaces, accents, several sizes; values 0, 3, 7, 255."""
    add(tmp_path, "beach 1.jpg", "beach 1.png", (4, 6), mode="RGB")
    add(tmp_path, "IMG_002.JPG", "IMG_002.png", (3, 5), mode="L")
    add(tmp_path, "scan (3).jpeg", "scan (3).PNG", (6, 4), mode="RGB", palette=True)
    decomposed, composed = (unicodedata.normalize(form, "café.png") for form in ("NFD", "NFC"))
    add(tmp_path, decomposed, composed, (4, 6), mode="RGBA")
    add(tmp_path, "zoo.v2.png", "zoo.v2.png", (4, 6), mode="P")
    return tmp_path


def add(root, image, mask, size, values=(0, 3, 7, 255), mode="RGB", palette=False):
    """Save a pair whose mask shows the values in turn; each image has its own shade."""
    images, masks = root / "images", root / "masks"
    for folder in (images, masks):
        folder.mkdir(parents=True, exist_ok=True)
    shade = sum(map(ord, image)) % 250
    Image.fromarray(np.full((*size, 3), shade, dtype=np.uint8)).convert(mode).save(images / image)
    labels = Image.fromarray(np.resize(np.array(values, dtype=np.uint8), size))
    if palette:
        labels = Image.frombytes("P", labels.size, labels.tobytes())
        labels.putpalette([255 - value for value in range(256) for _ in range(3)])
    labels.save(masks / mask)


def classes(root, text, encoding="utf-8"):
    (root / "classes.txt").write_text(text, encoding=encoding)
    return root


def all_pairs(files):
    return sorted([*files.train, *files.test], key=lambda pair: pair.name)


def test_a_folder_as_people_have_it_is_read_whole(root):
    data = load_data("folder", root)
    assert data.class_names == ("background", "class 3", "class 7")
    names = sorted([*data.train.names, *data.test.names])
    assert names == ["IMG_002", "beach 1", "café", "scan (3)", "zoo.v2"]
    assert (len(data.train), len(data.test)) == (4, 1)
    for image, labels in zip(data.pool.images, data.pool.labels, strict=True):
        np.testing.assert_array_equal(labels, np.resize([0, 1, 2, IGNORE], image.shape[:2]))
    assert data.pool.present.all()


def test_an_image_with_transparency_keeps_its_colours(root):
    data = load_data("folder", root)
    index = data.pool.names.index("café")
    expected = sum(map(ord, unicodedata.normalize("NFD", "café.png"))) % 250
    assert (data.pool.images[index] == expected).all()


@pytest.mark.parametrize(
    "text",
    [
        "0 background\n3 dog\n7 guide dog\n",
        "\n7: guide dog\n\n3,dog\n0;background\n",
        "0\tBackground\r\n3\tdog\r\n7\tguide dog  \r\n",
        "background\n1 unused\n255th\ndog\n4 void\n5 Ignore\n6 other\nguide dog\n",
    ],
)
def test_classes_have_the_names_that_the_list_gives_their_values(root, text):
    data = load_data("folder", classes(root, text))
    assert data.class_names[0] == "background"
    for value, name in ((3, "dog"), (7, "guide dog")):
        label = data.class_names.index(name)
        assert find(root).table[value] == label
        assert data.pool.present[:, label].all()
    assert data.pool.present[:, 0].all()


def test_a_byte_order_mark_is_no_part_of_the_first_name(root):
    data = load_data("folder", classes(root, "0 background\n3 Vögel\n7 cat\n", "utf-8-sig"))
    assert data.class_names == ("background", "Vögel", "cat")


def test_without_a_background_no_pixel_is_background(root):
    data = load_data("folder", classes(root, "0 sky\n3 road\n7 tree\n"))
    assert data.class_names == ("background", "sky", "road", "tree")
    assert not data.pool.present[:, 0].any()
    assert set(np.unique(data.pool.labels[0]).tolist()) == {1, 2, 3, IGNORE}


def test_a_list_that_leaves_value_0_out_is_refused_with_the_line_that_is_missing(root):
    with pytest.raises(DataError, match="0 at .* add the line '0 background' to the list of classes"):
        load_data("folder", classes(root, "3 dog\n7 cat\n"))


def test_the_background_may_have_any_value_and_others_may_be_ignored(root):
    data = load_data("folder", classes(root, "0 void\n3 background\n7 cat\n9 dog\n"))
    assert data.class_names == ("background", "cat", "dog")
    np.testing.assert_array_equal(data.pool.labels[0].ravel()[:4], [IGNORE, 0, 1, IGNORE])


def test_values_that_the_list_does_not_name_are_raised(root):
    with pytest.raises(DataError, match="has 5 problems") as caught:
        load_data("folder", classes(root, "0 background\n3 dog\n8 cat\n"))
    said = "mask values that are no label (7 at 6 pixels, first at (row 0, column 2))"
    assert any(str(problem).endswith(f"beach 1.png: {said}") for problem in caught.value.problems)


def test_renamed_classes_are_seen_without_a_change_of_the_pixels(root):
    before = load_data("folder", classes(root, "0 background\n3 dog\n7 cat\n"))
    after = load_data("folder", classes(root, "0 background\n3 hound\n7 cat\n"))
    assert after.class_names == ("background", "hound", "cat")
    assert after.fingerprint == before.fingerprint


@pytest.mark.parametrize(("place", "splits"), [("test", ("train", "test")), ("val", ("train", "val"))])
def test_folders_for_the_splits_are_taken_as_they_are(root, tmp_path, place, splits):
    own = tmp_path / "own"
    for split in splits:
        shutil.copytree(root / "images", own / split / "images")
        shutil.copytree(root / "masks", own / split / "masks")
        add(own / split, f"{split}.png", f"{split}.png", (3, 3))
    files = find(own)
    assert files.problems == ()
    assert (len(files.train), len(files.test)) == (6, 6)
    assert "train" in {pair.name for pair in files.train}
    assert place in {pair.name for pair in files.test}


def test_problems_of_both_splits_are_found(root, tmp_path):
    own = tmp_path / "own"
    for split, extra in (("train", "a"), ("test", "b")):
        shutil.copytree(root / "images", own / split / "images")
        shutil.copytree(root / "masks", own / split / "masks")
        (own / split / "masks" / f"{extra}.png").touch()
    assert [Path(problem.path).name for problem in find(own).problems] == ["a.png", "b.png"]


@pytest.mark.parametrize(("share", "count"), [(0.01, 1), (0.2, 4), (0.5, 10), (0.99, 19)])
def test_a_share_of_the_images_is_drawn_to_test_on_and_none_of_both_is_empty(tmp_path, share, count):
    for number in range(20):
        add(tmp_path, f"{number}.png", f"{number}.png", (2, 2))
    files = find(tmp_path, test_share=share)
    assert (len(files.train), len(files.test)) == (20 - count, count)
    assert len({pair.name for pair in all_pairs(files)}) == 20


def test_the_draw_depends_on_the_names_alone(tmp_path):
    for place in ("one", "other"):
        for number in range(10):
            add(tmp_path / place, f"{number}.png", f"{number}.png", (2, 2 + len(place)))
    one, other = ([pair.name for pair in find(tmp_path / at, test_share=0.5).test] for at in ("one", "other"))
    assert one == other
    assert one not in (list("01234"), list("56789"))


@pytest.mark.parametrize("share", [0, 1, -0.5, 1.5])
def test_a_share_outside_zero_and_one_is_refused(root, share):
    with pytest.raises(UsageError, match=f"test_share must lie between 0 and 1, got {share}."):
        find(root, test_share=share)


def test_a_single_image_is_too_few_to_learn_from_and_test_on(tmp_path):
    add(tmp_path, "a.png", "a.png", (2, 4))
    with pytest.raises(DataError, match=r"images: folder with a single image \(training and test need one each\)"):
        load_data("folder", tmp_path)


def test_a_single_class_is_refused(tmp_path):
    for name in "ab":
        add(tmp_path, f"{name}.png", f"{name}.png", (2, 2), values=(0, 5))
    message = "A data set needs 2 to 253 classes beside background, got 1: class 5."
    with pytest.raises(UsageError, match=message):
        find(tmp_path)


def test_unreadable_masks_are_reported_before_missing_classes(root):
    for file in (root / "masks").iterdir():
        Image.new("RGB", (4, 4), (1, 2, 3)).save(file)
    with pytest.raises(DataError, match=r"5 times: mask that shows colours; .* \(a mask holds one value per pixel"):
        find(root)


def test_missing_folders_are_named_rather_than_the_classes_they_lack(tmp_path):
    with pytest.raises(DataError, match="has 2 problems") as caught:
        find(tmp_path)
    assert [problem.path for problem in caught.value.problems] == [
        str(tmp_path / "images"),
        str(tmp_path / "masks"),
    ]


def test_without_its_folder_it_shows_the_tree_it_expects():
    with pytest.raises(UsageError, match="The data set 'folder' needs its folder, got none") as caught:
        find("")
    assert "classes.txt" in str(caught.value)


@pytest.mark.parametrize(
    ("images", "masks"),
    [
        ("{split}/images", "{split}/masks"),
        ("images/{split}", "annotations/{split}"),
        ("img_dir/{split}", "ann_dir/{split}"),
        ("{split}/imgs", "{split}/labels"),
    ],
)
@pytest.mark.parametrize("splits", [("train", "val"), ("training", "validation"), ("train", "valid")])
def test_trees_of_other_tools_are_read(root, tmp_path, images, masks, splits):
    own = tmp_path / "own"
    for split in splits:
        shutil.copytree(root / "images", own / images.format(split=split))
        shutil.copytree(root / "masks", own / masks.format(split=split))
    files = find(own)
    assert files.problems == ()
    assert (len(files.train), len(files.test)) == (5, 5)


def test_masks_beside_their_images_are_read_with_the_list_of_their_tool(tmp_path):
    for split in ("train", "valid"):
        add(tmp_path, "a.jpg", "a_mask.png", (3, 3), values=(0, 1, 2))
        for folder, name in (("images", "a.jpg"), ("masks", "a_mask.png")):
            (tmp_path / split).mkdir(exist_ok=True)
            shutil.move(tmp_path / folder / name, tmp_path / split / name)
    shutil.rmtree(tmp_path / "images")
    shutil.rmtree(tmp_path / "masks")
    (tmp_path / "train" / "_classes.csv").write_text("Pixel Value, Class\n0, background\n1, dog\n2, cat\n")
    files = find(tmp_path)
    assert (files.problems, files.class_names) == ((), ("background", "dog", "cat"))
    assert (len(files.train), len(files.test)) == (1, 1)


def test_of_several_folders_to_test_on_a_labelled_one_is_taken(root, tmp_path):
    own = tmp_path / "own"
    for split in ("train", "val"):
        shutil.copytree(root / "images", own / split / "images")
        shutil.copytree(root / "masks", own / split / "masks")
    shutil.copytree(root / "images", own / "test" / "images")
    for make_empty in (False, True):
        if make_empty:
            (own / "test" / "masks").mkdir()
        files = find(own)
        assert files.problems == ()
        assert all("val" in pair.mask.parts for pair in files.test)


def test_a_foreground_of_255_is_refused_with_what_to_do(tmp_path):
    for name in "ab":
        add(tmp_path, f"{name}.png", f"{name}.png", (2, 2), values=(0, 255))
    with pytest.raises(
        UsageError, match="hold the values 0, 255, and 255 is ignored here. Save what is to be learnt with"
    ):
        find(tmp_path)
