"""Each step gets the images and labels that the setting allows: to train on, to hold out, to be tested on."""

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
from hand_made import NAMES, everything, split_of

from satkit.data import BACKGROUND, IGNORE, SegmentationData, step_images
from satkit.data.exemplars import Conditions, exemplars
from satkit.data.shift import Shift
from satkit.data.step_images import epoch_order, held_out, training_images
from satkit.scenario import scenario
from satkit.strategies import ExemplarMemory
from satkit.utils.errors import UsageError


@pytest.mark.parametrize(
    ("setting", "expected"),
    [
        ("overlapped", [[0, 1, 3, 4], [2, 3], [3, 5]]),
        ("disjoint", [[0, 1, 4], [2], [3, 5]]),
        ("sequential", [[0, 1, 4], [2], [3, 5]]),
    ],
)
def test_training_images_are_those_that_the_setting_allows(data, setting, expected):
    built = scenario(NAMES, "2-1", setting)
    found = [training_images(data, built, step).indices.tolist() for step in built.steps]
    assert found == expected


def test_training_labels_are_what_the_annotator_shows(data):
    built = scenario(NAMES, "2-1", order=[4, 1, 3, 2])
    base = training_images(data, built, built.steps[0])
    later = training_images(data, built, built.steps[1])
    assert base.indices.tolist() == [0, 1, 3, 5]
    assert later.indices.tolist() == [2, 3]
    # Image 3 repeats the labels 1, 3, 4: index 2, 3 and 1 in this order of learning.
    assert base.labels(2)[0].tolist() == [2, BACKGROUND, 1, 2]
    assert later.labels(1)[0].tolist() == [BACKGROUND, 3, BACKGROUND, BACKGROUND]
    assert (later.image(1) == 30).all()
    assert len(later) == 2


def test_sequential_labels_show_old_classes_too(data):
    built = scenario(NAMES, "2-1", "sequential")
    last = training_images(data, built, built.steps[2])
    assert last.labels(0)[0].tolist() == [1, 3, 4, 1]


def test_ignored_pixels_stay_ignored_in_every_step(data):
    built = scenario(NAMES, "2-1")
    assert training_images(data, built, built.steps[0]).labels(3)[0].tolist() == [0, 2, IGNORE, 0]


def test_ignored_pixels_are_background_where_the_protocol_says_so(data):
    built = scenario(NAMES, "2-1")
    images = training_images(data, built, built.steps[0], void="background")
    assert images.labels(3)[0].tolist() == [0, 2, 0, 0]
    memory = ExemplarMemory(background="kept")
    kept = exemplars(data, built, np.array([[4, 0]]), built.steps[1], memory, Conditions(void="background"))
    assert kept.sources[0].labels(0)[0].tolist() == [0, 2, 0, 0]
    with pytest.raises(UsageError, match="Unknown treatment of unlabelled pixels 'drop'"):
        training_images(data, built, built.steps[0], void="drop")


def test_partitioned_images_belong_to_one_step_each_and_a_seed_decides_which():
    split = replace(split_of([[0, 1, 2, 3, 4]]), present=np.ones((200, 5), dtype=bool), names=("",) * 200)
    many = SegmentationData("hand-made", NAMES, split, split, "none")
    built = scenario(NAMES, "2-1", "partitioned")
    found = {seed: [training_images(many, built, step, seed=seed).indices for step in built.steps] for seed in (0, 1)}
    for parts in found.values():
        assert sorted(np.concatenate(parts).tolist()) == list(range(200))
        assert [len(part) for part in parts] == pytest.approx([100, 50, 50], abs=25)
    assert found[0][0].tolist() != found[1][0].tolist()


def test_a_partitioned_image_without_a_class_belongs_nowhere(data):
    built = scenario(NAMES, "2-2", "partitioned")
    found = np.concatenate([training_images(data, built, step).indices for step in built.steps])
    assert sorted(found.tolist()) == [0, 1, 2, 3, 4, 5]  # image 6 shows background alone


def test_a_fifth_of_the_images_is_held_out_and_never_trained_on():
    images = everything(20)
    train, validation = held_out(images, seed=0, step=1)
    assert (len(train), len(validation)) == (16, 4)
    assert sorted([*train.indices, *validation.indices]) == list(range(20))
    assert train.indices.tolist() == sorted(train.indices.tolist())
    assert held_out(images, 0, 1)[1].indices.tolist() == validation.indices.tolist()
    assert held_out(images, 1, 1)[1].indices.tolist() != validation.indices.tolist()
    with pytest.raises(UsageError, match="Step 1 must have two or more images to hold one out, got 1"):
        held_out(everything(1), 0, 1)


def test_in_settings_by_domain_the_images_of_a_step_are_those_of_its_domains(places):
    built = scenario(NAMES, "1-1", "domain", domains=places.domains)
    found = [training_images(places, built, step) for step in built.steps]
    assert [{places.pool.domains[index] for index in images.indices} for images in found] == [{"a"}, {"b"}, {"c"}]
    assert [len(images) for images in found] == [2, 4, 3]
    assert set(found[2].labels(0).ravel().tolist()) == {1, 2, 3, 4}
    tested = [step_images.test_images(places, built, step) for step in built.steps]
    assert [len(images) for images in tested] == [1, 2, 3]
    kept = exemplars(places, built, np.array([[9, 2]]), built.steps[2], ExemplarMemory())
    assert (kept.sources[2].image(0) == places.pool.images[9]).all()


def test_a_step_without_images_is_named_with_its_classes(data):
    empty = SegmentationData("hand-made", NAMES, split_of([[0, 1], [0, 4]]), data.test, "none")
    built = scenario(NAMES, "2-2")
    training_images(empty, built, built.steps[1])
    built = scenario(NAMES, "2-1")
    with pytest.raises(UsageError, match=r"Step 1 of task 2-1 \(overlapped\) must have images to learn c from, .* 2 "):
        training_images(empty, built, built.steps[1])


def test_a_step_without_images_is_not_advised_to_take_the_setting_that_it_has():
    split = split_of([[0, 1, 4], [0, 2]])
    empty = SegmentationData("hand-made", NAMES, split, split, "none")
    for setting, instead in (("overlapped", "or another task."), ("disjoint", "another task, or the setting 'overl")):
        built = scenario(NAMES, "2-1", setting)
        with pytest.raises(UsageError, match=f"Take more images, {instead}"):
            training_images(empty, built, built.steps[1])


def test_test_images_show_a_seen_class_and_all_seen_classes_are_labelled(data):
    built = scenario(NAMES, "2-1")
    found = [step_images.test_images(data, built, step) for step in built.steps]
    assert [images.indices.tolist() for images in found] == [
        [0, 1, 3, 4],
        [0, 1, 2, 3, 4],
        [0, 1, 2, 3, 4, 5],
    ]
    assert [images.labels(images.indices.tolist().index(3))[0].tolist() for images in found] == [
        [1, BACKGROUND, BACKGROUND, 1],
        [1, 3, BACKGROUND, 1],
        [1, 3, 4, 1],
    ]


def test_future_classes_can_be_ignored_where_scores_are_computed(data):
    built = scenario(NAMES, "2-1")
    base = step_images.test_images(data, built, built.steps[0], future="ignored")
    assert base.labels(2)[0].tolist() == [1, IGNORE, IGNORE, 1]
    assert base.labels(0)[0].tolist() == [BACKGROUND, 1, BACKGROUND, 1]
    with pytest.raises(UsageError, match="Unknown treatment of future classes 'ignore'. Did you mean 'ignored'"):
        step_images.test_images(data, built, built.steps[0], future="ignore")


def test_all_test_images_can_be_taken(data):
    built = scenario(NAMES, "2-1")
    assert step_images.test_images(data, built, built.steps[0], which="all").indices.tolist() == list(range(7))
    with pytest.raises(UsageError, match="Unknown choice of test images 'al'. Did you mean 'all'"):
        step_images.test_images(data, built, built.steps[0], which="al")


def test_a_test_split_without_a_seen_class_is_an_error(data):
    empty = SegmentationData("hand-made", NAMES, data.train, split_of([[0, 4]]), "none")
    built = scenario(NAMES, "2-1")
    with pytest.raises(UsageError, match="must have test images with one of a, b, but none of the 1 test images"):
        step_images.test_images(empty, built, built.steps[0])


def test_an_order_is_a_permutation_that_depends_on_seed_step_and_epoch():
    orders = {tuple(epoch_order(seed, step, epoch, 50)) for seed in range(2) for step in range(2) for epoch in range(2)}
    assert len(orders) == 8
    assert all(sorted(order) == list(range(50)) for order in orders)
    np.testing.assert_array_equal(epoch_order(1, 2, 3, 50), epoch_order(1, 2, 3, 50))


def test_orders_are_shuffled_evenly():
    first = Counter(int(epoch_order(0, 0, epoch, 5)[0]) for epoch in range(1000))
    assert set(first) == set(range(5))
    assert max(first.values()) - min(first.values()) < 100


@pytest.mark.parametrize("setting", ["overlapped", "disjoint", "sequential"])
def test_the_filter_of_images_agrees_with_the_rule_for_one_image(setting):
    random = np.random.default_rng(0)
    present = random.random((300, 5)) < 0.4
    split = replace(split_of([[0]]), present=present, names=("",) * 300)
    many = SegmentationData("hand-made", NAMES, split, split, "none")
    built = scenario(NAMES, "1-1", setting, order=[3, 1, 4, 2])
    for step in built.steps:
        rule = [built.contains_image(step, np.flatnonzero(row).tolist()) for row in present]
        assert training_images(many, built, step).indices.tolist() == np.flatnonzero(rule).tolist()


def test_training_images_of_every_later_step_have_their_own_shift(data):
    built = scenario(NAMES, "2-1")
    shifts = [training_images(data, built, step, 0.5, seed=7).shift for step in built.steps]
    assert shifts == [None, Shift(0.5, 1, 7), Shift(0.5, 2, 7)]
    assert training_images(data, built, built.steps[1]).shift is None
    assert all(step_images.test_images(data, built, step).shift is None for step in built.steps)
