import numpy as np
import pytest
from places import SHARED_DATA as DATA

from satkit.scenario import DOMAIN_SETTINGS, OFFLINE, SETTINGS, TASKS, order_by_name, scenario, task_sizes, usual_tasks
from satkit.utils.errors import UsageError

PRESENCE = DATA / "voc2012_presence.npz"

NAMES = ("background", *(f"class {label}" for label in range(1, 21)))
SIX = ("background", "a", "b", "c", "d", "e", "f")


@pytest.mark.parametrize(
    ("task", "sizes"),
    [
        ("19-1", (19, 1)),
        ("15-5", (15, 5)),
        ("15-1", (15, 1, 1, 1, 1, 1)),
        ("10-1", (10, *[1] * 10)),
        ("5-3", (5, 3, 3, 3, 3, 3)),
        (OFFLINE, (20,)),
    ],
)
def test_a_task_divides_the_classes(task, sizes):
    assert task_sizes(task, 20) == sizes
    assert tuple(len(step.new) for step in scenario(NAMES, task).steps) == sizes


@pytest.mark.parametrize("task", ["15-1", "10-10", "5-3", OFFLINE])
def test_every_class_is_new_once_and_then_old(task):
    steps = scenario(NAMES, task).steps
    assert [index for step in steps for index in step.new] == list(range(1, 21))
    for number, step in enumerate(steps):
        assert step.index == number
        assert step.old == tuple(index for earlier in steps[:number] for index in earlier.new)
        assert sorted(step.old + step.new + step.future) == list(range(1, 21))
        assert step.seen == step.old + step.new


def test_outputs_count_background_and_everything_seen():
    steps = scenario(NAMES, "15-1").steps
    assert [step.num_outputs for step in steps] == [16, 17, 18, 19, 20, 21]
    assert [step.num_old for step in steps] == [0, 16, 17, 18, 19, 20]


def test_base_and_added_are_the_first_and_all_later_classes():
    built = scenario(SIX, "2-2")
    assert (built.base, built.added) == ((1, 2), (3, 4, 5, 6))


def test_an_order_renames_indices_and_leads_back_to_labels():
    built = scenario(SIX, "4-2", order=[6, 5, 4, 3, 2, 1])
    assert built.names == ("background", "f", "e", "d", "c", "b", "a")
    assert built.training_table(built.steps[0]) == {6: 1, 5: 2, 4: 3, 3: 4}
    assert built.training_table(built.steps[1]) == {2: 5, 1: 6}
    assert built.test_table(built.steps[1]) == {6: 1, 5: 2, 4: 3, 3: 4, 2: 5, 1: 6}


def test_the_annotator_shows_old_classes_only_in_the_sequential_setting():
    for setting in set(SETTINGS) - set(DOMAIN_SETTINGS):
        built = scenario(SIX, "2-2", setting)
        shown = set(built.training_table(built.steps[1]))
        assert shown == ({1, 2, 3, 4} if setting == "sequential" else {3, 4})
        assert built.annotates_old == (setting == "sequential")


@pytest.mark.parametrize(
    ("present", "overlapped", "disjoint"),
    [
        ([0, 3], True, True),
        ([0, 1, 3], True, True),  # an old class does not matter
        ([0, 3, 5], True, False),  # a future class does, where steps are disjoint
        ([0, 1], False, False),
        ([0, 5], False, False),
        ([0], False, False),
        ([3, 255], True, True),
    ],
)
def test_an_image_belongs_to_a_step_by_what_it_shows(present, overlapped, disjoint):
    for setting, expected in (("overlapped", overlapped), ("disjoint", disjoint), ("sequential", disjoint)):
        built = scenario(SIX, "2-2", setting)
        assert built.contains_image(built.steps[1], present) is expected


def test_images_are_filtered_by_labels_of_the_data_set_not_by_index():
    built = scenario(SIX, "4-2", order=[6, 5, 4, 3, 2, 1])
    assert built.contains_image(built.steps[1], [1])
    assert not built.contains_image(built.steps[1], [6])
    disjoint = scenario(SIX, "4-2", "disjoint", order=[6, 5, 4, 3, 2, 1])
    assert not disjoint.contains_image(disjoint.steps[0], [6, 1]), "1 is learnt last"
    assert disjoint.contains_image(disjoint.steps[0], [6, 5])


def test_joint_training_sees_all_classes_in_one_step():
    built = scenario(SIX, "2-2", "disjoint", order=[2, 1, 3, 4, 5, 6])
    joint = built.joint()
    assert (joint.task, joint.setting, joint.order, joint.names) == (
        OFFLINE,
        "disjoint",
        built.order,
        built.names,
    )
    assert [step.new for step in joint.steps] == [(1, 2, 3, 4, 5, 6)]


def test_no_order_and_an_empty_order_are_the_order_of_the_data_set():
    assert scenario(SIX, "2-2", order=()) == scenario(SIX, "2-2", order=[1, 2, 3, 4, 5, 6]) == scenario(SIX, "2-2")


def test_an_order_by_name_begins_with_these_classes_and_the_others_follow():
    assert order_by_name(SIX, ["e", "b"]) == (5, 2, 1, 3, 4, 6)
    assert order_by_name(SIX, ["f", "e", "d", "c", "b", "a"]) == (6, 5, 4, 3, 2, 1)
    assert scenario(SIX, "2-2", order=["e", "b"]) == scenario(SIX, "2-2", order=[5, 2, 1, 3, 4, 6])


@pytest.mark.parametrize(
    ("first", "said"),
    [
        (["tre"], "Unknown class 'tre'. Did you mean 'tree'[?] Choose one of: tree, sky, sea, deep[.]"),
        (["sky", "sky"], "names every class once, but 'sky' is named twice. Leave one out.$"),
        (["sky", "Background"], "'Background' is in every step and never part of a class order. Leave it out.$"),
        (["2", "sky"], "Unknown class '2'. .* A class order holds labels or names, not both."),
        ([2, "sky"], "Unknown class 2. .* A class order holds labels or names, not both."),
        (["sea", "deep"], "Unknown class 'sea'.* Names with a comma stand in a list: ..sea, deep..[.]$"),
    ],
)
def test_a_name_that_cannot_be_in_an_order_is_named(first, said):
    with pytest.raises(UsageError, match=said):
        scenario(("background", "tree", "sky", "sea, deep"), "2-1", order=first)


@pytest.mark.parametrize("order", [[1, 2, 3], [0, 1, 2, 3, 4, 5], [1, 1, 2, 3, 4, 5], [1, 2, 3, 4, 5, 7]])
def test_an_order_that_is_no_permutation_is_refused(order):
    with pytest.raises(UsageError, match="every label of 1..6 once, got"):
        scenario(SIX, "2-2", order=order)


def test_an_unknown_setting_is_named_with_the_nearest():
    with pytest.raises(UsageError, match="Unknown setting 'overlaped'. Did you mean 'overlapped'"):
        scenario(SIX, "2-2", "overlaped")


def test_a_task_that_is_no_task_is_named_with_the_nearest():
    with pytest.raises(UsageError, match="Unknown task '15_5'. Did you mean '15-5'"):
        scenario(NAMES, "15_5")


@pytest.mark.parametrize(
    ("task", "why"),
    [("15-2", "after 15 base classes 5 remain, which steps of 2 do not fill")]
    + [(task, "the base step must have 1 to 19 of them") for task in ("0-1", "20-1", "15-0", "21-1", "99-99")],
)
def test_a_task_that_does_not_divide_the_classes_says_why_and_what_does(task, why):
    with pytest.raises(UsageError, match=f"must divide the 20 classes: {why}.* 19-1, 15-5"):
        scenario(NAMES, task)


def test_a_task_may_name_the_classes_of_every_step():
    built = scenario(NAMES, "10-7-1-2")
    assert [len(step.new) for step in built.steps] == [10, 7, 1, 2]
    assert built.steps[2].old == tuple(range(1, 18))
    for task, total in (("10-5-4", 19), ("50-20-10", 80), ("10-10-0", 20)):
        with pytest.raises(
            UsageError, match=f"must be 1 or more and add up to 20, got {total}. Choose for example one of"
        ):
            scenario(NAMES, task)


def test_examples_of_tasks_are_named_once():
    with pytest.raises(UsageError, match="Choose for example one of: 1-1, offline."):
        scenario(("background", "a", "b"), "2-1")


def test_in_the_partitioned_setting_the_drawn_class_decides():
    built = scenario(SIX, "2-2", "partitioned", order=[6, 5, 4, 3, 2, 1])
    assert [built.contains_image(step, [1, 4, 6], drawn=4) for step in built.steps] == [False, True, False]
    assert not any(built.contains_image(step, [], drawn=None) for step in built.steps)
    assert built.training_table(built.steps[1]) == {4: 3, 3: 4}


@pytest.mark.parametrize("setting", DOMAIN_SETTINGS)
class TestPlaces:
    CITIES = ("a", "b", "c", "d", "e")

    def test_all_classes_come_first_and_places_one_after_the_other(self, setting):
        built = scenario(SIX, "3-1", setting, order=[2, 1, 3, 4, 5, 6], domains=self.CITIES)
        assert [step.domains for step in built.steps] == [("a", "b", "c"), ("d",), ("e",)]
        assert [(step.old, step.new, step.future) for step in built.steps] == [
            ((), (1, 2, 3, 4, 5, 6), ()),
            ((1, 2, 3, 4, 5, 6), (), ()),
            ((1, 2, 3, 4, 5, 6), (), ()),
        ]
        assert {step.num_outputs for step in built.steps} == {7}
        assert (built.added, built.by_domain) == ((), True)

    def test_every_class_is_annotated_in_every_step(self, setting):
        built = scenario(SIX, "3-1", setting, domains=self.CITIES)
        for step in built.steps:
            assert built.training_table(step) == built.test_table(step) == {label: label for label in range(1, 7)}
        assert built.annotates_old

    def test_joint_training_has_all_places_at_once(self, setting):
        joint = scenario(SIX, "3-1", setting, domains=self.CITIES).joint()
        assert [(step.new, step.domains) for step in joint.steps] == [((1, 2, 3, 4, 5, 6), self.CITIES)]

    def test_places_are_needed_and_the_task_divides_them(self, setting):
        with pytest.raises(UsageError, match=f"The setting '{setting}' .* two or more domains, got 0"):
            scenario(SIX, "2-2", setting)
        with pytest.raises(UsageError, match="two or more domains, got 1. Add images of another.$"):
            scenario(SIX, "2-2", setting, domains=["ulm"])
        with pytest.raises(UsageError, match="must divide the 5 cities"):
            scenario(SIX, "3-3", setting, domains=self.CITIES)


@pytest.mark.parametrize("count", TASKS)
def test_published_tasks_divide_what_they_are_for(count):
    assert usual_tasks(count) == list(TASKS[count])
    assert all(sum(task_sizes(task, count)) == count for task in TASKS[count])


def test_other_numbers_of_classes_have_tasks_too():
    assert usual_tasks(7) == ["4-3", "4-1"]
    assert all(sum(task_sizes(task, count)) == count for count in range(2, 40) for task in usual_tasks(count))


# Images of each step on VOC 2012 with SBD, counted from its masks: overlapped, disjoint, test.
VOC_COUNTS = {
    "10-10": ((6139, 6876), (3706, 6876), (869, 1449)),
    "10-5": ((6139, 5542, 2145), (3706, 4731, 2145), (869, 1240, 1449)),
    "5-5": ((2836, 3604, 5542, 2145), (1753, 1953, 4731, 2145), None),
    "5-1": (
        (2836, 385, 1086, 1000, 1081, 264, 528, 1177, 444, 482, 3898, 487, 299, 491, 500, 548),
        None,
        None,
    ),
    "2-2": ((1072, 1151, 1039, 2080, 1345, 1701, 925, 4236, 790, 1048), None, None),
    "19-1": ((10410, 548), (10034, 548), (1421, 1449)),
    "15-5": ((9568, 2145), (8437, 2145), (1240, 1449)),
    "15-1": (
        (9568, 487, 299, 491, 500, 548),
        (8437, 378, 299, 420, 500, 548),
        (1240, 1277, 1329, 1353, 1421, 1449),
    ),
    "10-1": (
        (6139, 528, 1177, 444, 482, 3898, 487, 299, 491, 500, 548),
        (3706, 188, 868, 227, 201, 3247, 378, 299, 420, 500, 548),
        (869, 893, 1005, 1081, 1140, 1240, 1277, 1329, 1353, 1421, 1449),
    ),
    "5-3": (
        (2836, 2331, 1542, 2095, 4484, 1468),
        (1753, 1517, 624, 1296, 3924, 1468),
        (433, 699, 893, 1140, 1329, 1449),
    ),
}


@pytest.mark.skipif(not PRESENCE.is_file(), reason=f"needs {PRESENCE} (set SATKIT_TEST_DATA)")
@pytest.mark.parametrize("task", VOC_COUNTS)
def test_images_per_step_on_the_whole_of_voc(task):
    stored = np.load(PRESENCE)
    rows = {part: stored["present"][[str(s).startswith(part) for s in stored["split"]]] for part in ("train", "val")}
    assert (len(rows["train"]), len(rows["val"])) == (10582, 1449)
    present = [np.flatnonzero(row).tolist() for row in rows["train"]]
    overlapped, disjoint, tested = VOC_COUNTS[task]
    for setting, expected in (("overlapped", overlapped), ("disjoint", disjoint), ("sequential", disjoint)):
        built = scenario(NAMES, task, setting)
        counts = [sum(built.contains_image(step, labels) for labels in present) for step in built.steps]
        assert expected is None or tuple(counts) == expected
    seen = [rows["val"][:, list(built.test_table(step))].any(axis=1).sum() for step in built.steps]
    assert tested is None or tuple(seen) == tested


def test_a_task_of_thousands_of_digits_is_unknown():
    with pytest.raises(UsageError, match="Unknown task '1-9") as caught:
        task_sizes("1-" + "9" * 5000, 20)
    assert len(str(caught.value)) < 400
