"""The weight study measures the finished runs of a sweep, and leaves them as they are."""

import shutil

import numpy as np
import pytest
from sweeps import Threads
from tiny import TINY_STUDY

from satkit.analysis.measured_weights import read_weights
from satkit.analysis.probes import region_drift
from satkit.experiments.experiment import Experiment
from satkit.experiments.presets import PRESETS
from satkit.experiments.run_folder import Run
from satkit.experiments.settings import Settings
from satkit.experiments.study_folder import StudyFolder
from satkit.studies.sweep import Sweep
from satkit.studies.sweep_targets import Training
from satkit.studies.weight_study import telling, weight_study, write_weights
from satkit.utils.errors import UsageError

STRATEGIES = ("pseudo+distillation=10", "pseudo+distillation=10+attention=5", "pseudo+distillation=10+attention=20")
GRID = [
    {"strategy": strategy, "habitat": habitat, "seed": seed, "preset": "tiny"}
    for strategy in STRATEGIES
    for habitat in (0.75, 0.0)
    for seed in (0, 1)
]


@pytest.fixture(scope="module", autouse=True)
def _tiny():
    """A preset of two iterations a step."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(PRESETS["scenes"], "tiny", TINY_STUDY)
        yield


@pytest.fixture(scope="module")
def sweep(tmp_path_factory):
    """A finished sweep of twelve runs."""
    folder = tmp_path_factory.mktemp("sweeps") / "weights"
    assert Sweep(Training(), GRID, str(folder)).carry_out(Threads(1))
    return folder


@pytest.fixture(scope="module")
def study(sweep):
    return weight_study(sweep)


def files(folder):
    return {path: path.stat().st_mtime_ns for path in folder.rglob("*") if path.is_file()}


def test_every_run_has_a_row_with_the_scores_of_its_result(sweep, study):
    assert len(study["rows"]) == 12
    assert (study["weights"], list(study["worlds"])) == ([0, 5, 20], ["habitat", "uniform"])
    assert (study["settings"]["seed"], study["paper_weight"]) == ([0, 1], 20)
    for row in study["rows"]:
        values = {
            "strategy": STRATEGIES[study["weights"].index(row["weight"])],
            "habitat": study["worlds"][row["world"]]["habitat"],
            "seed": row["seed"],
            "preset": "tiny",
        }
        result = Run.open(Training().meaning(values, sweep).scored).result()
        for name in ("old", "new", "all"):
            assert row[name] == pytest.approx(result[name], abs=1e-5)
        assert result["machine"] in study["machines"]


def test_the_drift_is_that_of_the_base_classes_since_the_base_step(sweep, study):
    settings = Settings(preset="tiny", habitat=0.0, seed=1)
    folder = sweep / settings.name("15-5")
    plan = StudyFolder(folder, settings).plan(STRATEGIES[2])
    run = Experiment(plan, Run.open(folder / "pseudo-labels-distillation-10-attention-20"))
    moved = region_drift(run.model(0), run.model(1), plan.complete(plan.tests(plan.steps[1])), range(1, 16))
    expected = np.mean([np.nanmean(stage) for stage in moved.values()])
    (row,) = (row for row in study["rows"] if (row["world"], row["weight"], row["seed"]) == ("uniform", 20, 1))
    assert row["drift"] == pytest.approx(expected, abs=1e-5)
    assert expected > 0


def test_the_file_is_read_as_it_was_written_and_the_sweep_is_left_as_it_was(sweep, study, tmp_path):
    before = files(sweep)
    path = write_weights(sweep, tmp_path / "here")
    assert files(sweep) == before
    assert path == tmp_path / "here" / "weight_study.json"
    assert path.stat().st_size < 100_000
    found = read_weights(path)
    assert found.about["rows"] == study["rows"]
    for world in found.worlds:
        assert [each.number for each in found.examples[world]] == [each["number"] for each in study["examples"][world]]
        assert len(found.examples[world]) == 3


class Labels:
    """Label maps in place of images."""

    def __init__(self, *maps):
        self.maps = maps

    def __len__(self):
        return len(self.maps)

    def labels(self, number):
        return np.array(self.maps[number])


def test_images_with_most_old_classes_and_a_new_one_are_chosen_the_first_ones_where_equal():
    tests = Labels([1, 2, 3], [0, 1, 9], [1, 2, 9], [0, 2, 9], [9, 9, 9], [1, 2, 9])
    assert telling(tests, (1, 2, 3), (9,)) == [2, 5, 1]
    assert telling(Labels([1, 2], [1, 1]), (1, 2, 3), (9,)) == [0, 1]


def test_a_run_whose_folder_is_gone_is_named(sweep, tmp_path):
    shutil.copytree(sweep, tmp_path / "copy")
    (tmp_path / "copy" / "scenes-15-5-tiny-seed1" / "pseudo-labels-distillation-10" / "result.json").unlink()
    with pytest.raises(UsageError, match="seed1/pseudo-labels-distillation-10 must hold a finished run, it lacks"):
        weight_study(tmp_path / "copy")
