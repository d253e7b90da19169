"""A file of measured weights is read as it was written, or refused in a sentence."""

import numpy as np
import pytest
from weight_files import SEEDS, TRUTH, WEIGHTS, WORLDS, about, example, scores, weight_file

from satkit.analysis.measured_weights import MEASURES, read_weights
from satkit.evaluation.seeds import estimate
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
