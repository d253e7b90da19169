"""An infinite or undefined value, wherever it enters, stops a training in one sentence and changes nothing.

The full form has all 18 injections: `pytest -m full tests/test_training_non_finite.py`.
"""

import math
import shutil

import injections
import pytest
import torch
from tiny import SETTINGS, TINY
from tiny_studies import opened, same_outcome

from satkit.cli.parser import guarded
from satkit.experiments import checkpoints
from satkit.experiments.in_progress import newest_checkpoint
from satkit.experiments.presets import PRESETS
from satkit.experiments.study_folder import StudyFolder, silent
from satkit.strategies import EWC, SATS, EntropyPseudoLabels, Strategy
from satkit.strategies.terms.classification import CrossEntropy
from satkit.utils.non_finite import NonFiniteLoss

STRATEGY = SATS + EWC(100)  # pseudo-labels, distillation, attention transfer and an importance
VALUES = (math.nan, math.inf, -math.inf)
FEW = list(zip(injections.PLACES, VALUES * 2, strict=True))
ALL = [(place, value) for place in injections.PLACES for value in VALUES]


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    """A finished study, and a copy of it as it was before step 1; with checkpoints at every iteration."""
    folder = tmp_path_factory.mktemp("studies")
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(PRESETS["scenes"], "tiny", TINY)
        patch.setattr(checkpoints, "CHECKPOINT_SECONDS", -1.0)
        StudyFolder(folder / "begun", SETTINGS).trained(STRATEGY, 1, silent)
        shutil.copytree(folder / "begun", folder / "finished")
        run = StudyFolder(folder / "finished", SETTINGS).trained(STRATEGY, report=silent).run
        yield folder / "begun", run


def check(undisturbed, folder, place, value):
    """One injection: what is said, what is unchanged, and that the step goes on as if nothing had happened."""
    begun, expected = undisturbed
    shutil.copytree(begun, folder)
    experiment = opened(folder, STRATEGY)
    error, changed = injections.trained(experiment, place, value)
    assert isinstance(error, NonFiniteLoss), error
    said = str(error)
    assert injections.SAID[place].format(value=value) in said
    assert f"at step 1, iteration {injections.AT}" in said
    assert said.endswith(f"The images of this batch: {injections.names_of(experiment, experiment.begin(1))}.")
    assert len(said.splitlines()) == 1
    assert changed == set()
    assert newest_checkpoint(experiment.run, 1).iteration == injections.AT - 1
    experiment.learn(1, lambda iteration: None)
    assert same_outcome(experiment.run, expected)


@pytest.mark.parametrize(("place", "value"), FEW)
def test_a_value_that_is_not_finite_changes_nothing_and_the_step_goes_on(undisturbed, tmp_path, place, value):
    check(undisturbed, tmp_path / "study", place, value)


@pytest.mark.full
@pytest.mark.parametrize(("place", "value"), [each for each in ALL if each not in FEW])
def test_so_does_every_other_value_at_every_place(undisturbed, tmp_path, place, value):
    check(undisturbed, tmp_path / "study", place, value)


@pytest.mark.parametrize("place", ["images", "gradient"])
def test_a_finite_value_in_the_same_place_changes_everything(undisturbed, tmp_path, place):
    """The control: the comparison does see an iteration that is carried out."""
    shutil.copytree(undisturbed[0], tmp_path / "study")
    error, changed = injections.trained(opened(tmp_path / "study", STRATEGY), place, 0.5)
    assert isinstance(error, injections.Unnoticed)
    assert changed == {"student", "optimiser", "importance"}


@pytest.mark.parametrize("value", VALUES)
def test_a_teacher_that_only_pseudo_labels_read_is_watched_too(undisturbed, tmp_path, value):
    shutil.copytree(undisturbed[0], tmp_path / "study")
    experiment = opened(tmp_path / "study", STRATEGY)
    started = experiment.begin(1)
    started.strategy = Strategy("labels", (CrossEntropy(),), (CrossEntropy(),), targets=EntropyPseudoLabels())
    started.teacher.classifier.register_forward_hook(lambda module, seen, found: found.index_fill(1, LAST, value))
    with pytest.raises(NonFiniteLoss, match="The class scores of the teacher must be finite"):
        experiment.train(started)


LAST = torch.tensor([15])


def test_thresholds_are_not_fitted_to_a_teacher_without_finite_scores(undisturbed, tmp_path, monkeypatch):
    shutil.copytree(undisturbed[0], tmp_path / "study")
    experiment = opened(tmp_path / "study", STRATEGY)
    weights = experiment.run.load_model(0)
    with torch.no_grad():
        weights.classifier.steps[0].bias[3] = math.inf
    monkeypatch.setattr(type(experiment), "model", lambda *_: weights)
    with pytest.raises(NonFiniteLoss, match=r"of the teacher must be finite, .* before step 1\. .*batch: train-\d{4}"):
        experiment.begin(1)


def test_a_command_ends_in_the_sentence_and_not_in_a_traceback(capsys):
    def action():
        raise NonFiniteLoss("The loss must be finite.", 3)

    assert guarded(action) == 1
    assert capsys.readouterr().err == "satkit: The loss must be finite.\n"
