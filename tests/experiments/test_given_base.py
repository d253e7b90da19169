"""A study starts from a base step that was given: exactly that one, if it fits, and otherwise it says what differs."""

import warnings
from dataclasses import replace

import pytest
from tiny import SETTINGS
from tiny_studies import same, same_outcome, weights

from satkit.experiments.given_base import check_base, differences_of_base, given_base
from satkit.experiments.model_export import export_model
from satkit.experiments.model_places import find_model
from satkit.experiments.plan import Plan
from satkit.experiments.run_folder import Run
from satkit.experiments.settings import Settings
from satkit.experiments.study_folder import StudyFolder, open_study, silent
from satkit.utils.errors import UsageError

pytestmark = pytest.mark.usefixtures("tiny_preset")


@pytest.fixture
def given(undisturbed, tmp_path, monkeypatch):
    """The folder of an exported base step; runs go elsewhere."""
    monkeypatch.setenv("SATKIT_RUNS", str(tmp_path / "runs"))
    return export_model(find_model(str(undisturbed[0].folder)), tmp_path / "given")


@pytest.fixture
def study(given, tmp_path):
    """A study with another seed that starts from it."""
    return StudyFolder(tmp_path / "study", replace(SETTINGS, seed=7, base_model=str(given)))


def differences(given, strategy="sats", **changed):
    plan = Plan(replace(SETTINGS, **changed), strategy)
    return differences_of_base(plan, given_base(str(given)))


class TestAStudyThatIsGivenItsBase:
    def test_starts_every_strategy_from_it_and_trains_none(self, study, undisturbed):
        asked = []

        def report(total, label):
            asked.append(label)
            return lambda iteration: None

        run = study.trained("sats", report=report).run
        assert asked == ["SATS, step 1"]
        assert same(weights(run, 0), weights(undisturbed[0], 0))
        assert same(weights(study.base().run, 0), weights(undisturbed[0], 0))
        assert run.result() is not None
        assert not run.history(0)

    def test_measures_its_scores_on_its_own_test_images(self, study, undisturbed):
        assert (study.base().run.load_confusion(0) == undisturbed[0].load_confusion(0)).all()

    def test_names_it_by_the_hash_of_its_weights_in_every_configuration_but_joint(self, study, given):
        known = given_base(str(given)).about["weights"]
        for strategy in ("base", "sats"):
            config = study.plan("fine-tuning" if strategy == "base" else strategy).config
            assert config["base_model"] == f"sha256 {known}"
            assert config["schedules"][0] == {"iterations": 0}
            assert (config["pretrained_weights"], config["model"]["pretrained"]) == ("", False)
            assert str(given) not in str(config)
        joint, alone = study.plan("joint"), Plan(replace(SETTINGS, seed=7), "joint")
        assert joint.given_base is None
        assert joint.config == alone.config
        assert study.base().run.config["base_model"] == f"sha256 {known}"

    def test_is_the_same_study_from_the_run_and_from_its_export(self, study, undisturbed, tmp_path):
        plan = Plan(replace(study.settings, base_model=str(undisturbed[0].folder)), "sats")
        assert plan.config == study.plan("sats").config

    def test_goes_on_after_an_interruption_to_the_same_end(self, study, tmp_path):
        study.trained("sats", steps=1, report=silent)
        again = StudyFolder(study.folder, study.settings).trained("sats", report=silent)
        other = StudyFolder(tmp_path / "other", study.settings).trained("sats", report=silent)
        assert same_outcome(again.run, other.run)

    def test_keeps_the_dropout_of_its_own_settings(self, study, given):
        given_base(str(given)).network.spec  # noqa: B018 (read before)
        study.base()
        assert Run.open(study.folder / "base").load_model(0).spec["dropout"] == 0.1


class TestTheNameOfABase:
    def test_may_be_a_study_a_run_or_an_export_and_is_kept_as_a_place(self, given, undisturbed):
        for name in (given, undisturbed[0].folder, undisturbed[0].folder.parent, undisturbed[1].folder):
            settings = open_study("", {"preset": "tiny", "base_model": str(name)}).settings
            assert given_base(settings.base_model).about["weights"] == given_base(str(given)).about["weights"]
            assert settings.base_model.startswith("/")

    def test_is_kept_as_it_is_for_the_kit_s_models(self, given):
        assert open_study("", {"base_model": "sats"}).settings.base_model == "sats"
        assert Plan(Settings(base_model="sats"), "mib").given_base.about["step"] == 0

    def test_is_part_of_the_name_of_the_study_and_of_its_command(self, given):
        study = open_study("", {"preset": "tiny", "base_model": str(given)})
        assert study.folder.name == "scenes-15-5-tiny-seed0-from-given"
        assert f"--base {given} --strategies" in study.settings.command(["sats"])

    def test_of_nothing_is_refused(self, given):
        with pytest.raises(
            UsageError, match=r"--base names no base step: There is no model 'zzz'.* holds a copy, STUDY/"
        ):
            open_study("", {"base_model": "zzz"})


class TestAPlaceThatChanges:
    def test_is_named_again_and_remembered(self, study, given, tmp_path):
        study.trained("sats", report=silent)
        study.remember_settings()
        moved = given.rename(tmp_path / "moved")
        with pytest.raises(UsageError, match="--base names no base step"):
            open_study(study.folder, {}).plan("sats").config  # noqa: B018 (it reads the base)
        found = open_study(study.folder, {"base_model": str(moved)})
        found.remember_settings()
        assert open_study(study.folder, {}).settings.base_model == str(moved)
        assert open_study(study.folder, {}).experiment("sats").run.result() is not None

    def test_leads_to_the_same_base_or_the_runs_are_refused(self, study, other_seed):
        study.base()
        study.remember_settings()
        found = open_study(study.folder, {"base_model": str(other_seed[0].folder)})
        with pytest.raises(UsageError, match=r"holds a run of another configuration \(base_model: 'sha256 .* Choose"):
            found.base()

    def test_is_no_way_to_give_a_base_to_a_study_that_was_begun_without(self, given, tmp_path):
        StudyFolder(tmp_path / "without", SETTINGS).remember_settings()
        with pytest.raises(UsageError, match="base_model: none in the study, .*given asked for"):
            open_study(tmp_path / "without", {"base_model": str(given)})


class TestWhatDoesNotFit:
    @pytest.mark.parametrize(
        ("changed", "said"),
        [
            ({"task": "10-10"}, "classes of the base step: 15 there, 10 asked for"),
            ({"order": (2, 1, *range(3, 21))}, "class 1: 'disc' there, 'ring' asked for"),
            ({"backbone": "mit_scenes"}, "backbone: 'mit_quick' there, 'mit_scenes' asked for"),
            ({"setting": "disjoint"}, "setting: 'overlapped' there, 'disjoint' asked for"),
            ({"protocol": "void=background"}, "void_in_training: 'ignored' there, 'background' asked for"),
            ({"preset": "smoke"}, "width of the decoder: 16 there, 64 asked for"),
        ],
    )
    def test_is_said_with_both_sides(self, given, changed, said):
        assert said in differences(given, **changed)
        with pytest.raises(UsageError, match="does not fit SATS of this study: .* there, .* asked for"):
            check_base(Plan(replace(SETTINGS, **changed), "sats"), given_base(str(given)))

    @pytest.mark.parametrize(
        ("strategy", "said"),
        [
            ("ssul", "deep heads: False there, True asked for"),
            ("lwf-mc", "loss of the base step: CrossEntropy there, BinaryCrossEntropy asked for"),
            ("ewc", "it does not hold the importance of parameters that this strategy measures in the base step"),
        ],
    )
    def test_is_said_for_a_strategy_with_a_base_step_of_its_own_kind(self, given, strategy, said):
        assert said in differences(given, strategy)

    @pytest.mark.parametrize("changed", [{"seed": 3}, {"task": "15-1"}, {"shift": 0.5}, {"autocast": "bfloat16"}])
    def test_is_not_what_decides_later_steps_alone(self, given, changed):
        assert differences(given, **changed) == []

    def test_later_steps_are_no_base(self, undisturbed, tmp_path):
        later = export_model(find_model(str(undisturbed[1].folder)), tmp_path / "later")
        assert differences(later) == ["it is of step 1, and a study starts from step 0"]

    def test_many_differences_stay_one_sentence(self, given):
        with pytest.raises(
            UsageError, match=r"and \d differences more. Take another base, or leave --base out"
        ) as caught:
            check_base(Plan(SETTINGS, "ssul"), given_base(str(given)))
        assert "\n" not in str(caught.value)

    def test_is_found_before_anything_is_written(self, given, tmp_path):
        study = StudyFolder(tmp_path / "new", replace(SETTINGS, setting="disjoint", base_model=str(given)))
        with pytest.raises(UsageError, match="setting: 'overlapped' there"):
            study.plan("sats").check()
        assert not study.folder.exists()

    def test_random_weights_are_no_start_beside_a_base(self, given):
        with pytest.raises(UsageError, match="Leave from_scratch out, or --base"):
            Plan(Settings(from_scratch=True, base_model=str(given)))


def test_a_base_of_its_own_kind_is_shared_by_the_strategies_of_that_kind(undisturbed, tmp_path):
    first = StudyFolder(tmp_path / "first", SETTINGS)
    own = first.train_base("ssul", report=silent)
    second = StudyFolder(tmp_path / "second", replace(SETTINGS, seed=2, base_model=str(own.run.folder)))
    second.plan("fine-tuning")
    second.plan("ssul").check()
    assert same(weights(second.base("ssul").run, 0), weights(own.run, 0))


def test_importances_are_taken_over_from_a_run_that_has_measured_them(tmp_path, undisturbed):
    own = StudyFolder(tmp_path / "first", SETTINGS).train_base("ewc", report=silent)
    second = StudyFolder(tmp_path / "second", replace(SETTINGS, seed=2, base_model=str(own.run.folder)))
    run = second.trained("ewc", report=silent).run
    assert same(run.load_state(0).importances, own.run.load_state(0).importances)


def test_that_it_was_trained_on_other_images_is_said(given, tmp_path):
    other = StudyFolder(tmp_path / "other", replace(SETTINGS, habitat=0.0, base_model=str(given)))
    with pytest.warns(UserWarning, match=r"was trained on other images \(scenes\) than the study has"):
        other.base()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        StudyFolder(tmp_path / "same", replace(SETTINGS, base_model=str(given))).base()
