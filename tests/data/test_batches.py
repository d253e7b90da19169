"""A batch depends on seed, step and its number alone, with or without exemplars; evaluation shows every image once."""

import hashlib
from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
import torch
from hand_made import NAMES, everything, numbers, pixels_of, split_of

from satkit.data import IGNORE, Split, batches, step_images
from satkit.data.batches import MEAN, STD, BatchStream, evaluation_batches, sample_generator, to_input
from satkit.data.exemplars import Exemplars
from satkit.data.labels import presence
from satkit.data.shift import Shift
from satkit.data.step_images import StepImages, epoch_order, training_images
from satkit.data.transforms import CentreCrop, SimpleAugment
from satkit.scenario import scenario
from satkit.utils.errors import UsageError


def test_input_is_normalised_and_channels_come_first():
    images = torch.randint(0, 256, (2, 5, 6, 3), dtype=torch.uint8)
    expected = (images.double() / 255 - torch.tensor(MEAN)) / torch.tensor(STD)
    found = to_input(images)
    assert found.dtype == torch.float32
    assert found.is_contiguous()
    torch.testing.assert_close(found.double(), expected.permute(0, 3, 1, 2), atol=1e-5, rtol=0)
    torch.testing.assert_close(found, to_input(images.permute(0, 3, 1, 2)))


@pytest.mark.parametrize(
    "wrong", [torch.zeros(2, 5, 6, 3), torch.zeros(2, 4, 5, 6).byte(), torch.zeros(5, 6, 3).byte()]
)
def test_input_of_another_type_or_shape_is_refused(wrong):
    with pytest.raises(ValueError, match="Images must be uint8 of shape .* got torch"):
        to_input(wrong)


def test_every_sample_has_a_generator_of_its_own():
    keys = [(0, 0, 0, 0), (1, 0, 0, 0), (0, 1, 0, 0), (0, 0, 1, 0), (0, 0, 0, 1)]
    assert len({sample_generator(*key).random() for key in keys}) == 5
    assert sample_generator(1, 2, 3, 4).random() == sample_generator(1, 2, 3, 4).random()


def test_an_epoch_takes_every_image_at_most_once_and_drops_what_fills_no_batch():
    stream = BatchStream(everything(11), 4, SimpleAugment(4), seed=0, step_index=0)
    assert stream.batches_per_epoch == 2
    epochs = [sum((numbers(stream.batch(2 * epoch + batch)[0]) for batch in range(2)), []) for epoch in range(20)]
    assert all(len(set(taken)) == 8 for taken in epochs)
    assert set().union(*epochs) == set(range(11)), "another epoch drops others"
    for epoch, taken in enumerate(epochs):
        assert taken == epoch_order(0, 0, epoch, 11)[:8].tolist()


def test_a_batch_depends_on_its_number_alone():
    def stream():
        return BatchStream(everything(10, size=8), 3, SimpleAugment(6, scale=(0.5, 2.0)), seed=4, step_index=1)

    in_turn = stream()
    batches = [in_turn.batch(number) for number in range(9)]
    for number in (8, 2, 5, 0):
        images, labels = stream().batch(number)
        assert torch.equal(images, batches[number][0])
        assert torch.equal(labels, batches[number][1])
    assert not torch.equal(batches[0][0], batches[3][0])


@pytest.mark.parametrize(("seed", "step"), [(5, 1), (4, 2)])
def test_seed_and_step_change_the_batches(seed, step):
    augment = SimpleAugment(6, scale=(0.5, 2.0))
    one = BatchStream(everything(10, size=8), 5, augment, seed=4, step_index=1)
    other = BatchStream(everything(10, size=8), 5, augment, seed=seed, step_index=step)
    assert not torch.equal(one.batch(0)[0], other.batch(0)[0])


def test_a_batch_larger_than_the_step_runs_on_into_later_epochs():
    stream = BatchStream(everything(3), 8, SimpleAugment(4), seed=0, step_index=0)
    assert stream.batches_per_epoch == 1
    taken = sum((numbers(stream.batch(number)[0]) for number in range(3)), [])
    expected = np.concatenate([epoch_order(0, 0, epoch, 3) for epoch in range(8)])
    assert taken == expected.tolist()
    assert len({epoch for number in range(3) for epoch, _ in stream.samples(number)}) == 8


def test_a_single_image_is_enough():
    images, labels = BatchStream(everything(1), 4, SimpleAugment(4), 0, 0).batch(7)
    assert images.shape == (4, 3, 4, 4)
    assert labels.shape == (4, 4, 4)


def test_a_batch_holds_class_indices_as_bytes(data):
    built = scenario(NAMES, "2-1", order=[4, 1, 3, 2])
    step_images = training_images(data, built, built.steps[0])
    images, labels = BatchStream(step_images, 4, SimpleAugment(6, flip=False), 0, 0).batch(0)
    assert (images.dtype, labels.dtype) == (torch.float32, torch.uint8)
    for order, shown in zip(epoch_order(0, 0, 0, 4), labels, strict=True):
        found = shown[shown != IGNORE].reshape(4, 4)  # the rest is padding
        np.testing.assert_array_equal(found, step_images.labels(order))


def test_images_and_labels_of_a_batch_belong_together():
    split = split_of([[0]] * 20)
    labels = split.images[..., 0] // 10  # label i in image i
    images = StepImages(np.arange(20), np.arange(256, dtype=np.uint8), Split(split.images, labels, None, split.names))
    shown, annotated = BatchStream(images, 16, SimpleAugment(4), 3, 0).batch(1)
    assert numbers(shown) == annotated[:, 0, 0].tolist()


def test_a_batch_size_below_one_is_refused():
    with pytest.raises(UsageError, match="batch size must be at least 1, got 0"):
        BatchStream(everything(3), 0, SimpleAugment(4), 0, 0)


def test_evaluation_shows_every_image_once_at_its_own_size():
    sizes = [(4, 6), (6, 4), (4, 6), (5, 5), (4, 6), (6, 4)]
    images = [np.full((*size, 3), 10 * number, dtype=np.uint8) for number, size in enumerate(sizes)]
    labels = [np.full(size, number, dtype=np.uint8) for number, size in enumerate(sizes)]
    split = Split(images, labels, None, tuple("abcdef"))
    table = np.arange(256, dtype=np.uint8)
    table[4] = 9
    chosen = StepImages(np.array([0, 1, 2, 4, 5]), table, split)
    batches = list(evaluation_batches(chosen, 2))
    assert [positions.tolist() for *_, positions in batches] == [[0, 2], [3], [1, 4]]
    for shown, annotated, positions in batches:
        expected = [int(number) for number in chosen.indices[positions]]
        assert numbers(shown) == expected
        assert annotated.dtype == torch.uint8
        assert annotated[:, 0, 0].tolist() == [table[number] for number in expected]
        assert shown.shape[2:] == annotated.shape[1:] == sizes[expected[0]]


def test_large_images_are_evaluated_a_few_at_a_time(monkeypatch):
    monkeypatch.setattr(batches, "MOST_PIXELS", 40)
    assert [len(chosen) for *_, chosen in evaluation_batches(everything(5), 8)] == [2, 2, 1]
    assert [len(chosen) for *_, chosen in evaluation_batches(everything(2, 8), 8)] == [1, 1]
    assert [len(chosen) for *_, chosen in evaluation_batches(everything(5, 8), 8, CentreCrop(4))] == [2, 2, 1]


def test_evaluation_on_centre_crops_batches_images_of_any_size():
    split = split_of([[0, 1]] * 3)
    images = [*split.images, np.full((6, 10, 3), 30, dtype=np.uint8)]
    labels = [*split.labels, np.ones((6, 10), dtype=np.uint8)]
    mixed = StepImages(
        np.arange(4), np.arange(256, dtype=np.uint8), Split(images, labels, split.present, tuple("abcd"))
    )
    (batch, annotated, chosen), *rest = evaluation_batches(mixed, 8, CentreCrop(4))
    assert rest == []
    assert (batch.shape, annotated.shape, chosen.tolist()) == ((4, 3, 4, 4), (4, 4, 4), [0, 1, 2, 3])
    assert numbers(batch) == [0, 1, 2, 3]
    assert (annotated[3] == 1).all()


def test_evaluation_gives_labels_as_class_indices(data):
    built = scenario(NAMES, "2-1", order=[4, 1, 3, 2])
    images = step_images.test_images(data, built, built.steps[1])
    shown, labels, positions = next(iter(evaluation_batches(images, 99)))
    assert len(shown) == len(images)
    for label_map, position in zip(labels, positions, strict=True):
        np.testing.assert_array_equal(label_map, images.labels(position))


def many(count, share, batch_size=8, memory=range(100, 120), seed=0, shift=None):
    """A stream over images 0 .. count - 1 in step 2, with a memory of images of step 1."""
    pixels = np.arange(120, dtype=np.uint8)[:, None, None, None] * np.ones((1, 4, 4, 3), np.uint8)
    split = Split(pixels, np.zeros((120, 4, 4), np.uint8), np.ones((120, 5), bool), tuple(map(str, range(120))))
    images = StepImages(np.arange(count), np.full(256, 1, dtype=np.uint8), split)
    entries = np.array([[index, 1] for index in memory])
    kept = Exemplars(entries, {1: StepImages(entries[:, 0], np.full(256, 2, dtype=np.uint8), split, shift)}, share)
    return BatchStream(images, batch_size, lambda image, labels, random: (image, labels), seed, 2, kept)


def ids(images):
    return (images[:, 0, 0, 0].double() * STD[0] + MEAN[0]).mul(255).round().int().tolist()


@pytest.mark.parametrize(("share", "expected"), [(0.5, 4), (0.25, 2), (0.01, 1), (0.99, 7)])
def test_a_share_of_every_batch_comes_from_the_memory_with_its_own_labels(share, expected):
    stream = many(40, share)
    for iteration in range(6):
        images, labels = stream.batch(iteration)
        remembered = [number >= 100 for number in ids(images)]
        assert sum(remembered) == expected
        assert len(set(ids(images))) == 8  # nothing twice
        assert [int(label.max()) == 2 for label in labels] == remembered


def test_the_images_of_a_batch_have_names_whether_from_the_step_or_the_memory():
    stream = many(40, 0.5)
    for iteration in range(6):
        assert stream.names(iteration) == [str(number) for number in ids(stream.batch(iteration)[0])]


def test_exemplars_are_a_function_of_seed_step_and_iteration_and_all_get_their_turn():
    one, same, other = many(40, 0.5), many(40, 0.5), many(40, 0.5, seed=1)
    assert ids(one.batch(3)[0]) == ids(same.batch(3)[0])
    assert ids(one.batch(3)[0]) != ids(other.batch(3)[0])
    seen = {number for iteration in range(60) for number in ids(one.batch(iteration)[0]) if number >= 100}
    assert seen == set(range(100, 120))


def test_a_memory_smaller_than_its_share_repeats_images():
    images, _ = many(40, 0.5, memory=(100, 101)).batch(0)
    assert sum(number >= 100 for number in ids(images)) == 4


def test_exemplars_are_shifted_as_in_their_own_step():
    plain, shifted = many(40, 0.5).batch(2)[0], many(40, 0.5, shift=Shift(1.0, 1)).batch(2)[0]
    changed = (plain != shifted).flatten(1).any(dim=1)
    assert changed.tolist() == [number >= 100 for number in ids(plain)]


def test_batches_without_a_memory_are_those_of_the_time_before_there_was_one():
    values = (np.arange(10 * 8 * 8 * 3) * 7919 % 251).reshape(10, 8, 8, 3).astype(np.uint8)
    labels = (values[..., 0] % 5).astype(np.uint8)
    table = np.array([0, 0, 1, 0, 2, *[0] * 250, IGNORE], dtype=np.uint8)
    images = StepImages(np.arange(1, 10), table, Split(values, labels, presence(labels, 4), tuple("abcdefghij")))
    stream = BatchStream(images, 4, SimpleAugment(8), seed=4, step_index=2)
    found = hashlib.sha256()
    for number in range(6):
        shown, annotated = stream.batch(number)
        found.update(pixels_of(shown).tobytes() + annotated.numpy().tobytes())
    assert found.hexdigest()[:16] == "1fac9b39ce1747ea"  # of the six batches as commit 03b3bf7 made them


def test_exemplars_do_not_change_the_other_images_of_a_batch():
    mixed, plain = many(40, 0.5), many(40, 0.5)
    plain.exemplars = None
    mixed.augment = plain.augment = SimpleAugment(6, scale=(0.5, 2.0))
    for iteration in range(5):
        same = np.setdiff1d(np.arange(8), [place for place, *_ in mixed.exemplars_of(iteration)])
        assert len(same) == 4
        for one, other in zip(mixed.batch(iteration), plain.batch(iteration), strict=True):
            assert torch.equal(one[same], other[same])


def test_exemplars_have_every_position_of_a_batch_equally_often():
    places = Counter(place for iteration in range(200) for place, *_ in many(40, 0.5).exemplars_of(iteration))
    assert set(places) == set(range(8))
    assert max(abs(count - 100) for count in places.values()) < 30


def test_seed_step_and_iteration_each_change_the_exemplars_of_a_batch():
    def drawn(seed, step, iteration):
        stream = many(40, 0.5, seed=seed)
        stream.step_index = step
        return [(place, int(image[0, 0, 0])) for place, image, _ in stream.exemplars_of(iteration)]

    keys = [(0, 2, 0), (1, 2, 0), (0, 3, 0), (0, 2, 1)]
    assert len({tuple(drawn(*key)) for key in keys}) == 4
    assert drawn(1, 2, 3) == drawn(1, 2, 3)


def test_an_exemplar_is_augmented_anew_every_time():
    stream = many(40, 0.5, memory=(100,))
    stream.augment = SimpleAugment(16, scale=(0.5, 4.0))
    crops = [image for iteration in range(5) for _, image, _ in stream.exemplars_of(iteration)]
    assert all(crop.shape == (16, 16, 3) for crop in crops)
    assert len({crop.tobytes() for crop in crops}) > 10, "of 20"


def test_batches_and_evaluation_show_the_images_of_a_shifted_step_shifted():
    values = np.random.default_rng(0).integers(0, 256, (6, 8, 8, 3), dtype=np.uint8)
    split = Split(values, split_of([[0, 1]] * 6, 8).labels, None, tuple("abcdef"))
    shift = Shift(0.7, 2, seed=3)
    images = StepImages(np.array([1, 2, 3, 5]), np.arange(256, dtype=np.uint8), split, shift)
    np.testing.assert_array_equal(images.image(3), shift(values[5]))
    np.testing.assert_array_equal(images.shown(0), shift(values[0]))
    stream, plain = (BatchStream(each, 4, SimpleAugment(8), 0, 2) for each in (images, replace(images, shift=None)))
    stream.augment = plain.augment = lambda image, labels, random: (image, labels)
    shown, labels = stream.batch(0)
    for (_, index), image in zip(stream.samples(0), pixels_of(shown), strict=True):
        np.testing.assert_array_equal(image, shift(values[index]))
    assert torch.equal(labels, plain.batch(0)[1])
    ((evaluated, _, positions),) = evaluation_batches(images, 9)
    for image, position in zip(pixels_of(evaluated), positions, strict=True):
        np.testing.assert_array_equal(image, images.image(position))


def test_exemplars_need_a_batch_of_two_or_more_images():
    with pytest.raises(UsageError, match="A batch with exemplars needs at least 2 images, got 1"):
        many(40, 0.5, batch_size=1)


@pytest.mark.parametrize("kept", [None, 4], ids=["without exemplars", "with exemplars"])
def test_parts_of_a_batch_are_cut_out_of_it(kept):
    images = everything(11, size=8)
    memory = None if kept is None else Exemplars(np.array([[index, 0] for index in range(kept)]), {0: images}, 0.5)

    def stream(part=slice(None)):
        return BatchStream(images, 5, SimpleAugment(6, scale=(0.5, 2.0)), 4, 1, memory, part)

    for number in (0, 3):
        whole = stream().batch(number)
        parts = [stream(part).batch(number) for part in (slice(0, 2), slice(2, 3), slice(3, 5))]
        for mine, all_of_it in zip(zip(*parts, strict=True), whole, strict=True):
            assert torch.equal(torch.cat(mine), all_of_it)


def test_in_turn_processes_evaluate_every_batch_once():
    images = everything(11)
    whole = [batch[2].tolist() for batch in evaluation_batches(images, 2)]
    parts = [[batch[2].tolist() for batch in evaluation_batches(images, 2, turn=(number, 3))] for number in range(3)]
    assert parts == [whole[0::3], whole[1::3], whole[2::3]]
    assert list(evaluation_batches(images, 11, turn=(1, 2))) == []
