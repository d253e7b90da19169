from collections import Counter

import numpy as np
import pytest
from samples import picture

from satkit.data.labels import IGNORE
from satkit.data.transforms import (
    AUGMENTATIONS,
    PADDING,
    CentreCrop,
    ResizedCrop,
    SimpleAugment,
    TurnAndRecolour,
    resize,
    resize_image,
    resize_labels,
)
from satkit.utils.errors import UsageError

AUGMENTS = {
    "scaled up": SimpleAugment(24, scale=(1.5, 2.5)),
    "scaled down": SimpleAugment(24, scale=(0.3, 0.6)),
    "unscaled": SimpleAugment(24),
    "resized": ResizedCrop(24),
}


def generator(seed=0):
    return np.random.Generator(np.random.PCG64(seed))


def encoded(height, width):
    """An image of 8 x 8 blocks whose red channel is twice its label, and its labels."""
    rows, columns = np.arange(height) // 8, np.arange(width) // 8
    labels = (1 + (7 * rows[:, None] + 3 * columns) % 40).astype(np.uint8)
    return np.repeat(2 * labels[..., None], 3, axis=2), labels


def ramp(height, width):
    """Rows in the red channel, columns in the green one, both times 2; labels count the columns."""
    image = np.zeros((height, width, 3), dtype=np.uint8)
    image[..., 0], image[..., 1] = 2 * np.arange(height)[:, None], 2 * np.arange(width)
    return image, image[..., 1] // 2


class Scripted:
    """A generator that gives the numbers it was told."""

    def __init__(self, *numbers):
        self.numbers = list(numbers)

    def random(self, count=None):
        if count is None:
            return self.numbers.pop(0)
        drawn, self.numbers = self.numbers[:count], self.numbers[count:]
        return np.array(drawn)


@pytest.mark.parametrize("name", AUGMENTS)
def test_result_is_uint8_and_of_the_crop_size(name):
    image, labels = AUGMENTS[name](*encoded(40, 56), generator())
    assert (image.shape, labels.shape) == ((24, 24, 3), (24, 24))
    assert image.dtype == labels.dtype == np.uint8


@pytest.mark.parametrize("name", AUGMENTS)
def test_result_is_a_function_of_image_and_generator(name):
    original, annotated = encoded(40, 56)
    kept = original.copy(), annotated.copy()
    first = AUGMENTS[name](original, annotated, generator(3))
    again = AUGMENTS[name](original, annotated, generator(3))
    others = [AUGMENTS[name](original, annotated, generator(seed)) for seed in range(10, 20)]
    np.testing.assert_array_equal(first[0], again[0])
    np.testing.assert_array_equal(first[1], again[1])
    assert any((first[0] != image).any() for image, _ in others)
    np.testing.assert_array_equal(original, kept[0])
    np.testing.assert_array_equal(annotated, kept[1])


@pytest.mark.parametrize("size", [(40, 56), (16, 40), (40, 16), (16, 16)])
def test_crops_and_flips_keep_every_pixel_with_its_label(size):
    for seed in range(20):
        image, labels = SimpleAugment(24)(*encoded(*size), generator(seed))
        known = labels != IGNORE
        assert known.sum() == min(24, size[0]) * min(24, size[1])
        np.testing.assert_array_equal(image[known][:, 0], 2 * labels[known])
        assert (image[~known] == PADDING).all()


@pytest.mark.parametrize("name", ["scaled up", "scaled down", "resized"])
def test_resampled_images_stay_on_their_labels(name):
    for seed in range(20):
        image, labels = AUGMENTS[name](*ramp(60, 60), generator(seed))
        known = labels != IGNORE
        inner = known & (labels > 2) & (labels < 57)  # antialiasing is one-sided at the edge of the image
        error = image[..., 1] / 2.0 - labels
        assert inner.any()
        assert np.abs(error[inner]).max() <= 0.8, "half an old pixel, and a quarter for rounding"


def test_labels_are_never_mixed():
    labels = np.where(np.arange(40) < 20, 3, 200).astype(np.uint8)[None].repeat(40, axis=0)
    image = np.zeros((40, 40, 3), dtype=np.uint8)
    for name, augment in AUGMENTS.items():
        values = np.unique(augment(image, labels, generator())[1])
        assert set(values) <= {3, 200, IGNORE}, name


def test_nearest_labels_are_those_at_the_centre_of_the_new_pixel():
    labels = np.arange(6, dtype=np.uint8)[None].repeat(2, axis=0)
    image = np.zeros((2, 6, 3), dtype=np.uint8)
    assert resize(image, labels, 2, 2)[1][0].tolist() == [1, 4]
    assert resize(image, labels, 2, 12)[1][0].tolist() == [0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5]
    slow = [int((new + 0.5) * 6 / 7) for new in range(7)]
    assert resize(image, labels, 2, 7)[1][0].tolist() == slow


def test_images_are_antialiased_when_they_shrink():
    stripes = np.zeros((32, 32, 3), dtype=np.uint8)
    stripes[:, ::2] = 200
    shrunk, _ = resize(stripes, stripes[..., 0], 8, 8)
    assert np.abs(shrunk.astype(int) - 100).max() < 30


def test_the_same_size_is_not_resampled():
    image, labels = encoded(16, 24)
    assert resize(image, labels, 16, 24) == (image, labels)


def test_without_scaling_and_cropping_only_the_flip_remains():
    image, labels = ramp(24, 24)
    seen = set()
    for seed in range(20):
        shown, annotated = SimpleAugment(24)(image, labels, generator(seed))
        flipped = (annotated != labels).any()
        seen.add(flipped)
        np.testing.assert_array_equal(shown, image[:, ::-1] if flipped else image)
        np.testing.assert_array_equal(annotated, labels[:, ::-1] if flipped else labels)
        np.testing.assert_array_equal(SimpleAugment(24, flip=False)(image, labels, generator(seed))[0], image)
    assert seen == {True, False}


@pytest.mark.parametrize("augment", [SimpleAugment(8), ResizedCrop(8)])
def test_about_half_of_all_crops_are_mirrored(augment):
    image, labels = ramp(8, 8)
    rising = [augment(image, labels, generator(seed))[0][0, :, 1] for seed in range(400)]
    mirrored = np.mean([int(row[-1]) < int(row[0]) for row in rising])
    assert 0.42 < mirrored < 0.58


def test_scales_fill_their_range():
    widths = []
    labels = np.zeros((100, 100), dtype=np.uint8)
    for seed in range(300):
        _, crop = SimpleAugment(200, scale=(0.5, 2.0))(np.zeros((100, 100, 3), np.uint8), labels, generator(seed))
        widths.append((crop != IGNORE).any(axis=0).sum())
    assert (min(widths), max(widths)) == pytest.approx((50, 200), abs=3)
    assert np.mean(widths) == pytest.approx(125, abs=8)


def test_crops_cover_every_position_of_the_image():
    image, labels = ramp(20, 30)
    corners = {tuple(SimpleAugment(16, flip=False)(image, labels, generator(s))[0][0, 0, :2] // 2) for s in range(900)}
    assert corners == {(row, column) for row in range(5) for column in range(15)}


def test_small_images_have_every_position_in_the_crop():
    image, labels = np.zeros((5, 6, 3), dtype=np.uint8), np.zeros((5, 6), dtype=np.uint8)
    corners = set()
    for seed in range(300):
        rows, columns = np.nonzero(SimpleAugment(8, flip=False)(image, labels, generator(seed))[1] == 0)
        corners.add((rows[0], columns[0]))
    assert corners == {(row, column) for row in range(4) for column in range(3)}


def boxes(height, width, count=4000):
    random = generator(1)
    return np.array([ResizedCrop(8).box(height, width, random) for _ in range(count)])


def test_boxes_lie_inside_the_image_and_keep_area_and_ratio():
    top, left, height, width = boxes(375, 500).T
    assert (top >= 0).all()
    assert (left >= 0).all()
    assert (top + height <= 375).all()
    assert (left + width <= 500).all()
    assert (height * width / (375 * 500)).min() == pytest.approx(0.5, abs=0.01)
    ratio = width / height
    assert (ratio.min(), ratio.max()) == pytest.approx((3 / 4, 4 / 3), abs=0.01)


# How often no try fits, worked out for the released code; the mean area is that of all other boxes.
@pytest.mark.parametrize(
    ("height", "width", "fallback", "share"),
    [
        (375, 500, (0, 0, 375, 500), 0.14),
        (333, 500, (0, 28, 333, 444), 0.29),
        (1024, 2048, (0, 341, 1024, 1365), 0.76),
    ],
)
def test_boxes_fall_back_to_the_centre_as_often_as_in_the_released_code(height, width, fallback, share):
    drawn = boxes(height, width)
    fell_back = (drawn == fallback).all(axis=1)
    assert fell_back.mean() == pytest.approx(share, abs=0.025)
    if (height, width) == (375, 500):
        area = drawn[~fell_back, 2] * drawn[~fell_back, 3] / (height * width)
        assert area.mean() == pytest.approx(0.66, abs=0.02)


def test_the_centre_crop_of_a_tall_image_is_clamped_too():
    never = Scripted(*[1.0] * 20)  # twice the area fits nowhere
    assert ResizedCrop(8).box(100, 30, never) == (30, 0, 40, 30)


def test_the_tenth_try_still_counts():
    fits_at_last = Scripted(*[1.0, 0.5] * 9, 0.0, 0.5, 0.0, 0.0)  # nine times double, then half the area, a square
    assert ResizedCrop(8).box(100, 100, fits_at_last) == (0, 0, 71, 71)


@pytest.mark.parametrize("wrong", [0, -3, 2.5, "64"])
def test_impossible_crop_sizes_are_refused(wrong):
    for augment in (SimpleAugment, ResizedCrop, TurnAndRecolour):
        with pytest.raises(UsageError, match="size of a crop must be a whole number of pixels from 1, got"):
            augment(wrong)


@pytest.mark.parametrize("wrong", [(2.0, 0.5), (0.0, 1.0), (1.0,), 1.0])
def test_impossible_ranges_are_refused_by_name(wrong):
    with pytest.raises(UsageError, match="The scale of an augmentation must be"):
        SimpleAugment(8, scale=wrong)
    with pytest.raises(UsageError, match="The ratio of an augmentation must be"):
        ResizedCrop(8, ratio=wrong)


@pytest.mark.parametrize(("height", "width"), [(40, 56), (56, 40), (24, 24), (24, 31), (80, 64)])
def test_a_centre_crop_keeps_the_whole_shorter_side_and_the_middle_of_the_longer(height, width):
    image, labels = CentreCrop(24)(*ramp(height, width))
    assert (image.shape, labels.shape) == ((24, 24, 3), (24, 24))
    middle = labels[:, 11:13].mean() + 0.5
    assert middle == pytest.approx(width / 2, abs=2)
    assert labels[0, -1] - labels[0, 0] == pytest.approx(min(height, width) * 23 / 24, abs=2)


def test_a_centre_crop_keeps_labels_on_their_pixels():
    image, labels = CentreCrop(32)(*encoded(64, 96))
    inner = np.zeros((32, 32), dtype=bool)
    inner[1::4, 1::4] = inner[2::4, 2::4] = True  # away from the edges of the blocks, which are 4 pixels wide now
    np.testing.assert_array_equal(image[inner][:, 0], 2 * labels[inner])


def test_a_centre_crop_of_its_own_size_changes_nothing():
    image, labels = encoded(24, 24)
    cropped, annotated = CentreCrop(24)(image, labels)
    np.testing.assert_array_equal(cropped, image)
    np.testing.assert_array_equal(annotated, labels)


def test_a_centre_crop_without_a_size_is_refused():
    with pytest.raises(UsageError, match="whole number of pixels from 1, got 0"):
        CentreCrop(0)


def test_every_turn_mirror_image_and_order_of_colours_is_about_equally_likely():
    image = np.random.default_rng(0).integers(0, 256, (6, 6, 3), dtype=np.uint8)
    labels = np.arange(36, dtype=np.uint8).reshape(6, 6)
    results = [TurnAndRecolour(6)(image, labels, generator(seed)) for seed in range(4800)]
    counts = Counter((shown.tobytes(), annotated.tobytes()) for shown, annotated in results)
    assert len(counts) == 4 * 2 * 6
    assert min(counts.values()) > 60
    assert max(counts.values()) < 140
    assert len({annotated for _, annotated in counts}) == 4 * 2


def test_turned_pixels_keep_their_labels_and_channels_are_exchanged_for_the_whole_image():
    image = np.random.default_rng(0).integers(0, 256, (6, 6, 3), dtype=np.uint8)
    labels = np.arange(36, dtype=np.uint8).reshape(6, 6)
    for seed in range(50):
        shown, annotated = TurnAndRecolour(6)(image, labels, generator(seed))
        before = image.reshape(-1, 3)[annotated]  # of the pixel that has this label
        orders = [[(shown[..., new] == before[..., old]).all() for old in range(3)] for new in range(3)]
        assert (np.sum(orders, axis=0) == 1).all()
        assert (np.sum(orders, axis=1) == 1).all()


def test_turning_changes_no_input_and_is_a_function_of_the_generator():
    image, labels = encoded(24, 24)
    kept = image.copy(), labels.copy()
    first, again = (TurnAndRecolour(24)(image, labels, generator(3)) for _ in range(2))
    for ours, theirs in zip(first, again, strict=True):
        np.testing.assert_array_equal(ours, theirs)
    first[0][:] = 0
    np.testing.assert_array_equal(image, kept[0])
    np.testing.assert_array_equal(labels, kept[1])


def test_images_that_are_no_squares_of_that_size_are_refused_to_be_turned():
    for size in ((24, 32), (32, 32)):
        with pytest.raises(UsageError, match=rf"squares of 24 pixels to be turned, got {size[0]} x {size[1]}\. Choose"):
            TurnAndRecolour(24)(*encoded(*size), generator())


@pytest.mark.parametrize("kind", AUGMENTATIONS)
def test_every_augmentation_that_has_a_name_makes_a_crop_of_its_size(kind):
    image, labels = AUGMENTATIONS[kind](size=24)(*encoded(24, 24), generator())
    assert (image.shape, labels.shape) == ((24, 24, 3), (24, 24))


@pytest.mark.parametrize(("height", "width"), [(5, 9), (9, 5), (8, 8), (20, 31)])
def test_image_and_labels_are_resized_alone_as_they_are_together(height, width):
    image, labels = picture(size=(12, 10)), picture(1, (12, 10))[..., 0]
    both = resize(image, labels, height, width)
    np.testing.assert_array_equal(resize_image(image, height, width), both[0])
    np.testing.assert_array_equal(resize_labels(labels, height, width), both[1])


@pytest.mark.parametrize(("height", "width"), [(100, 37), (37, 100), (8, 8), (3, 5)])
def test_a_centre_crop_says_to_which_size_it_resizes(height, width):
    resized = CentreCrop(16).resized(height, width)
    assert min(resized) == 16
    assert resized[0] * width == pytest.approx(resized[1] * height, rel=0.2)
