"""Images of one's own: every image of a folder is found once, in whatever form it is saved, and nothing is hidden."""

import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from satkit.data.reading.own_images import find_images, read_upright
from satkit.utils.errors import UsageError

PIXELS = np.arange(4 * 6 * 3, dtype=np.uint8).reshape(4, 6, 3)
NOWHERE = Path("/nowhere")


def save(path, pixels=PIXELS, mode="RGB", **options):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).convert(mode).save(path, **options)
    return path


def test_images_are_found_in_subfolders_whatever_their_suffix_looks_like(tmp_path):
    for name in ("b.JPG", "a.png", "c.jpeg", "deep/er/d.PnG", ".hidden.png", ".hidden/e.png", "out/f.png"):
        save(tmp_path / name)
    (tmp_path / "notes.txt").write_text("x")
    save(tmp_path / "deep" / "g.tiff")
    found = find_images(tmp_path, tmp_path / "out")
    assert [file.as_posix() for file in found.files] == ["a.png", "b.JPG", "c.jpeg", "deep/er/d.PnG"]
    assert [file.as_posix() for file in found.left_out] == ["deep/g.tiff"]
    assert (found.root, found.problems) == (tmp_path, ())


def test_a_single_image_is_one(tmp_path):
    path = save(tmp_path / "a.JPEG")
    found = find_images(path, NOWHERE)
    assert (found.root, found.files) == (tmp_path, (Path("a.JPEG"),))


@pytest.mark.skipif(os.name == "nt", reason="links are those of POSIX")
def test_links_to_folders_are_named_and_not_followed(tmp_path):
    save(tmp_path / "a.png")
    (tmp_path / "round").symlink_to(tmp_path)
    found = find_images(tmp_path, NOWHERE)
    assert [file.name for file in found.files] == ["a.png"]
    assert [str(each) for each in found.problems] == [f"{tmp_path / 'round'}: link to a folder, which is not followed"]


def test_what_holds_no_image_is_refused_with_what_is_read(tmp_path):
    with pytest.raises(UsageError, match=r"There is no file or folder '.*x'. Name an image, .jpg, .jpeg, .png, or a"):
        find_images(tmp_path / "x", NOWHERE)
    with pytest.raises(UsageError, match="There is no file or folder ''"):
        find_images("", NOWHERE)
    with pytest.raises(UsageError, match="and it holds none.$"):
        find_images(tmp_path, NOWHERE)
    save(tmp_path / "a.tif")
    with pytest.raises(UsageError, match="it holds none, but 1 in other formats: save them as PNG or JPEG"):
        find_images(tmp_path, NOWHERE)
    with pytest.raises(UsageError, match=r"An image must be a file that ends in .jpg, .jpeg, .png, got .*a.tif"):
        find_images(tmp_path / "a.tif", NOWHERE)


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "L", "LA", "P", "1"])
def test_every_mode_of_eight_bits_becomes_colours(tmp_path, mode):
    image, problem = read_upright(save(tmp_path / "a.png", mode=mode))
    assert problem is None
    assert (image.shape, image.dtype) == ((4, 6, 3), np.uint8)
    np.testing.assert_array_equal(image, np.array(Image.fromarray(PIXELS).convert(mode).convert("RGB")))


@pytest.mark.parametrize("mode", ["CMYK", "YCbCr"])
def test_so_do_the_modes_of_photographs(tmp_path, mode):
    image, problem = read_upright(save(tmp_path / "a.jpg", mode=mode))
    assert (problem, image.shape) == (None, (4, 6, 3))


@pytest.mark.parametrize("orientation", range(1, 10))
def test_a_photograph_that_is_stored_rotated_is_turned_as_viewers_show_it(tmp_path, orientation):
    from PIL import ImageOps

    exif = Image.Exif()
    exif[0x0112] = orientation
    path = save(tmp_path / "a.png", exif=exif)
    image, problem = read_upright(path)
    with Image.open(path) as file:
        shown = np.array(ImageOps.exif_transpose(file))
    assert problem is None
    np.testing.assert_array_equal(image, shown)


def test_what_cannot_be_used_is_named_with_the_reason(tmp_path):
    deep = tmp_path / "deep.png"
    Image.fromarray(np.full((4, 6), 40000, dtype=np.uint16)).save(deep)
    cut = save(tmp_path / "cut.png")
    cut.write_bytes(cut.read_bytes()[:-30])
    text = tmp_path / "text.jpg"
    text.write_text("404: Not Found")
    for path, said in ((deep, "image has more than 8 bits a channel"), (cut, "unreadable"), (text, "not JPEG or PNG")):
        image, problem = read_upright(path)
        assert image is None
        assert said in str(problem)
        assert str(path) in str(problem)
