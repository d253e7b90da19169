import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from satkit.data import check
from satkit.data.check import DataError, Pair, Problem, examine, find_problems, pair_files, raise_if


@pytest.fixture
def folders(tmp_path):
    """Folders of images and masks with two sound pairs: a, 6 x 4 pixels, and b, 5 x 3; labels 0, 1, 255."""
    images, masks = tmp_path / "images", tmp_path / "masks"
    images.mkdir(), masks.mkdir()
    for name, height, width in (("a", 4, 6), ("b", 3, 5)):
        save(images / f"{name}.png", np.full((height, width, 3), 9))
        save(masks / f"{name}.png", np.array([[0, 1, 255] * 2] * height)[:, :width])
    return images, masks


def save(path: Path, values, mode=None):
    image = Image.fromarray(np.asarray(values, dtype=np.uint8))
    (image.convert(mode) if mode else image).save(path)


def problems_of(folders, num_labels=2, **options):
    pairs, problems = pair_files(*folders)
    return problems + find_problems(pairs, num_labels, **options)


def the_problem(folders, **options):
    problems = problems_of(folders, **options)
    assert len(problems) == 1, problems
    return problems[0]


def test_a_sound_data_set_has_no_problems(folders):
    assert problems_of(folders) == []
    raise_if([])


def test_pairs_are_ordered_by_name_and_hold_both_files(folders):
    images, masks = folders
    pairs, _ = pair_files(images, masks)
    assert pairs == [Pair(name, images / f"{name}.png", masks / f"{name}.png") for name in ("a", "b")]


def test_reading_gives_image_and_mask_as_they_are_stored(folders):
    first, second = examine(pair_files(*folders)[0], num_labels=2)
    assert first.image.shape == (4, 6, 3)
    assert (first.image == 9).all()
    np.testing.assert_array_equal(second.mask, [[0, 1, 255, 0, 1]] * 3)
    assert first.mask.dtype == first.image.dtype == np.uint8


def test_every_file_is_decoded_exactly_once(folders, monkeypatch):
    opened = []
    original = Image.open
    monkeypatch.setattr(check.Image, "open", lambda path, **k: opened.append(path) or original(path, **k))
    list(examine(pair_files(*folders)[0], num_labels=2))
    assert sorted(opened) == sorted(file for folder in folders for file in folder.iterdir())


@pytest.mark.parametrize("which", [0, 1])
def test_a_missing_folder_is_named(folders, which):
    missing = folders[which].rename(folders[which].with_name("elsewhere")).with_name(folders[which].name)
    problem = the_problem(folders)
    assert (problem.path, problem.what) == (str(missing), "missing folder")


@pytest.mark.parametrize("which", [0, 1])
def test_an_empty_folder_is_named(folders, which):
    for file in folders[which].iterdir():
        file.rename(file.with_suffix(".bmp"))
    problem = the_problem(folders)
    assert (problem.path, problem.what) == (str(folders[which]), "empty folder")
    assert ".png" in problem.detail


def test_both_missing_folders_are_reported(tmp_path):
    assert len(problems_of((tmp_path / "x", tmp_path / "y"))) == 2


def test_an_image_without_mask_is_named(folders):
    (folders[1] / "a.png").unlink()
    problem = the_problem(folders)
    assert (problem.path, problem.what) == (str(folders[0] / "a.png"), "image without mask")
    assert problem.detail == f"no a.png in {folders[1]}"


def test_a_mask_without_image_is_named(folders):
    (folders[0] / "b.png").unlink()
    problem = the_problem(folders)
    assert (problem.path, problem.what) == (str(folders[1] / "b.png"), "mask without image")


def test_two_images_of_one_stem_are_named(folders):
    save(folders[0] / "a.jpg", np.zeros((4, 6, 3)))
    problem = the_problem(folders)
    assert problem.what == "several files of the same stem"
    assert problem.detail == "a.jpg, a.png"
    assert [pair.name for pair in pair_files(*folders)[0]] == ["b"]


def test_hidden_files_and_other_suffixes_are_no_part_of_the_data(folders):
    (folders[0] / ".a.png").write_bytes(b"")
    (folders[0] / "readme.txt").write_text("about")
    assert problems_of(folders) == []


def test_suffixes_in_capitals_count(folders):
    (folders[0] / "a.png").rename(folders[0] / "a.PNG")
    assert problems_of(folders) == []


@pytest.mark.parametrize(("which", "what"), [(0, "unreadable image"), (1, "unreadable mask")])
@pytest.mark.parametrize("damage", [lambda data: data[: len(data) // 2], lambda data: b"", lambda data: b"?" * 99])
def test_files_that_cannot_be_decoded_are_named(folders, which, what, damage):
    file = folders[which] / "b.png"
    file.write_bytes(damage(file.read_bytes()))
    problem = the_problem(folders)
    assert (problem.path, problem.what) == (str(file), what)
    assert problem.detail


def test_a_truncated_jpeg_is_found(folders):
    (folders[0] / "a.png").unlink()
    file = folders[0] / "a.jpg"
    save(file, np.random.default_rng(0).integers(0, 255, (4, 6, 3)))
    file.write_bytes(file.read_bytes()[:-20])
    assert the_problem(folders).what == "unreadable image"


def test_no_changed_byte_of_a_mask_escapes_as_another_error(folders):
    file = folders[1] / "a.png"
    whole = file.read_bytes()
    for place in range(len(whole)):
        file.write_bytes(whole[:place] + bytes([whole[place] ^ 255]) + whole[place + 1 :])
        for problem in problems_of(folders):
            assert problem.path == str(file)


@pytest.mark.parametrize(
    "error",
    [OSError, SyntaxError, ValueError, EOFError, struct.error, zlib.error, Image.DecompressionBombError],
)
def test_whatever_the_decoder_raises_is_a_problem_of_the_file(folders, monkeypatch, error):
    pairs, _ = pair_files(*folders)

    def refuse(path, **options):
        raise error("cannot decode")

    monkeypatch.setattr(check.Image, "open", refuse)
    problems = find_problems(pairs, 2)
    assert [(problem.what, problem.detail) for problem in problems] == [
        ("unreadable image", "cannot decode"),
        ("unreadable mask", "cannot decode"),
    ] * 2


def test_a_mask_that_is_a_jpeg_in_disguise_is_refused(folders):
    file = folders[1] / "a.png"
    Image.fromarray(np.zeros((4, 6), dtype=np.uint8)).save(file, format="JPEG")
    assert the_problem(folders).what == "unreadable mask"


def test_a_mask_lying_on_its_side_is_found(folders):
    save(folders[1] / "a.png", np.zeros((6, 4)))
    assert the_problem(folders).what == "mask and image differ in size"


def test_a_size_mismatch_gives_both_sizes_as_width_by_height(folders):
    save(folders[1] / "a.png", np.zeros((5, 6)))
    problem = the_problem(folders)
    assert problem.what == "mask and image differ in size"
    assert problem.detail == "the mask is 6 x 5 pixels, the image a.png 6 x 4"


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "LA", "1"])
def test_a_mask_of_several_channels_is_named_with_its_mode(folders, mode):
    save(folders[1] / "a.png", np.zeros((4, 6)), mode)
    problem = the_problem(folders)
    assert problem.what == "mask is not single-channel with 8 bits"
    assert f"its mode is {mode}," in problem.detail


def test_a_palette_mask_is_read_as_indices(folders):
    image = Image.new("P", (6, 4), 1)
    image.putpalette([0, 0, 0, 200, 100, 50])
    image.save(folders[1] / "a.png")
    assert problems_of(folders) == []
    assert (next(examine(pair_files(*folders)[0], 2)).mask == 1).all()


def test_wrong_values_come_with_count_and_first_place(folders):
    mask = np.zeros((4, 6))
    mask[1, 4], mask[2, 0], mask[3, 3] = 7, 7, 9
    save(folders[1] / "a.png", mask)
    problem = the_problem(folders)
    assert problem.what == "mask values that are no label"
    assert problem.detail == "7 at 2 pixels, first at (row 1, column 4); 9 at 1 pixel, first at (row 3, column 3)"


def test_a_mask_of_many_wrong_values_says_how_many_more(folders):
    save(folders[1] / "a.png", np.arange(24).reshape(4, 6) + 2)
    assert the_problem(folders).detail.endswith("; and 16 more values")


def test_allowed_values_replace_the_usual_ones(folders):
    assert problems_of(folders, allowed_values=[0, 1, 255]) == []
    assert the_problem_values(folders, [0, 255]) == {1}
    assert the_problem_values(folders, [0, 1]) == {255}


def the_problem_values(folders, allowed):
    return {int(problem.detail.split()[0]) for problem in problems_of(folders, allowed_values=allowed)}


def test_all_problems_of_a_file_are_found_at_once(folders):
    (folders[0] / "a.png").write_bytes(b"")
    save(folders[1] / "a.png", np.full((4, 6), 8))
    assert [problem.what for problem in problems_of(folders)] == [
        "unreadable image",
        "mask values that are no label",
    ]


def test_a_problem_is_one_line_of_text():
    assert str(Problem("x/a.png", "unreadable mask", "broken\n header")) == "x/a.png: unreadable mask (broken header)"
    assert str(Problem("x", "missing folder")) == "x: missing folder"


def test_the_error_lists_twenty_problems_and_counts_all():
    problems = [Problem(f"{number}.png", "unreadable mask") for number in range(23)]
    with pytest.raises(DataError, match="has 23 problems") as caught:
        raise_if(problems)
    lines = str(caught.value).splitlines()
    assert len(lines) == 1 + 20 + 1
    assert lines[20] == "  19.png: unreadable mask"
    assert lines[-1] == "  ... and 3 more."
    assert caught.value.problems == tuple(problems)


def test_a_single_problem_is_not_called_problems():
    with pytest.raises(DataError, match="has 1 problem;"):
        raise_if([Problem("x", "missing folder")])


def test_the_hash_sees_values_shapes_and_order():
    one, other = np.zeros((2, 3), dtype=np.uint8), np.ones((2, 3), dtype=np.uint8)
    same = check.content_hash([one, other])
    assert check.content_hash([one.copy(), np.asfortranarray(other)]) == same
    assert len({same, *(check.content_hash(a) for a in ([other, one], [one], [one.T, other], [one, one]))}) == 5
