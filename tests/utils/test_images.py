"""An image is opened only if its header claims a size that is safe to decode, whatever its format."""

import io
import os
import struct
import threading
import tracemalloc
import warnings
import zlib

import pytest
from PIL import Image, UnidentifiedImageError

from satkit.utils import images
from satkit.utils.errors import UsageError
from satkit.utils.images import MOST_BYTES, MOST_PIXELS, ImageTooLarge, image_bytes, opened_image

SIDE = 60_000
FORMATS = ("PNG", "TIFF", "GIF", "BMP")


def claiming(width, height, kind):
    """A small image of a format whose header claims another size."""
    stream = io.BytesIO()
    Image.new("L", (3, 2)).save(stream, kind)
    data = bytearray(stream.getvalue())
    if kind == "PNG":
        data[16:24] = struct.pack(">II", width, height)
        data[29:33] = struct.pack(">I", zlib.crc32(data[12:29]))
    elif kind == "GIF":
        data[6:10] = struct.pack("<HH", width, height)
    elif kind == "BMP":
        data[18:26] = struct.pack("<ii", width, height)
    else:
        with Image.open(io.BytesIO(stream.getvalue())) as file:
            assert (file.tag_v2[256], file.tag_v2[257]) == (3, 2)
        first = struct.unpack("<I", data[4:8])[0]
        for entry in range(struct.unpack("<H", data[first : first + 2])[0]):
            place = first + 2 + 12 * entry
            tag = struct.unpack("<H", data[place : place + 2])[0]
            if tag in (256, 257):
                data[place + 2 : place + 12] = struct.pack("<HII", 4, 1, width if tag == 256 else height)
    return bytes(data)


@pytest.mark.parametrize("kind", FORMATS)
def test_a_tiny_file_that_claims_to_be_gigantic_is_refused_before_anything_is_decoded(kind):
    tracemalloc.start()
    with (
        pytest.raises(ImageTooLarge) as caught,
        opened_image(claiming(SIDE, SIDE, kind), "map.png", [kind]),
    ):
        pytest.fail("It must not be opened.")
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert most < 5_000_000
    assert str(caught.value) == (
        "map.png has 3,600,000,000 pixels, more than the 89,478,485 that are safe to decode. Cut it into parts, or "
        "save it smaller."
    )


@pytest.mark.parametrize("kind", FORMATS)
def test_between_pillow_s_warning_and_its_error_an_image_is_refused_without_a_warning(kind):
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        with pytest.raises(ImageTooLarge), opened_image(claiming(10_000, 9_000, kind), "map.png", [kind]):
            pytest.fail("It must not be opened.")
    assert said == []


@pytest.mark.parametrize("bound", [None, 10**12])
def test_the_bound_holds_where_pillow_s_own_was_switched_off(monkeypatch, bound):
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", bound)
    with pytest.raises(ImageTooLarge), opened_image(claiming(SIDE, SIDE, "PNG"), "a.png", ["PNG"]):
        pytest.fail("It must not be opened.")


def test_an_image_of_the_largest_size_is_opened():
    width = MOST_PIXELS // 1_000
    with opened_image(claiming(width, 1_000, "PNG"), "a.png", ["PNG"]) as file:
        assert file.size == (width, 1_000)


def test_another_format_than_those_allowed_is_not_even_looked_at():
    with pytest.raises(UnidentifiedImageError), opened_image(claiming(3, 2, "GIF"), "a.png", ["PNG", "JPEG"]):
        pytest.fail("It must not be opened.")


def test_many_threads_refuse_what_they_must_and_leave_the_filters_of_warnings_as_they_were():
    before, refused = list(warnings.filters), []

    def look():
        for side in (SIDE, 10_000, 3):
            try:
                with opened_image(claiming(side, side, "PNG"), "a.png", ["PNG"]):
                    pass
            except ImageTooLarge:
                refused.append(side)

    threads = [threading.Thread(target=look) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(refused) == [10_000] * 16 + [SIDE] * 16
    assert warnings.filters == before


def test_a_file_with_too_many_bytes_is_not_read(tmp_path):
    path = tmp_path / "a.png"
    with path.open("wb") as file:
        file.truncate(MOST_BYTES + 1)  # takes no room
    with pytest.raises(ImageTooLarge, match="a.png has 1,000,000,001 bytes, more than the 1,000,000,000 that are safe"):
        image_bytes(path)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no pipes with names")
def test_a_pipe_is_refused_instead_of_waited_for(tmp_path):
    os.mkfifo(tmp_path / "a.png")
    for path in (tmp_path / "a.png", tmp_path):
        with pytest.raises(UsageError, match="must be a regular file, and it is something else"):
            image_bytes(path)


def test_the_name_in_the_sentence_cannot_move_the_cursor():
    with (
        pytest.raises(ImageTooLarge, match=r"^a\\x1b\[2J.png has"),
        opened_image(claiming(SIDE, SIDE, "PNG"), "a\x1b[2J.png", ["PNG"]),
    ):
        pytest.fail("It must not be opened.")


def test_the_bound_is_one_number(monkeypatch):
    monkeypatch.setattr(images, "MOST_PIXELS", 5)
    with (
        pytest.raises(ImageTooLarge, match="has 6 pixels, more than the 5"),
        opened_image(claiming(3, 2, "PNG"), "a.png", ["PNG"]),
    ):
        pytest.fail("It must not be opened.")
