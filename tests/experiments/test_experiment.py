"""A study of a few iterations: finished, loaded, interrupted and resumed bit for bit, and never mixed up."""

import os
import signal
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from tiny import SETTINGS, TINY

from satkit.evaluation.conventions import protocol
from satkit.experiments import checkpoints
from satkit.experiments import experiment as experiments
from satkit.experiments.experiment import Experiment
from satkit.experiments.presets import PRESETS
from satkit.experiments.run_folder import Run, slug
from satkit.experiments.settings import Settings
from satkit.experiments.shared_base import open_study, ready
from satkit.strategies import SATS, STRATEGIES
from satkit.utils.errors import UsageError
from satkit.utils.interrupts import Terminated


class Interrupted(Exception):
    """Stands for whatever stops a training from outside."""


@pytest.fixture(autouse=True)
def _tiny_preset(monkeypatch):
    monkeypatch.setitem(PRESETS["scenes"], "tiny", TINY)


def learn(study, strategies=("sats",), settings=SETTINGS):
    """A whole study; returns its runs, the base first."""
    base, run = open_study(study, settings)
    base.learn(run, 0)
    runs = [run]
    for name in strategies:
        experiment, run = open_study(study, settings, name)
        for step in experiment.steps:
            experiment.learn(run, step.index)
        runs.append(run)
    return runs


def weights(run, step):
    return run.load_model(step).state_dict()


def same(one, other):
    return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)


def same_outcome(run, expected):
    """Whether two runs hold the same weights, scores and history, bit for bit."""
    assert run.steps_done() == expected.steps_done()
    return (
        all(
            same(weights(run, step), weights(expected, step))
            and np.array_equal(run.load_confusion(step), expected.load_confusion(step))
            for step in range(expected.steps_done())
        )
        and (run.folder / "history.csv").read_bytes() == (expected.folder / "history.csv").read_bytes()
    )


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    """Base and SATS, learnt without an interruption."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(PRESETS["scenes"], "tiny", TINY)
        base, sats = learn(tmp_path_factory.mktemp("undisturbed"))
    return base, sats


def no_training(*arguments, **options):
    pytest.fail("A finished step must be loaded, not trained.")


class TestAWholeStudy:
    def test_every_step_is_finished_with_its_files(self, undisturbed):
        base, sats = undisturbed
        assert (base.steps_done(), sats.steps_done()) == (1, 2)
        for step in (0, 1):
            inside = {path.name for path in sats.step_folder(step).iterdir()}
            assert inside == {"model.safetensors", "manifest.json", "confusion.npy", "metrics.json"}
        assert sats.load_model(1).classifier.counts == (16, 5)
        assert sats.load_confusion(1).shape == (21, 21)
        assert [(row["step"], row["iteration"]) for row in sats.history()] == [
            (step, iteration) for step in (0, 1) for iteration in (1, 2, 3, 4)
        ]

    def test_the_base_step_is_shared(self, undisturbed):
        base, sats = undisturbed
        assert same(weights(base, 0), weights(sats, 0))
        assert base.result() is None  # a base is no run of its own

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
        assert order[-2:] == ["metrics.json", "result.json"]
        assert order.count("result.json") == 1
        assert run.result() is not None

    def test_there_is_no_result_while_a_step_is_missing(self, tmp_path):
        base, run = open_study(tmp_path, SETTINGS)
        base.learn(run, 0)
        experiment, run = open_study(tmp_path, SETTINGS, "sats")
        assert (run.steps_done(), run.result()) == (1, None)
        experiment.learn(run, 1)
        assert run.result() is not None

    def test_a_result_that_could_not_be_written_is_written_next_time(self, tmp_path, monkeypatch):
        base, run = open_study(tmp_path, SETTINGS)
        base.learn(run, 0)
        experiment, run = open_study(tmp_path, SETTINGS, "fine-tuning")

        def fail(*arguments):
            raise Interrupted

        with monkeypatch.context() as patch:
            patch.setattr(Run, "finish", fail)
            with pytest.raises(Interrupted):
                experiment.learn(run, 1)
        assert (run.steps_done(), run.result()) == (2, None)
        monkeypatch.setattr(experiments, "train_step", no_training)
        experiment.learn(run, 1)
        assert run.result() is not None

    def test_running_again_loads_instead_of_training(self, undisturbed, monkeypatch):
        monkeypatch.setattr(experiments, "train_step", no_training)
        folder = undisturbed[0].folder.parent
        before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
        learn(folder)
        assert {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()} == before
        experiment, run = open_study(folder, SETTINGS, "sats")
        assert same(experiment.learn(run, 1).state_dict(), weights(undisturbed[1], 1))

    @pytest.mark.parametrize("workers", [1, 3])
    def test_any_number_of_workers_gives_the_same_bits(self, undisturbed, tmp_path, monkeypatch, workers):
        monkeypatch.setattr(Experiment, "workers", workers)
        assert same_outcome(learn(tmp_path)[1], undisturbed[1])

    def test_a_step_does_not_care_whether_earlier_steps_ran_in_this_process(self, undisturbed, tmp_path):
        torch.manual_seed(54321)
        assert same_outcome(learn(tmp_path)[1], undisturbed[1])

    def test_whatever_must_come_before_a_step_is_made_ready(self, undisturbed, tmp_path):
        asked = []

        def report(total, label):
            asked.append((total, label))
            return lambda iteration: None

        _, run = ready(tmp_path, SETTINGS, "sats", 2, report)
        assert asked == [(4, "base step"), (4, "SATS, step 1")]
        assert same_outcome(run, undisturbed[1])
        ready(tmp_path, SETTINGS, "sats", 2, lambda *_: pytest.fail("everything is finished"))

    def test_joint_training_is_one_step_without_a_base(self, tmp_path):
        experiment, run = open_study(tmp_path, SETTINGS, "joint")
        assert len(experiment.steps) == 1
        experiment.learn(run, 0)
        assert run.load_model(0).classifier.counts == (21,)
        result = run.result()
        assert len(result["steps"]) == 1
        assert result["new"] is not None  # the classes of later steps are in it
        assert result["forgetting"] is None
        assert not (tmp_path / "base").exists()


class TestInterruptions:
    @pytest.fixture(autouse=True)
    def _checkpoint_at_every_iteration(self, monkeypatch):
        monkeypatch.setattr(checkpoints, "CHECKPOINT_SECONDS", -1.0)

    def interrupt(self, study, learning, step, at, act):
        experiment, run = open_study(study, SETTINGS, learning)

        def report(iteration):
            if iteration.number == at:
                act()

        experiment.learn(run, step, report)

    def stop(self):
        raise Interrupted

    @pytest.mark.parametrize("at", [1, 3])
    def test_an_interrupted_step_goes_on_bit_for_bit(self, tmp_path, undisturbed, at):
        with pytest.raises(Interrupted):
            self.interrupt(tmp_path, "", 0, at, self.stop)
        _, base = open_study(tmp_path, SETTINGS)
        assert int(base.load_checkpoint(0)["iteration"]) == at
        self.interrupt(tmp_path, "", 0, None, None)
        with pytest.raises(Interrupted):
            self.interrupt(tmp_path, "sats", 1, at, self.stop)
        base, sats = learn(tmp_path)
        assert same_outcome(base, undisturbed[0])
        assert same_outcome(sats, undisturbed[1])
        assert not list(tmp_path.rglob("checkpoint*"))
        assert not list(tmp_path.rglob("*.tmp-*"))

    def test_only_what_is_left_is_trained(self, tmp_path):
        with pytest.raises(Interrupted):
            self.interrupt(tmp_path, "", 0, 3, self.stop)
        experiment, run = open_study(tmp_path, SETTINGS)
        numbers = []
        experiment.learn(run, 0, lambda iteration: numbers.append(iteration.number))
        assert numbers == [4]

    def test_an_interruption_before_the_first_checkpoint_starts_again(self, tmp_path, undisturbed, monkeypatch):
        monkeypatch.setattr(checkpoints, "CHECKPOINT_SECONDS", 3600.0)
        with pytest.raises(Interrupted):
            self.interrupt(tmp_path, "", 0, 2, self.stop)
        assert same_outcome(learn(tmp_path, strategies=())[0], undisturbed[0])

    @pytest.mark.parametrize(("number", "error"), [(signal.SIGINT, KeyboardInterrupt), (signal.SIGTERM, Terminated)])
    def test_a_signal_saves_a_checkpoint_first(self, tmp_path, undisturbed, monkeypatch, number, error):
        monkeypatch.setattr(checkpoints, "CHECKPOINT_SECONDS", 3600.0)
        with pytest.raises(error):
            self.interrupt(tmp_path, "", 0, 2, lambda: signal.raise_signal(number))
        _, run = open_study(tmp_path, SETTINGS)
        assert int(run.load_checkpoint(0)["iteration"]) == 3  # the iteration after the signal is the last
        assert same_outcome(learn(tmp_path, strategies=())[0], undisturbed[0])

    def test_a_signal_in_the_last_iteration_is_not_lost(self, tmp_path, undisturbed):
        with pytest.raises(KeyboardInterrupt):
            self.interrupt(tmp_path, "", 0, 4, lambda: signal.raise_signal(signal.SIGINT))
        assert same_outcome(learn(tmp_path, strategies=())[0], undisturbed[0])

    def test_a_damaged_checkpoint_is_reported_and_the_step_starts_again(self, tmp_path, undisturbed):
        with pytest.raises(Interrupted):
            self.interrupt(tmp_path, "", 0, 3, self.stop)
        path = tmp_path / "base" / "steps" / "0" / "checkpoint.safetensors"
        data = bytearray(path.read_bytes())
        data[len(data) // 2] ^= 4
        path.write_bytes(data)
        with pytest.warns(UserWarning, match=r"is damaged.* The step starts again from its beginning"):
            (base,) = learn(tmp_path, strategies=())
        assert same_outcome(base, undisturbed[0])


class TestConfigurationsAreNotMixed:
    @pytest.mark.parametrize(
        ("change", "said"),
        [
            ({"seed": 1}, "seed: 0 there, 1 asked for"),
            ({"task": "10-10"}, "task: '15-5' there, '10-10' asked for"),
            ({"setting": "disjoint"}, "setting: 'overlapped' there, 'disjoint' asked for"),
            ({"order": tuple(range(20, 0, -1))}, r"order: \[1, 2.* there, \[20, 19.* asked for"),
        ],
    )
    def test_another_setting_in_the_same_folder_is_refused(self, undisturbed, change, said):
        folder = undisturbed[0].folder.parent
        for learning in ("", "sats"):
            with pytest.raises(UsageError, match=said):
                open_study(folder, replace(SETTINGS, **change), learning)

    def test_a_base_of_another_configuration_is_refused(self, undisturbed, tmp_path):
        base, run = open_study(tmp_path, replace(SETTINGS, seed=1))
        base.learn(run, 0)
        with pytest.raises(UsageError, match=r"base step in .*base has another configuration \(seed: 1 there, 0 asked"):
            open_study(tmp_path, SETTINGS, "sats")

    def test_a_changed_strategy_of_the_same_name_is_refused(self, undisturbed):
        stronger = replace(SATS, terms=SATS.terms[:1])
        with pytest.raises(UsageError, match=r"strategy\.terms: "):
            open_study(undisturbed[0].folder.parent, SETTINGS, stronger)

    def test_a_strategy_without_a_base_says_so(self, tmp_path):
        with pytest.raises(UsageError, match="There is no run in .*base"):
            open_study(tmp_path, SETTINGS, "sats")

    def test_a_step_cannot_come_before_the_one_it_builds_on(self, tmp_path):
        base, run = open_study(tmp_path, SETTINGS)
        with pytest.raises(UsageError, match="Step 0 of .* is not finished"):
            base.learn(run, 1)
        with pytest.raises(UsageError, match=r"Task 15-5 has the steps 0\.\.1, got step 2"):
            base.learn(run, 2)


class TestProtocols:
    def test_scores_of_centre_crops_count_their_pixels_alone(self, monkeypatch, tmp_path):
        monkeypatch.setitem(PRESETS["scenes"], "tiny", replace(TINY, augment={"size": 24}))
        experiment = Experiment(replace(SETTINGS, protocol="evaluation=centre"))
        step = experiment.steps[0]
        student = experiment.begin(Run.create(tmp_path / "run", {}), 0).student
        pixels = experiment.evaluate(student, step).sum() / len(experiment.tests(step))
        assert 0.7 * 24 * 24 < pixels <= 24 * 24 < 0.7 * 32 * 32

    def test_background_counts_in_old_or_not(self, tmp_path):
        confusion = np.eye(16, dtype=np.int64)
        confusion[0, 1] = 3
        scores = {}
        for name in ("yes", "no"):
            experiment = Experiment(replace(SETTINGS, protocol=f"background_in_old={name}"))
            run = experiment.open(tmp_path / name)
            scores[name] = experiment.save(run, experiment.begin(run, 0), confusion)
        assert scores["yes"]["all"] == scores["no"]["all"] == scores["yes"]["old"] < scores["no"]["old"]

    @pytest.mark.parametrize("selection", ["test", "validation"])
    def test_the_best_weights_are_those_that_score_highest_and_survive_an_interruption(
        self, tmp_path, monkeypatch, selection
    ):
        settings = replace(SETTINGS, protocol=f"checkpoint=best,selection={selection}")
        scores = iter([0.1, 0.9, 0.3, 0.2])  # after iterations 1 .. 4
        monkeypatch.setattr(Experiment, "judge", lambda self, student, step: next(scores))
        base, run = open_study(tmp_path, settings)
        kept = {}

        def watch(iteration):
            kept[iteration.number] = {name: value.clone() for name, value in iteration.snapshot().items()}

        base.learn(run, 0, watch)
        best = {name.removeprefix("student."): v for name, v in kept[2].items() if name.startswith("student.")}
        assert same(weights(run, 0), best)
        assert int(run.load_fitted(0)["best_iteration"]) == 2
        assert not (run.step_folder(0) / "best.safetensors").exists()

    def test_held_out_images_are_judged_by_and_not_trained_on(self, tmp_path):
        experiment = Experiment(replace(SETTINGS, protocol="checkpoint=best,selection=validation"))
        step = experiment.steps[0]
        assert len(experiment.images(step)) == round(0.8 * len(experiment.annotated(step)))
        assert 0 <= experiment.judge(experiment.begin(Run.create(tmp_path / "run", {}), 0).student, step) <= 1


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
        experiment, run = ready(tmp_path, settings, name, 2)
        result = run.result()
        assert run.load_evaluation(1).shape == (3, 20, 20)
        assert run.load_confusion(1).sum() == 3 * 32 * 64  # one of five images of each city is tested on
        assert run.load_model(1).classifier.counts == (20,)
        assert list(result["per_place"]) == ["aachen", "bremen", "munster"]
        assert result["new"] is not None
        assert not same(weights(run, 0), weights(run, 1))

    @pytest.mark.parametrize("name", ["plop", "dkd", "ssul", "dft", "ewf"])
    def test_what_needs_new_classes_is_refused(self, settings, name):
        with pytest.raises(UsageError, match="cannot learn place by place: "):
            Experiment(settings, name).check()

    def test_the_published_split_leaks_and_the_default_does_not(self, settings):
        def leaked(setting):
            experiment = Experiment(replace(settings, setting=setting))
            learnt = np.concatenate([experiment.images(step).indices for step in experiment.steps])
            return set(learnt) & set(experiment.tests(experiment.steps[-1]).indices)

        assert not leaked("domain")
        assert leaked("domain-leaking")

    def test_images_of_validation_places_are_remembered_too(self, settings, tmp_path):
        experiment = Experiment(replace(settings, task="1-1"), "sats+memory=4")
        experiment.data = replace(experiment.data, domains=("aachen", "munster", "bremen"))
        run = experiment.open(tmp_path / "run")
        for step in (0, 1):
            experiment.learn(run, step)
        remembered = experiment.remember(run, 2)
        assert {experiment.data.pool.domains[index] for index in remembered[:, 0]} == {"aachen", "munster"}

    def test_classes_arrive_where_the_setting_says_so(self, settings):
        experiment = Experiment(replace(settings, setting="overlapped", task="10-9"))
        assert [len(step.new) for step in experiment.steps] == [10, 9]


def test_a_slug_is_a_plain_folder_name():
    assert slug("SATS") == "sats"
    assert slug("pseudo-labels + attention") == "pseudo-labels-attention"
    assert slug("../../etc/passwd") == "etc-passwd"


def test_strategies_have_folders_of_their_own():
    folders = {slug(strategy.name) for strategy in STRATEGIES.values()}
    assert len(folders) == len(STRATEGIES)
    assert "base" not in folders
