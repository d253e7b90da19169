import os
import unicodedata
from pathlib import Path

import pytest

from satkit.data.reading.pairs import Pair, has_both, links_outside, pair_files, pair_listed
from satkit.data.reading.problems import Problem


@pytest.fixture
def folders(tmp_path):
    """Folders of images and masks; nothing here opens a file, so all of them are empty."""
    touch(tmp_path, "images/a.png", "images/b.jpg", "masks/a.png", "masks/b.png")
    return tmp_path / "images", tmp_path / "masks"


def touch(root: Path, *names):
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()


def listed(root: Path, text: str | bytes):
    """The pairs of a list in a folder whose images and masks are a and b."""
    touch(root, "images/a.jpg", "images/b.jpg", "masks/a.png", "masks/b.png")
    (root / "names.txt").write_bytes(text if isinstance(text, bytes) else text.encode())
    return pair_listed(root / "names.txt", root / "images", root / "masks")


def test_pairs_are_ordered_by_name_and_hold_both_files(folders):
    images, masks = folders
    pairs, problems = pair_files(*folders)
    assert problems == []
    assert pairs == [Pair("a", images / "a.png", masks / "a.png"), Pair("b", images / "b.jpg", masks / "b.png")]


@pytest.mark.parametrize("which", [0, 1])
def test_a_missing_folder_is_named(folders, which):
    folders[which].rename(folders[which].with_name("elsewhere"))
    assert pair_files(*folders) == ([], [Problem(str(folders[which]), "missing folder")])


@pytest.mark.parametrize("which", [0, 1])
def test_an_empty_folder_is_named_with_the_suffixes_that_count(folders, which):
    for file in folders[which].iterdir():
        file.rename(file.with_suffix(".bmp"))
    suffixes = (".jpg, .jpeg, .png", ".png")[which]
    said = f"no file ends in {suffixes}; 2 end in .bmp; save them as PNG"
    expected = Problem(str(folders[which]), "empty folder", said)
    assert pair_files(*folders) == ([], [expected])


def test_both_missing_folders_are_reported(tmp_path):
    pairs, problems = pair_files(tmp_path / "x", tmp_path / "y")
    assert pairs == []
    assert [problem.path for problem in problems] == [str(tmp_path / "x"), str(tmp_path / "y")]


def test_a_folder_that_cannot_be_listed_is_a_problem_and_no_crash(folders, monkeypatch):
    def refuse(folder):
        raise PermissionError(13, "Permission denied", str(folder))

    monkeypatch.setattr(Path, "iterdir", refuse)
    pairs, problems = pair_files(*folders)
    assert [(problem.path, problem.what) for problem in problems] == [
        (str(folder), "unreadable folder") for folder in folders
    ]
    assert "Permission denied" in problems[0].detail


def test_an_image_without_mask_is_named_with_what_was_looked_for(folders):
    (folders[1] / "a.png").unlink()
    pairs, problems = pair_files(*folders)
    assert [pair.name for pair in pairs] == ["b"]
    assert problems == [Problem(str(folders[0] / "a.png"), "image without mask", f"no a.png in {folders[1]}")]


def test_a_mask_without_image_is_named_with_what_was_looked_for(folders):
    (folders[0] / "b.jpg").unlink()
    pairs, problems = pair_files(*folders)
    assert [pair.name for pair in pairs] == ["a"]
    detail = f"no b.jpg or .jpeg or .png in {folders[0]}"
    assert problems == [Problem(str(folders[1] / "b.png"), "mask without image", detail)]


def test_two_images_of_one_stem_are_in_no_pair(folders):
    touch(folders[0], "a.jpg")
    pairs, problems = pair_files(*folders)
    assert problems == [Problem(str(folders[0] / "a.*"), "several files of the same stem", "a.jpg, a.png")]
    assert [pair.name for pair in pairs] == ["b"]


def test_hidden_files_and_other_suffixes_are_no_part_of_the_data(folders):
    before = pair_files(*folders)
    touch(folders[0], "._a.png", "Thumbs.db", "readme.txt")
    assert pair_files(*folders) == before


def test_suffixes_in_capitals_count(folders):
    (folders[0] / "a.png").rename(folders[0] / "a.PNG")
    (folders[1] / "b.png").rename(folders[1] / "b.Png")
    pairs, problems = pair_files(*folders)
    assert ([pair.name for pair in pairs], problems) == (["a", "b"], [])


def test_an_accent_is_the_same_however_it_is_written(folders):
    touch(folders[0], unicodedata.normalize("NFD", "café.jpg"))
    touch(folders[1], unicodedata.normalize("NFC", "café.png"))
    pairs, problems = pair_files(*folders)
    assert problems == []
    assert pairs[2].name == unicodedata.normalize("NFC", "café")


def test_only_the_last_dot_of_a_name_begins_a_suffix(folders):
    touch(folders[0], "frame.0001.jpg", "frame.0002.jpg")
    touch(folders[1], "frame.0001.png", "frame.0002.png")
    pairs, problems = pair_files(*folders)
    assert problems == []
    assert [pair.name for pair in pairs][2:] == ["frame.0001", "frame.0002"]


def test_a_list_gives_its_pairs_in_its_own_order(tmp_path):
    pairs, problems = listed(tmp_path, "b\na\n")
    assert problems == []
    assert pairs == [Pair(name, tmp_path / f"images/{name}.jpg", tmp_path / f"masks/{name}.png") for name in "ba"]


@pytest.mark.parametrize(
    "text",
    [
        "/JPEGImages/a.jpg /SegmentationClassAug/a.png\n/JPEGImages/b.jpg /x/b.png\n",
        "a  1\r\n\r\nb -1\r\n",
        "\ufeffa\nb",
    ],
)
def test_a_list_may_hold_paths_of_both_blank_lines_and_a_byte_order_mark(tmp_path, text):
    pairs, problems = listed(tmp_path, text)
    assert ([pair.name for pair in pairs], problems) == (["a", "b"], [])


def test_a_listed_name_without_files_is_missing_twice_with_the_list_that_names_it(tmp_path):
    pairs, problems = listed(tmp_path, "a\nc\n")
    assert [pair.name for pair in pairs] == ["a"]
    detail = f"named in {tmp_path / 'names.txt'}"
    paths = (tmp_path / "images/c.jpg", tmp_path / "masks/c.png")
    assert problems == [Problem(str(path), "missing file", detail) for path in paths]


def test_a_name_that_is_listed_twice_is_a_problem_and_one_pair(tmp_path):
    pairs, problems = listed(tmp_path, "a\nb\na\n")
    assert [pair.name for pair in pairs] == ["a", "b"]
    assert problems == [Problem(str(tmp_path / "names.txt"), "name that is listed twice", "a")]


def test_a_missing_empty_or_binary_list_is_named(tmp_path):
    missing = pair_listed(tmp_path / "no.txt", tmp_path, tmp_path)
    assert missing == ([], [Problem(str(tmp_path / "no.txt"), "missing list of names")])
    for text, what in (("\n \n", "empty list of names"), (b"\xff\xfea\x00", "unreadable list of names")):
        pairs, problems = listed(tmp_path, text)
        assert pairs == []
        assert [(problem.path, problem.what) for problem in problems] == [(str(tmp_path / "names.txt"), what)]


def test_missing_folders_of_a_list_are_named_once_and_not_for_every_name(tmp_path):
    (tmp_path / "names.txt").write_text("a\nb\n")
    pairs, problems = pair_listed(tmp_path / "names.txt", tmp_path / "images", tmp_path / "masks")
    assert pairs == []
    assert problems == [Problem(str(tmp_path / kind), "missing folder") for kind in ("images", "masks")]


def test_only_links_that_leave_the_data_set_are_warned_of(tmp_path):
    root = tmp_path / "data"
    touch(tmp_path, "data/images/a.png", "data/masks/a.png", "elsewhere/b.png")
    (root / "images/b.png").symlink_to(tmp_path / "elsewhere/b.png")
    (root / "masks/b.png").symlink_to(root / "masks/a.png")
    pairs, _ = pair_files(root / "images", root / "masks")
    expected = Problem(
        str(root / "images/b.png"), "link out of the data set", f"to {tmp_path / 'elsewhere/b.png'}", warning=True
    )
    assert links_outside(root, pairs) == [expected]


def test_a_data_set_that_is_itself_reached_by_a_link_is_not_warned_of(tmp_path):
    touch(tmp_path, "data/images/a.png", "data/masks/a.png")
    (tmp_path / "data/images/b.png").symlink_to("a.png")
    (tmp_path / "link").symlink_to(tmp_path / "data")
    at = tmp_path / "link"
    assert links_outside(at, [Pair("b", at / "images/b.png", at / "masks/a.png")]) == []


def test_links_in_a_circle_are_no_crash(tmp_path):
    circle = tmp_path / "a.png"
    os.symlink(circle, circle)
    assert links_outside(tmp_path, [Pair("a", circle, circle)]) == []


def make(folder: Path, *names: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        (folder / name).touch()
    return folder


@pytest.mark.parametrize("end", ["_mask", "_gt", "-of-annotator 2"])
def test_masks_whose_names_all_end_in_the_same_belong_to_the_images_without_it(tmp_path, end):
    images = make(tmp_path / "images", "a.jpg", "ab.png", "c.jpeg")
    masks = make(tmp_path / "masks", f"a{end}.png", f"ab{end}.png")
    pairs, problems = pair_files(images, masks)
    assert [(pair.name, pair.mask.name) for pair in pairs] == [("a", f"a{end}.png"), ("ab", f"ab{end}.png")]
    assert problems == [Problem(str(images / "c.jpeg"), "image without mask", f"no c{end}.png in {masks}")]


def test_no_end_is_cut_off_where_a_stem_is_in_both_folders(tmp_path):
    images, masks = make(tmp_path / "images", "a.jpg", "b.jpg"), make(tmp_path / "masks", "a.png", "b_mask.png")
    pairs, problems = pair_files(images, masks)
    assert [pair.name for pair in pairs] == ["a"]
    assert {problem.what for problem in problems} == {"image without mask", "mask without image"}


@pytest.mark.parametrize(
    "names",
    [("a.jpg", "a.png", "b.JPG", "b.png"), ("a.jpg", "a_mask.png", "b.png", "b_mask.png"), ("a.png", "a_gt.png")],
)
def test_masks_may_lie_beside_their_images(tmp_path, names):
    folder = make(tmp_path / "all", *names, "_classes.csv")
    assert has_both(folder)
    pairs, problems = pair_files(folder, folder)
    assert problems == []
    assert sorted(file.name for pair in pairs for file in (pair.image, pair.mask)) == sorted(names)
    assert all(pair.mask.suffix == ".png" for pair in pairs)
    assert not has_both(make(tmp_path / "images", "a.jpg", "b.png"))


@pytest.mark.parametrize(("names", "said"), [(["b.jpg", "c.png"], "2 images"), (["b.jpg"], "1 image")])
def test_subfolders_with_images_are_named_once(tmp_path, names, said):
    images, masks = make(tmp_path / "images", "a.jpg"), make(tmp_path / "masks", "a.png")
    make(images / "more", *names)
    make(images / "notes", "read.me")
    pairs, problems = pair_files(images, masks)
    assert [pair.name for pair in pairs] == ["a"]
    detail = f"{said}; only files directly in {images} are read"
    assert problems == [Problem(str(images / "more"), "subfolder that is left out", detail, warning=True)]


def test_a_subfolder_that_cannot_be_read_is_named_too(tmp_path, monkeypatch):
    images, masks = make(tmp_path / "images", "a.jpg"), make(tmp_path / "masks", "a.png")
    hidden, listed = make(images / "hidden", "b.jpg"), Path.iterdir

    def refuse(folder):
        if folder == hidden:
            raise PermissionError(13, "Permission denied", str(folder))
        return listed(folder)

    monkeypatch.setattr(Path, "iterdir", refuse)
    pairs, problems = pair_files(images, masks)
    assert [pair.name for pair in pairs] == ["a"]
    assert problems == [Problem(str(hidden), "subfolder that cannot be read", "Permission denied", warning=True)]


@pytest.mark.parametrize("name", ["IMG_000_jpg.rf.a1b2c3", "photo 000", "plain", "v1.2"])
@pytest.mark.parametrize("suffix", [".jpg", ".JPG", ".png", ".jpeg"])
@pytest.mark.parametrize("line", ["{name}", "{name}{suffix}", "JPEGImages/{name}{suffix}"])
def test_a_list_may_hold_any_name_with_its_suffix_or_without(tmp_path, name, suffix, line):
    images, masks = make(tmp_path / "images", f"{name}{suffix}"), make(tmp_path / "masks", f"{name}.png")
    listed = tmp_path / "names.txt"
    listed.write_text(line.format(name=name, suffix=suffix) + "\n")
    pairs, problems = pair_listed(listed, images, masks)
    assert problems == []
    assert [(pair.image.name, pair.mask.name) for pair in pairs] == [(f"{name}{suffix}", f"{name}.png")]


def test_a_list_in_utf_16_says_what_it_must_be(tmp_path):
    (tmp_path / "names.txt").write_text("a\n", encoding="utf-16")
    _, (problem,) = pair_listed(tmp_path / "names.txt", tmp_path, tmp_path)
    assert problem.what == "unreadable list of names"
    assert problem.detail.endswith("it must be text in UTF-8")
