"""A file of measured weights is read as it was written, or refused in a sentence."""

import numpy as np
import pytest
from weight_files import SEEDS, TRUTH, WEIGHTS, WORLDS, about, example, scores, weight_file

from satkit.analysis.measured_weights import FILE, MEASURES, read_weights
from satkit.evaluation.seeds import CLASSES, estimate, read_rows
from satkit.utils.assets import asset
from satkit.utils.errors import UsageError
from satkit.utils.files import DamagedFile


def test_means_and_intervals_are_those_of_the_seeds(tmp_path):
    found = read_weights(weight_file(tmp_path))
    assert (found.weights, found.worlds, found.old) == (WEIGHTS, WORLDS, (1, 2))
    for world in WORLDS:
        for measure in MEASURES:
            expected = [estimate(scores(world, weight, seed)[measure] for seed in SEEDS) for weight in WEIGHTS]
            means, widths = found.curve(world, measure)
            np.testing.assert_allclose(means, [each.mean for each in expected])
            np.testing.assert_allclose(widths, [each.half_width for each in expected])
    assert found.estimate("habitat", 5.0, "old").mean == pytest.approx((0.5 + 0.6) / 2)


def test_pictures_are_those_that_were_written(tmp_path):
    for each in read_weights(weight_file(tmp_path)).examples["uniform"]:
        assert (each.image == 10 * each.number).all()
        np.testing.assert_array_equal(each.truth, TRUTH)
        np.testing.assert_array_equal(each.predictions[0], TRUTH)
        assert not (each.predictions[2] == 3).any()


def test_the_papers_weight_comes_first_where_it_was_run(tmp_path):
    assert read_weights(weight_file(tmp_path)).first == 20
    assert read_weights(weight_file(tmp_path, paper_weight=7)).first == 20
    assert read_weights(weight_file(tmp_path, paper_weight=5)).first == 5


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        (
            {"rows": about()["rows"][:-1]},
            "one row for each world, weight and seed, not so for the uniform world, weight 20",
        ),
        ({"rows": [*about()["rows"], about()["rows"][0]]}, "not so for the habitat world, weight 0, seed 0"),
        ({"weights": "5"}, "weights in .* must be a list, got '5'"),
        ({"examples": {"habitat": []}}, "must have examples of habitat, uniform, got habitat"),
        (
            {"examples": {world: [{**example(1), "labels": "AAA="}] for world in WORLDS}},
            "test images of .* got something",
        ),
        ({"examples": {world: [{**example(1), "predictions": []}] for world in WORLDS}}, "a prediction for each of 3"),
    ],
)
def test_a_file_that_lacks_something_is_refused(tmp_path, changes, said):
    with pytest.raises(UsageError, match=said):
        read_weights(weight_file(tmp_path, **changes))


def test_a_damaged_file_says_how_to_make_it_again(tmp_path):
    path = weight_file(tmp_path)
    path.write_text(path.read_text()[:100])
    with pytest.raises(DamagedFile, match="satkit reference --weights makes it again"):
        read_weights(path)


class TestKit:
    """The file that comes with the kit."""

    def test_it_is_small_and_says_where_it_came_from(self):
        path = asset(FILE)
        about = read_weights(path).about
        assert path.stat().st_size < 100_000
        for name in ("settings", "strategies", "schedules", "conventions", "machines", "columns", "images", "left_out"):
            assert name in about
        assert {"satkit", "torch", "device"} <= set(about["machines"][0])

    def test_its_scores_are_close_to_those_of_the_same_runs_in_the_reference_study(self):
        about = read_weights(asset(FILE)).about
        stored = {(row.strategy, row.world, row.seed): row for row in read_rows(asset("reference_study.csv"))}
        with_weight = lambda weight: about["strategy"] + (f"+attention={weight:g}" if weight else "")  # noqa: E731
        same = [(row, stored.get((with_weight(row["weight"]), row["world"], row["seed"]))) for row in about["rows"]]
        assert all(other for row, other in same if row["world"] == "habitat" and row["weight"] <= about["paper_weight"])
        for row, other in same:
            if other:
                assert [row[name] for name in CLASSES] == pytest.approx([other.old, other.new, other.all], abs=0.03)

    def test_what_lesson_10_says_of_it_is_true(self):
        found = read_weights(asset(FILE))
        for world in found.worlds:
            old, new, drift = (found.curve(world, name)[0] for name in ("old", "new", "drift"))
            assert (np.diff(drift) < 0).all()
            assert (np.diff(new) < 0).all()
            assert (old[1:] - old[0] < new[0] - new[1:]).all()
            assert found.weights[old.argmax()] == 5
            assert found.weights[-1] == 400
            assert abs(old[-1] - old[0]) < 0.01
            assert new[-1] < new[0] / 3
            assert drift[-1] < drift[0] / 5
