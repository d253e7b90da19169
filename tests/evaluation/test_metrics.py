"""Every score is computed from confusion matrices small enough to add up by hand."""

import json

import numpy as np
import pytest

from satkit.evaluation import metrics
from satkit.scenario import scenario

TWO_STEPS = scenario(["background", "cat", "dog", "bus"], "2-1")  # cat and dog, then bus

# After step 0: IoU of background 6 / 10, cat 4 / 8, dog 8 / 8.
BEFORE = np.array(
    [
        [6, 2, 0],
        [2, 4, 0],
        [0, 0, 8],
    ]
)
# After step 1: IoU of background 7 / 10, cat 2 / 8, dog 4 / 8, bus 7 / 14.
AFTER = np.array(
    [
        [7, 1, 0, 0],
        [2, 2, 0, 2],
        [0, 0, 4, 4],
        [0, 1, 0, 7],
    ]
)


def test_iou_is_hits_over_union():
    np.testing.assert_allclose(metrics.iou(BEFORE), [0.6, 0.5, 1.0])
    np.testing.assert_allclose(metrics.iou(AFTER), [0.7, 0.25, 0.5, 0.5])


def test_iou_equals_intersection_over_union_of_pixel_sets():
    random = np.random.default_rng(0)
    truth, predicted = random.integers(0, 4, (2, 500))
    confusion = np.zeros((4, 4), dtype=int)
    np.add.at(confusion, (truth, predicted), 1)
    for index, score in enumerate(metrics.iou(confusion)):
        there, guessed = set(np.flatnonzero(truth == index)), set(np.flatnonzero(predicted == index))
        assert score == pytest.approx(len(there & guessed) / len(there | guessed))


def test_class_without_ground_truth_has_no_iou_even_if_it_was_predicted():
    confusion = np.array([[5, 3], [0, 0]])
    scores = metrics.iou(confusion)
    assert scores[0] == 5 / 8
    assert np.isnan(scores[1])


def test_class_without_ground_truth_is_left_out_of_the_mean():
    confusion = BEFORE.copy()
    confusion[2] = 0  # no dog in the ground truth
    assert metrics.mean_iou(confusion, [1, 2]) == pytest.approx(0.5)
    assert np.isnan(metrics.mean_iou(confusion, [2]))
    assert np.isnan(metrics.mean_iou(confusion, []))


def test_class_that_is_never_found_counts_as_zero():
    confusion = np.array([[4, 0], [4, 0]])
    assert metrics.iou(confusion)[1] == 0
    assert metrics.mean_iou(confusion, [0, 1]) == 0.25


def test_pixel_accuracy_is_the_share_of_the_diagonal():
    assert metrics.pixel_accuracy(AFTER) == pytest.approx(20 / 30)
    assert metrics.pixel_accuracy(np.zeros((3, 3), dtype=int)) == 0


def test_old_new_all_with_background_among_the_old():
    scores = metrics.old_new_all(AFTER, TWO_STEPS)
    assert scores == pytest.approx({"old": (0.7 + 0.25 + 0.5) / 3, "new": 0.5, "all": (0.7 + 0.25 + 0.5 + 0.5) / 4})


def test_background_out_of_old_still_counts_in_all():
    scores = metrics.old_new_all(AFTER, TWO_STEPS, background_in_old=False)
    assert scores == pytest.approx({"old": (0.25 + 0.5) / 2, "new": 0.5, "all": (0.7 + 0.25 + 0.5 + 0.5) / 4})


def test_new_is_undefined_after_the_base_step():
    scores = metrics.old_new_all(BEFORE, TWO_STEPS)
    assert scores["old"] == scores["all"] == pytest.approx(0.7)
    assert np.isnan(scores["new"])


def test_new_means_every_class_learnt_after_the_base_step():
    three_steps = scenario(["background", "cat", "dog", "bus"], "1-1")
    scores = metrics.old_new_all(AFTER, three_steps, background_in_old=False)
    assert scores["old"] == pytest.approx(0.25)
    assert scores["new"] == pytest.approx((0.5 + 0.5) / 2)


def test_iou_table_is_empty_before_a_class_is_learnt():
    expected = [[0.6, 0.5, 1.0, np.nan], [0.7, 0.25, 0.5, 0.5]]
    np.testing.assert_allclose(metrics.iou_table([BEFORE, AFTER], 4), expected)


def test_forgetting_is_the_drop_from_the_best_earlier_step():
    three_steps = scenario(["background", "cat", "dog", "bus"], "1-1")
    table = np.array(
        [
            [0.9, 0.4, np.nan, np.nan],
            [0.8, 0.6, 0.5, np.nan],
            [0.7, 0.1, 0.7, 0.3],
        ]
    )
    # cat: best 0.6 in the middle; dog grew better, which is negative; bus has no earlier step; background never counts.
    np.testing.assert_allclose(metrics.forgetting(table, three_steps), [np.nan, 0.5, -0.2, np.nan])


def test_forgetting_leaves_out_a_class_that_was_never_in_the_earlier_ground_truth():
    table = np.array([[0.9, np.nan, 0.5, np.nan], [0.9, 0.2, 0.1, 0.3]])
    np.testing.assert_allclose(metrics.forgetting(table, TWO_STEPS), [np.nan, np.nan, 0.4, np.nan])


def test_forgetting_of_a_run_that_is_not_finished_looks_only_at_steps_that_are():
    three_steps = scenario(["background", "cat", "dog", "bus"], "1-1")
    table = np.array([[0.9, 0.4, np.nan, np.nan], [0.8, 0.1, 0.5, np.nan]])
    np.testing.assert_allclose(metrics.forgetting(table, three_steps), [np.nan, 0.3, np.nan, np.nan])


def test_summary_of_two_steps():
    summary = metrics.summary([BEFORE, AFTER], TWO_STEPS)
    assert set(summary) == {
        *(
            "old",
            "new",
            "all",
            "base",
            "kept",
            "average",
            "forgetting",
            "pixel_accuracy",
            "steps",
            "per_class",
        )
    }
    assert summary["old"] == pytest.approx((0.7 + 0.25 + 0.5) / 3)
    assert summary["new"] == pytest.approx(0.5)
    assert summary["all"] == pytest.approx(0.4875)
    assert summary["base"] == pytest.approx((0.6 + 0.5 + 1.0) / 3)
    assert summary["kept"] == pytest.approx((0.25 + 0.5) / (0.5 + 1.0))
    assert summary["average"] == pytest.approx((0.7 + 0.4875) / 2)
    assert summary["forgetting"] == pytest.approx((0.25 + 0.5) / 2)
    assert summary["pixel_accuracy"] == pytest.approx(20 / 30)
    assert [step["all"] for step in summary["steps"]] == pytest.approx([0.7, 0.4875])
    assert list(summary["per_class"]) == ["background", "cat", "dog", "bus"]
    assert summary["per_class"]["cat"] == {"iou": [0.5, 0.25], "forgetting": 0.25}


def test_summary_without_background_among_the_old():
    summary = metrics.summary([BEFORE, AFTER], TWO_STEPS, background_in_old=False)
    assert summary["old"] == pytest.approx(0.375)
    assert summary["base"] == pytest.approx(0.75)
    assert summary["kept"] == pytest.approx(0.5)  # background is never in it
    assert summary["all"] == pytest.approx(0.4875)


def test_summary_is_plain_values():
    json.dumps(metrics.summary([BEFORE, AFTER], TWO_STEPS))


def test_joint_run_has_old_and_new_but_no_forgetting():
    summary = metrics.summary([AFTER], TWO_STEPS)
    assert summary["old"] == pytest.approx((0.7 + 0.25 + 0.5) / 3)
    assert summary["new"] == pytest.approx(0.5)
    assert summary["kept"] == 1
    assert np.isnan(summary["forgetting"])


def test_kept_is_undefined_where_the_base_step_learnt_nothing():
    nothing = np.array([[6, 0, 0], [6, 0, 0], [8, 0, 0]])
    summary = metrics.summary([nothing, AFTER], TWO_STEPS)
    assert np.isnan(summary["kept"])
    assert summary["old"] == pytest.approx((0.7 + 0.25 + 0.5) / 3)


class TestPlaces:
    """Two places in the base step, one later; two classes and a background that never occurs."""

    PLAN = scenario(["background", "road", "car"], "2-1", "domain", domains=["a", "b", "c"])

    @staticmethod
    def place(hits, misses):
        return np.array([[0, 0, 0], [0, hits, misses], [0, misses, hits]])

    def steps(self):
        first = np.stack([self.place(9, 1), self.place(8, 2)])
        return [first, np.stack([self.place(7, 3), self.place(8, 2), self.place(5, 5)])]

    @staticmethod
    def iou(hits, misses):
        return hits / (hits + 2 * misses)

    def test_old_are_the_test_images_of_the_first_places_and_new_of_the_later_ones(self):
        scores = metrics.old_new_all_places(self.steps()[1], self.PLAN)
        assert scores["old"] == pytest.approx(self.iou(15, 5))
        assert scores["new"] == pytest.approx(self.iou(5, 5))
        assert scores["all"] == pytest.approx(self.iou(20, 10))
        assert np.isnan(metrics.old_new_all_places(self.steps()[0], self.PLAN)["new"])

    def test_forgetting_is_the_drop_of_the_places_that_came_earlier(self):
        found = metrics.summary_of_places(self.steps(), self.PLAN)
        drop = self.iou(9, 1) - self.iou(7, 3)
        assert found["forgetting"] == pytest.approx(drop / 2)
        assert found["kept"] == pytest.approx(self.iou(15, 5) / self.iou(17, 3))
        assert found["per_place"]["a"] == pytest.approx([self.iou(9, 1), self.iou(7, 3)])
        assert found["per_place"]["c"][1] == pytest.approx(self.iou(5, 5))
        assert np.isnan(found["per_place"]["c"][0])

    def test_the_summary_has_what_every_table_asks_for(self):
        places = metrics.summary_of_places(self.steps(), self.PLAN)
        classes = metrics.summary([BEFORE, AFTER], TWO_STEPS)
        assert set(classes) <= set(places)
        assert np.isnan(metrics.summary_of_places(self.steps()[:1], self.PLAN)["forgetting"])
