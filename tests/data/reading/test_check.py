import struct
import warnings
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from satkit.data.reading import check
from satkit.data.reading.check import examine, find_problems, mask_values, shared_images
from satkit.data.reading.pairs import pair_files
from satkit.data.reading.problems import Problem
from satkit.utils import images as image_files


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


def png(width, height, depth, colour, pixels=b""):
    """A PNG with valid check sums that says of itself whatever it likes."""
    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
    parts = [(b"IHDR", header), (b"IDAT", zlib.compress(pixels)), (b"IEND", b"")]
    packed = [
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data)) for kind, data in parts
    ]
    return check.PNG_START + b"".join(packed)


def problems_of(folders, num_labels=2, **options):
    pairs, problems = pair_files(*folders)
    return problems + find_problems(pairs, num_labels, **options)


def the_problem(folders, **options):
    problems = problems_of(folders, **options)
    assert len(problems) == 1, problems
    return problems[0]


def test_a_data_set_without_damage_has_no_problems(folders):
    assert problems_of(folders) == []


def test_reading_gives_image_and_mask_as_they_are_stored(folders):
    first, second = examine(pair_files(*folders)[0], num_labels=2)
    assert first.image.shape == (4, 6, 3)
    assert (first.image == 9).all()
    np.testing.assert_array_equal(second.mask, [[0, 1, 255, 0, 1]] * 3)
    assert first.mask.dtype == first.image.dtype == np.uint8


def test_every_file_is_decoded_exactly_once(folders, monkeypatch):
    opened = []
    original = Path.read_bytes
    monkeypatch.setattr(Path, "read_bytes", lambda path: opened.append(path) or original(path))
    list(examine(pair_files(*folders)[0], num_labels=2))
    assert sorted(opened) == sorted(file for folder in folders for file in folder.iterdir())


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
    [OSError, SyntaxError, ValueError, EOFError, struct.error, zlib.error],
)
def test_whatever_the_decoder_raises_is_a_problem_of_the_file(folders, monkeypatch, error):
    pairs, _ = pair_files(*folders)

    def refuse(path, **options):
        raise error("cannot decode")

    monkeypatch.setattr(image_files.Image, "open", refuse)
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


def test_the_hash_sees_values_shapes_and_order():
    one, other = np.zeros((2, 3), dtype=np.uint8), np.ones((2, 3), dtype=np.uint8)
    same = check.content_hash([one, other])
    assert check.content_hash([one.copy(), np.asfortranarray(other)]) == same
    assert len({same, *(check.content_hash(a) for a in ([other, one], [one], [one.T, other], [one, one]))}) == 5


@pytest.mark.parametrize(("which", "kinds"), [(0, "JPEG or PNG"), (1, "PNG")])
def test_a_text_file_named_like_an_image_is_an_unreadable_image(folders, which, kinds):
    (folders[which] / "a.png").write_text("not a picture")
    assert the_problem(folders).detail == f"its content is not {kinds}"


def test_a_flipped_bit_in_the_pixels_is_found_by_the_check_sum(folders):
    file = folders[1] / "a.png"
    data = bytearray(file.read_bytes())
    data[data.index(b"IDAT") + 8] ^= 4
    file.write_bytes(data)
    assert the_problem(folders).detail == "its part 'IDAT' is cut off or does not match its check sum"


def test_a_file_without_its_end_is_cut_off(folders):
    file = folders[1] / "a.png"
    file.write_bytes(file.read_bytes()[:-12])
    assert the_problem(folders).detail == "the file is cut off"


def test_sixteen_bit_images_are_refused_with_their_mode(folders):
    Image.fromarray(np.zeros((4, 6), dtype=np.uint16)).save(folders[0] / "a.png")
    problem = the_problem(folders)
    assert problem.what == "image has more than 8 bits a channel"
    assert problem.detail == "its mode is I;16; save it with 8 bits"


@pytest.mark.parametrize("which", [0, 1])
def test_a_picture_that_claims_to_be_gigantic_is_not_decoded(folders, which):
    (folders[which] / "a.png").write_bytes(png(100_000, 100_000, 8, 2 * (1 - which)))
    problem = the_problem(folders)
    assert problem.path == str(folders[which] / "a.png")
    assert problem.detail == (
        "a.png has 10,000,000,000 pixels, more than the 89,478,485 that are safe to decode. Cut it into parts, or save "
        "it smaller."
    )


def test_a_picture_just_over_the_safe_number_of_pixels_is_refused_too(folders, monkeypatch):
    monkeypatch.setattr(image_files, "MOST_PIXELS", 20)
    problems = problems_of(folders)
    said = "a.png has 24 pixels, more than the 20 that are safe to decode. Cut it into parts, or save it smaller."
    assert {problem.detail for problem in problems} == {said}
    assert [Path(problem.path).name for problem in problems] == ["a.png", "a.png"]


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA"])
def test_images_of_every_usual_mode_become_three_channels(folders, mode):
    save(folders[0] / "a.png", np.full((4, 6, 3), 255), mode)
    image = next(examine(pair_files(*folders)[0], 2)).image
    assert image.shape == (4, 6, 3)
    assert (image == 255).all()


def test_transparency_of_a_palette_image_is_dropped_without_a_warning(folders):
    image = Image.fromarray(np.zeros((4, 6), dtype=np.uint8)).convert("P")
    image.save(folders[0] / "a.png", transparency=b"\x00\x80")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert problems_of(folders) == []


@pytest.mark.parametrize(("orientation", "warned"), [(0, False), (1, False), (3, True), (6, True), (9, False)])
def test_a_photograph_that_is_stored_rotated_is_used_as_stored_with_a_warning(folders, orientation, warned):
    (folders[0] / "a.png").unlink()
    exif = Image.Exif()
    exif[check.ORIENTATION] = orientation
    Image.new("RGB", (6, 4)).save(folders[0] / "a.jpg", exif=exif)
    problems = problems_of(folders)
    assert [(problem.what, problem.warning) for problem in problems] == [
        ("photograph that is stored rotated", True)
    ] * warned
    assert all(problem.detail.startswith(f"EXIF orientation {orientation};") for problem in problems)
    assert next(examine(pair_files(*folders)[0], 2)).image.shape == (4, 6, 3)


def test_more_pairs_than_are_read_together_keep_their_order(folders):
    pairs = pair_files(*folders)[0] * check.AHEAD
    assert [examined.pair for examined in examine(pairs, 2)] == pairs


def test_the_values_of_masks_are_found_and_unreadable_masks_are_left_out(folders):
    masks = sorted(folders[1].iterdir())
    assert mask_values(masks) == {0, 1, 255}
    save(masks[0], np.full((4, 6), 77))
    masks[1].write_bytes(b"")
    assert mask_values(masks) == {77}


def test_an_image_in_both_splits_is_a_warning_that_names_both_files():
    found = shared_images({"1": Path("a.jpg"), "2": Path("b.jpg")}, {"3": Path("c.jpg"), "2": Path("d.jpg")})
    assert found == [Problem("b.jpg", "training image that is also a test image", "the same as d.jpg", warning=True)]


def test_an_image_alone_is_decoded_as_in_a_pair_with_the_way_it_is_stored(folders):
    exif = Image.Exif()
    exif[check.ORIENTATION] = 6
    path = folders[0] / "a.png"
    Image.fromarray(np.full((4, 6, 3), 9, dtype=np.uint8)).save(path, exif=exif)
    image, orientation, problem = check.decode_image(path)
    np.testing.assert_array_equal(image, next(iter(examine(pair_files(*folders)[0], 2))).image)
    assert (orientation, problem) == (6, None)
    path.write_text("nothing")
    assert check.decode_image(path)[0] is None
    assert "its content is not JPEG or PNG" in str(check.decode_image(path)[2])
