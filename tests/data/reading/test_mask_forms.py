"""Masks are read without loss in every form in which they can be, and refused with a remedy in all others."""

import io

import numpy as np
import pytest
from damage import png
from PIL import Image

from satkit.data.reading.mask_forms import read_values

VALUES = np.array([[0, 1, 2, 3], [3, 3, 0, 1]], dtype=np.uint8)


def read(data: bytes):
    with Image.open(io.BytesIO(data)) as file:
        return read_values(file, data)


def saved(image: Image.Image, **options) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, "PNG", **options)
    return buffer.getvalue()


def palette(values, **options) -> bytes:
    image = Image.frombytes("P", values.shape[::-1], values.tobytes())
    image.putpalette([9, 9, 9, 200, 0, 0, 0, 200, 0, 0, 0, 200])
    return saved(image, **options)


def packed(values, depth: int) -> bytes:
    """A grey PNG with few bits a value."""
    bits = np.unpackbits(values[..., None], axis=-1)[..., -depth:]
    rows = np.packbits(bits.reshape(len(values), -1), axis=1)
    return png(values.shape[1], values.shape[0], depth, 0, b"".join(b"\0" + row.tobytes() for row in rows))


FORMS = {
    "grey": lambda: saved(Image.fromarray(VALUES)),
    "palette": lambda: palette(VALUES),
    "palette of 2 bits": lambda: palette(VALUES, bits=2),
    "three equal channels": lambda: saved(Image.fromarray(VALUES).convert("RGB")),
    "with an opaque alpha channel": lambda: saved(Image.fromarray(VALUES).convert("RGBA")),
    "grey with an opaque alpha channel": lambda: saved(Image.fromarray(VALUES).convert("LA")),
    "16 bits": lambda: saved(Image.fromarray(VALUES.astype(np.uint16))),
    "2 bits": lambda: packed(VALUES, 2),
    "4 bits": lambda: packed(VALUES, 4),
}


@pytest.mark.parametrize("form", FORMS)
def test_the_values_are_the_same_in_every_form(form):
    values, wrong = read(FORMS[form]())
    assert wrong is None
    assert values.dtype == np.uint8
    np.testing.assert_array_equal(values, VALUES)


def test_a_mask_of_one_bit_holds_0_and_1():
    values, wrong = read(packed(VALUES % 2, 1))
    assert wrong is None
    np.testing.assert_array_equal(values, VALUES % 2)


def test_255_stays_255_in_8_and_16_bits():
    high = np.full((2, 3), 255, dtype=np.uint8)
    for kind in (np.uint8, np.uint16):
        np.testing.assert_array_equal(read(saved(Image.fromarray(high.astype(kind))))[0], high)


@pytest.mark.parametrize(
    ("mode", "channels", "what"),
    [
        ("RGB", (VALUES, VALUES, VALUES + 1), "mask that shows colours"),
        ("RGBA", (VALUES, VALUES, VALUES, VALUES), "mask with a transparent part"),
        ("LA", (VALUES, VALUES), "mask with a transparent part"),
    ],
)
def test_what_would_be_lost_is_refused_with_what_to_do(mode, channels, what):
    values, wrong = read(saved(Image.merge(mode, [Image.fromarray(channel) for channel in channels])))
    assert values is None
    assert wrong[0] == what
    assert wrong[1].startswith("a mask holds one value per pixel: save it")


def test_a_single_pixel_that_differs_between_channels_is_a_colour():
    other = VALUES.copy()
    other[1, 2] += 1
    values, wrong = read(saved(Image.merge("RGB", [Image.fromarray(channel) for channel in (VALUES, VALUES, other)])))
    assert values is None
    assert wrong[0] == "mask that shows colours"


def test_values_above_255_are_refused():
    values, wrong = read(saved(Image.fromarray(np.full((2, 2), 256, dtype=np.uint16))))
    assert values is None
    assert wrong[0] == "mask with values above 255"
