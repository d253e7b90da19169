"""A step is begun, trained, scored and saved; a finished one is loaded; threads that make batches change no bit."""

import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from tiny import SETTINGS, TINY
from tiny_studies import Interrupted, learn, opened, same, same_outcome, weights

from satkit.data.batches import evaluation_batches
from satkit.data.transforms import CentreCrop
from satkit.evaluation.conventions import protocol
from satkit.evaluation.predict import evaluate
from satkit.experiments import experiment as experiments
from satkit.experiments.experiment import Experiment
from satkit.experiments.plan import Plan
from satkit.experiments.presets import PRESETS
from satkit.experiments.run_folder import Run
from satkit.experiments.settings import Settings
from satkit.experiments.study_folder import StudyFolder, silent
from satkit.strategies import CrossEntropy
from satkit.strategies.step_state import StepState
from satkit.utils import progress
from satkit.utils.errors import UsageError
from satkit.utils.non_finite import NonFiniteLoss

pytestmark = pytest.mark.usefixtures("tiny_preset")


def no_training(*arguments, **options):
    pytest.fail("A finished step must be loaded, not trained.")


class TestAWholeStudy:
    def test_every_step_is_finished_with_its_files(self, undisturbed):
        base, sats = undisturbed
        assert (base.steps_done(), sats.steps_done()) == (1, 2)
        for step in (0, 1):
            inside = {path.name for path in sats.step_folder(step).iterdir()}
            assert inside == {"model.safetensors", "confusion.npy", "metrics.json", "history.csv", "manifest.json"}
        assert sats.load_model(1).classifier.counts == (16, 5)
        assert sats.load_confusion(1).shape == (21, 21)
        assert [(row["step"], row["iteration"]) for row in sats.history()] == [
            (step, iteration) for step in (0, 1) for iteration in (1, 2, 3, 4)
        ]

    def test_the_result_says_what_it_takes_to_read_its_numbers(self, undisturbed):
        result = undisturbed[1].result()
        assert result["strategy"] == "SATS"
        assert (result["data"], result["task"], result["preset"], result["seed"]) == (
            "scenes",
            "15-5",
            "tiny",
            0,
        )
        assert result["conventions"] == protocol().describe(32) == undisturbed[1].config["conventions"]
        assert {"torch", "threads", "device"} <= set(result["machine"])
        assert len(result["steps"]) == 2
        assert set(result) >= {"old", "new", "all", "base", "kept", "average", "forgetting", "per_class"}
        assert 0 <= result["all"] <= 1

    def test_the_configuration_decides_the_result(self, undisturbed):
        config = undisturbed[1].config
        assert config["strategy"]["name"] == "SATS"
        assert [schedule["iterations"] for schedule in config["schedules"]] == [4, 4]
        assert config["data_options"] == TINY.data
        assert len(config["data_fingerprint"]) == 64
        assert "root" not in config

    def test_the_result_is_the_last_file(self, tmp_path, monkeypatch):
        order, rename = [], os.replace
        monkeypatch.setattr("satkit.utils.files.os.replace", lambda a, b: (order.append(Path(b).name), rename(a, b)))
        _, run = learn(tmp_path)
        assert order[-2:] == ["manifest.json", "result.json"]
        assert order.count("result.json") == 1
        assert run.result() is not None

    def test_there_is_no_result_while_a_step_is_missing(self, tmp_path):
        base = opened(tmp_path)
        run = base.run
        base.learn(0)
        experiment = opened(tmp_path, "sats")
        run = experiment.run
        assert (run.steps_done(), run.result()) == (1, None)
        experiment.learn(1)
        assert run.result() is not None

    def test_a_result_that_could_not_be_written_is_written_next_time(self, tmp_path, monkeypatch):
        base = opened(tmp_path)
        run = base.run
        base.learn(0)
        experiment = opened(tmp_path, "fine-tuning")
        run = experiment.run

        def fail(*arguments):
            raise Interrupted

        with monkeypatch.context() as patch:
            patch.setattr(Run, "finish", fail)
            with pytest.raises(Interrupted):
                experiment.learn(1)
        assert (run.steps_done(), run.result()) == (2, None)
        monkeypatch.setattr(experiments, "train_step", no_training)
        experiment.learn(1)
        assert run.result() is not None

    def test_a_loss_that_is_not_finite_names_term_and_images_and_changes_no_file(self, tmp_path, monkeypatch):
        experiment = opened(tmp_path)
        usual, calls = CrossEntropy.__call__, []

        def broken(self, inputs):
            calls.append(1)
            return usual(self, inputs) * (float("nan") if len(calls) == 3 else 1.0)

        monkeypatch.setattr(CrossEntropy, "__call__", broken)
        with pytest.raises(NonFiniteLoss, match=f"{CrossEntropy.name!r} is nan at step 0, iteration 3") as caught:
            experiment.learn(0)
        stream = experiment.plan.batches(experiment.plan.steps[0], StepState())
        assert str(caught.value).endswith(f"The images of this batch: {', '.join(stream.names(2))}.")
        assert experiment.run.steps_done() == 0

    def test_running_again_loads_instead_of_training(self, undisturbed, monkeypatch):
        monkeypatch.setattr(experiments, "train_step", no_training)
        folder = undisturbed[0].folder.parent
        before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
        learn(folder)
        assert {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()} == before
        experiment = opened(folder, "sats")
        assert same(experiment.learn(1).state_dict(), weights(undisturbed[1], 1))

    @pytest.mark.parametrize("workers", [1, 3])
    def test_any_number_of_workers_gives_the_same_bits(self, undisturbed, tmp_path, monkeypatch, workers):
        monkeypatch.setattr(Experiment, "workers", workers)
        assert same_outcome(learn(tmp_path)[1], undisturbed[1])

    def test_a_step_does_not_care_whether_earlier_steps_ran_in_this_process(self, undisturbed, tmp_path):
        torch.manual_seed(54321)
        assert same_outcome(learn(tmp_path)[1], undisturbed[1])

    def test_a_step_cannot_come_before_the_one_it_builds_on(self, tmp_path):
        base = opened(tmp_path)
        with pytest.raises(UsageError, match="Step 0 of .* is not finished"):
            base.learn(1)
        with pytest.raises(UsageError, match=r"Task 15-5 has the steps 0\.\.1, got step 2"):
            base.learn(2)

    def test_joint_training_is_one_step_without_a_base(self, tmp_path):
        experiment = opened(tmp_path, "joint")
        run = experiment.run
        assert len(experiment.plan.steps) == 1
        experiment.learn(0)
        assert run.load_model(0).classifier.counts == (21,)
        result = run.result()
        assert len(result["steps"]) == 1
        assert result["new"] is not None  # the classes of later steps are in it
        assert result["forgetting"] is None
        assert not (tmp_path / "base").exists()


class TestProtocols:
    def test_scores_of_centre_crops_count_their_pixels_alone(self, monkeypatch, tmp_path):
        monkeypatch.setitem(PRESETS["scenes"], "tiny", replace(TINY, augment={"size": 24}))
        experiment = Experiment.open(Plan(replace(SETTINGS, protocol="evaluation=centre")), tmp_path / "run")
        step = experiment.plan.steps[0]
        student = experiment.begin(0).student
        pixels = experiment.evaluate(student, step).sum() / len(experiment.plan.tests(step))
        assert 0.7 * 24 * 24 < pixels <= 24 * 24 < 0.7 * 32 * 32

    @pytest.mark.parametrize("evaluation", ["full", "windows", "centre"])
    def test_scores_are_those_of_images_predicted_as_the_protocol_says(self, monkeypatch, tmp_path, evaluation):
        monkeypatch.setitem(PRESETS["scenes"], "tiny", replace(TINY, augment={"size": 24}))
        plan = Plan(replace(SETTINGS, protocol=f"evaluation={evaluation}"))
        experiment, step = Experiment.open(plan, tmp_path / "run"), plan.steps[0]
        assert plan.config["conventions"]["evaluation"] == plan.protocol.describe(24)["evaluation"]
        student = experiment.begin(0).student
        batches = evaluation_batches(plan.tests(step), 16, CentreCrop(24) if evaluation == "centre" else None)
        window = 24 if evaluation == "windows" else None
        expected = evaluate(student, batches, step.num_outputs, window)
        np.testing.assert_array_equal(experiment.evaluate(student, step), expected)
        np.testing.assert_array_equal(experiment.confusion(student, plan.tests(step), step), expected)

    def test_an_evaluation_says_how_far_it_is_unless_it_ends_within_the_quiet_seconds(
        self, monkeypatch, tmp_path, capsys
    ):
        monkeypatch.setitem(PRESETS["scenes"], "tiny", replace(TINY, augment={"size": 24}))
        experiment = Experiment.open(Plan(replace(SETTINGS, protocol="evaluation=windows")), tmp_path / "run")
        student, step = experiment.begin(0).student, experiment.plan.steps[0]
        number = len(experiment.plan.tests(step))
        said = {}
        for quiet in (1000.0, 0.0):
            monkeypatch.setattr(progress, "QUIET_SECONDS", quiet)
            experiment.evaluate(student, step)
            said[quiet] = capsys.readouterr().err
        assert said[1000.0] == ""
        assert said[0.0].startswith(f"images evaluated: 0 % (0 of {number})")
        assert f"images evaluated: {number} of {number}, took " in said[0.0]

    def test_background_counts_in_old_or_not(self, tmp_path):
        confusion = np.eye(16, dtype=np.int64)
        confusion[0, 1] = 3
        scores = {}
        for name in ("yes", "no"):
            experiment = Experiment.open(Plan(replace(SETTINGS, protocol=f"background_in_old={name}")), tmp_path / name)
            scores[name] = experiment.save(experiment.begin(0), confusion)
        assert scores["yes"]["all"] == scores["no"]["all"] == scores["yes"]["old"] < scores["no"]["old"]

    @pytest.mark.parametrize("selection", ["test", "validation"])
    def test_the_best_weights_are_those_that_score_highest_and_survive_an_interruption(
        self, tmp_path, monkeypatch, selection
    ):
        settings = replace(SETTINGS, protocol=f"checkpoint=best,selection={selection}")
        scores = iter([0.1, 0.9, 0.3, 0.2])  # after iterations 1 .. 4
        monkeypatch.setattr(Experiment, "judge", lambda self, student, step: next(scores))
        base = opened(tmp_path, settings=settings)
        run = base.run
        kept = {}

        def watch(iteration):
            kept[iteration.number] = {name: value.clone() for name, value in iteration.snapshot().items()}

        base.learn(0, watch)
        best = {name.removeprefix("student."): v for name, v in kept[2].items() if name.startswith("student.")}
        assert same(weights(run, 0), best)
        assert run.load_state(0).best_iteration == 2
        assert not (run.step_folder(0) / "best.safetensors").exists()

    def test_held_out_images_are_judged_by_and_not_trained_on(self, tmp_path):
        plan = Plan(replace(SETTINGS, protocol="checkpoint=best,selection=validation"))
        step = plan.steps[0]
        assert len(plan.images(step)) == round(0.8 * len(plan.annotated(step)))
        experiment = Experiment.open(plan, tmp_path / "run")
        assert 0 <= experiment.judge(experiment.begin(0).student, step) <= 1


@pytest.fixture(scope="module")
def cities(tmp_path_factory):
    """Three cities, five images of 32 x 64 pixels each, in the layout of Cityscapes."""
    from PIL import Image

    from satkit.data.datasets.cityscapes import LABEL_IDS

    root, random = tmp_path_factory.mktemp("cityscapes"), np.random.default_rng(0)
    values = np.array([*LABEL_IDS])
    for split, city in (("train", "aachen"), ("train", "bremen"), ("val", "munster")):
        for number in range(5):
            mask = np.kron(values[random.integers(19, size=(2, 4))], np.ones((16, 16))).astype(np.uint8)
            image = np.repeat(7 * mask[..., None], 3, axis=2)
            for kind, end, array in (("leftImg8bit", "leftImg8bit", image), ("gtFine", "gtFine_labelIds", mask)):
                (root / kind / split / city).mkdir(parents=True, exist_ok=True)
                Image.fromarray(array).save(root / kind / split / city / f"{city}_{number}_{end}.png")
    return root


class TestPlaces:
    @pytest.fixture
    def settings(self, cities, monkeypatch):
        monkeypatch.setitem(PRESETS["cityscapes"], "tiny", replace(TINY, data={}, augment={"size": 32}))
        return Settings("cityscapes", str(cities), "2-1", "domain", preset="tiny")

    @pytest.mark.parametrize("name", ["fine-tuning", "sats+memory=4", "mib", "lwf", "ilt", "ewc"])
    def test_places_are_learnt_one_after_the_other(self, settings, tmp_path, name):
        experiment = StudyFolder(tmp_path, settings).trained(name, report=silent)
        run = experiment.run
        result = run.result()
        assert run.load_evaluation(1).shape == (3, 20, 20)
        assert run.load_confusion(1).sum() == 3 * 32 * 64  # one of five images of each city is tested on
        assert run.load_model(1).classifier.counts == (20,)
        assert list(result["per_place"]) == ["aachen", "bremen", "munster"]
        assert result["new"] is not None
        assert not same(weights(run, 0), weights(run, 1))

    @pytest.mark.parametrize("name", ["plop", "dkd", "ssul", "dft", "ewf"])
    def test_what_needs_new_classes_is_refused(self, settings, name):
        with pytest.raises(UsageError, match="cannot learn domain by domain: "):
            Plan(settings, name).check()

    def test_the_published_split_leaks_and_the_default_does_not(self, settings):
        def leaked(setting):
            plan = Plan(replace(settings, setting=setting))
            learnt = np.concatenate([plan.images(step).indices for step in plan.steps])
            return set(learnt) & set(plan.tests(plan.steps[-1]).indices)

        assert not leaked("domain")
        assert leaked("domain-leaking")

    def test_images_of_validation_places_are_remembered_too(self, settings, tmp_path):
        chosen = replace(settings, task="1-1")
        data = replace(Plan(chosen).data, domains=("aachen", "munster", "bremen"))
        experiment = Experiment.open(Plan(chosen, "sats+memory=4", data), tmp_path / "run")
        for step in (0, 1):
            experiment.learn(step)
        remembered = experiment.remember(2)
        assert {data.pool.domains[index] for index in remembered[:, 0]} == {"aachen", "munster"}

    def test_classes_arrive_where_the_setting_says_so(self, settings):
        plan = Plan(replace(settings, setting="overlapped", task="10-9"))
        assert [len(step.new) for step in plan.steps] == [10, 9]
