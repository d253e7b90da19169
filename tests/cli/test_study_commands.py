"""satkit study, report and runs: their words arrive as settings, and a study that exists gives its own."""

import os
import shlex
import sys

import pytest
from command_line import one_sentence
from run_files import CONFIG, finish_step

from satkit.experiments.run_folder import Run
from satkit.experiments.settings import STRATEGIES, Settings
from satkit.experiments.study_folder import StudyFolder
from satkit.utils.launched import VARIABLES

pytestmark = pytest.mark.usefixtures("runs")


def test_an_empty_folder_of_runs_says_how_to_start(satkit_says, tmp_path, runs):
    code, out, error = satkit_says("runs")
    assert (code, out, error) == (0, f"No runs in {runs}. Start with: satkit study --preset smoke\n", "")
    assert satkit_says("runs", str(tmp_path))[1].startswith(f"No runs in {tmp_path}.")


def test_the_words_of_a_study_arrive_as_settings(satkit_says, monkeypatch, runs):
    asked = []
    monkeypatch.setattr("satkit.studies.study.run_study", lambda *arguments: asked.append(arguments))
    assert satkit_says("study", "--task", "10-10", "--seed", "-1", "--order", "3, 1,2", "--study", "x")[0] == 0
    study, strategies = asked[0]
    settings = study.settings
    assert (settings.task, settings.seed, settings.order) == ("10-10", -1, (3, 1, 2))
    assert (settings.data, settings.preset, settings.setting) == ("scenes", "quick", "overlapped")
    assert (strategies, study.folder) == (STRATEGIES, runs / "x")


def test_the_command_that_makes_a_study_again_arrives_as_the_same_settings(satkit_says, monkeypatch):
    settings = Settings(task="10-5", shift=0.5, protocol="mib,evaluation=full", order=tuple(range(20, 0, -1)), seed=3)
    asked = []
    monkeypatch.setattr("satkit.studies.study.run_study", lambda *arguments: asked.append(arguments))
    program, *words = shlex.split(settings.command(["sats", "mib+attention"]))
    assert program == "satkit"
    assert satkit_says(*words)[0] == 0
    assert (asked[0][0].settings, asked[0][1]) == (settings, ("sats", "mib+attention"))


def test_a_study_that_exists_gives_its_settings_and_refuses_others(satkit_says, monkeypatch, runs):
    StudyFolder(runs / "mine", Settings(preset="smoke", seed=2)).remember_settings()
    asked = []
    monkeypatch.setattr("satkit.studies.study.run_study", lambda *arguments: asked.append(arguments))
    assert satkit_says("study", "--study", "mine", "--seed", "2")[0] == 0
    assert asked[0][0].settings == Settings(preset="smoke", seed=2)
    for words in (
        ["study", "--study", "mine", "--preset", "quick"],
        ["run", "08", "-p", "study=mine", "-p", "preset=quick"],
    ):
        code, out, error = satkit_says(*words)
        assert (code, out) == (2, "")
        assert "preset: smoke in the study, quick asked for." in one_sentence(error)


def test_the_files_of_all_runs_are_verified(satkit_says, runs):
    finish_step(run := Run.create(runs / "mine" / "base", CONFIG), 0)
    assert satkit_says("runs", "--verify") == (0, "mine: 5 files sound\n", "")
    path = run.step_folder(0) / "confusion.npy"
    path.write_bytes(b"nothing")
    code, out, error = satkit_says("runs", "--verify", str(runs / "mine"))
    assert (code, error) == (1, "")
    assert f"{path} is damaged" in out


def test_what_is_made_again_is_said_in_a_sentence(satkit_says, runs, monkeypatch):
    StudyFolder(runs / "mine", Settings(preset="smoke")).remember_settings()
    (runs / "mine" / "study.json").write_text("{}")
    monkeypatch.setattr("satkit.studies.study.run_study", lambda *arguments: None)
    code, _, error = satkit_says("study", "--study", "mine", "--preset", "smoke")
    assert code == 0
    assert error.startswith(f"Note: {runs / 'mine' / 'study.json'} is damaged, or of an earlier version of satkit")


COMMANDS = (
    ["study", "--preset", "smoke"],
    ["train", "--preset", "smoke"],
    ["run", "06", "-p", "preset=smoke"],
    ["pretrain", "--preset", "smoke"],
)


@pytest.mark.parametrize("words", COMMANDS, ids=lambda words: words[0])
def test_a_tracker_that_cannot_be_used_is_refused_before_anything_is_trained(satkit_says, words, monkeypatch, runs):
    code, out, error = satkit_says(*words, "--track", "tensorbord")
    assert (code, out) == (2, "")
    assert "Unknown tracker 'tensorbord'. Did you mean 'tensorboard'?" in one_sentence(error)
    monkeypatch.setitem(sys.modules, "wandb", None)
    code, out, error = satkit_says(*words, "--track", "wandb")
    assert (code, out) == (2, "")
    assert "Install it: python -m pip install wandb" in one_sentence(error)
    assert not runs.exists()


def test_a_tracker_holds_for_the_whole_study_and_not_longer(satkit_says, monkeypatch):
    monkeypatch.delenv("SATKIT_TRACK", raising=False)
    asked = []
    monkeypatch.setattr("satkit.studies.study.run_study", lambda *_: asked.append(os.environ["SATKIT_TRACK"]))
    assert satkit_says("study", "--preset", "smoke", "--track", "tensorboard")[0] == 0
    assert asked == ["tensorboard"]
    assert "SATKIT_TRACK" not in os.environ


def test_a_study_with_a_given_base_is_made_again_by_the_command_that_it_prints(satkit_says, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    assert satkit_says("models", "export", "sats", "given", "--step", "0")[0] == 0
    asked = []
    monkeypatch.setattr("satkit.studies.study.run_study", lambda *arguments: asked.append(arguments[0]))
    assert satkit_says("study", "--task", "15-1", "--base", "given", "--strategies", "sats")[0] == 0
    monkeypatch.chdir("/")
    assert satkit_says(*shlex.split(asked[0].settings.command(["sats"]))[1:])[0] == 0
    assert asked[0].settings == asked[1].settings
    assert asked[0].folder == asked[1].folder
    assert asked[0].folder.name == "scenes-15-1-quick-seed0-from-given"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("--base zzz", "--base names no base step: There is no model 'zzz'."),
        ("--base sats --task 10-10", "classes of the base step: 15 there, 10 asked for"),
        ("--base sats --setting disjoint", "setting: 'overlapped' there, 'disjoint' asked for"),
        ("--base sats --from-scratch", "Leave from_scratch out, or --base."),
        ("--base sats --strategies ssul", "deep heads: False there, True asked for"),
    ],
)
def test_a_base_that_does_not_fit_is_one_sentence_before_anything_is_made(satkit_says, runs, words, said):
    code, out, error = satkit_says("study", *words.split())
    assert (code, out) == (2, "")
    assert said in one_sentence(error.splitlines(keepends=True)[-1])  # images may be drawn before
    assert not runs.exists()


def test_a_page_is_asked_for_with_its_study_file_and_images(satkit_says, monkeypatch):
    asked = []
    monkeypatch.setattr("satkit.studies.page.write_page", lambda *words: asked.append(words) or ("there.html", "Less."))
    assert satkit_says("page", "mine", "--out", "a.html", "--images", "3") == (0, "there.html\nLess.\n", "")
    assert satkit_says("page")[0] == 0
    assert asked == [("mine", "a.html", 3), ("", "", 6)]
    code, out, error = satkit_says("page", "--images", "many")
    assert (code, out) == (2, "")
    assert "--images must be a whole number, got 'many'" in one_sentence(error)


def test_the_words_of_a_training_arrive_as_settings(satkit_says, monkeypatch):
    asked = []
    monkeypatch.setattr("satkit.studies.train.train", lambda *arguments: asked.append(arguments))
    assert satkit_says("train", "--task", "10-10", "--seed", "3", "--out", "x", "--strategy", "mib+attention")[0] == 0
    assert satkit_says("train")[0] == 0
    assert asked == [("x", {"task": "10-10", "seed": 3}, "mib+attention"), ("", {}, "sats")]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--strategy", "stas"], "Unknown strategy 'stas'. Did you mean 'sats'?"),
        (["--preset", "smok"], "Unknown preset 'smok'"),
        (["--strategies", "sats"], "unrecognized arguments: --strategies sats. Did you mean --strategy?"),
    ],
)
def test_a_training_that_cannot_be_is_one_sentence(satkit_says, words, said, runs):
    code, out, error = satkit_says("train", *words)
    assert (code, out) == (2, "")
    assert said in one_sentence(error)
    assert not runs.exists()


def test_a_study_is_trained_by_so_many_processes_first(satkit_says, monkeypatch):
    asked = []
    monkeypatch.setattr("satkit.studies.torchrun.train_by_several", lambda *arguments: asked.append(arguments[1:]))
    monkeypatch.setattr("satkit.studies.study.run_study", lambda *arguments: asked.append(arguments[1:]))
    assert satkit_says("study", "--strategies", "sats", "--nproc", "2")[0] == 0
    assert satkit_says("study", "--strategies", "sats")[0] == 0
    assert asked == [(("sats",), 2), (("sats",),), (("sats",), 1), (("sats",),)]
    code, _, error = satkit_says("study", "--nproc", "two")
    assert (code, error) == (2, "satkit: --nproc must be a whole number, got 'two'.\n")


@pytest.mark.parametrize("words", [["study"], ["runs"], ["doctor"]], ids=str)
def test_torchrun_starts_no_other_command(satkit_says, monkeypatch, words, runs):
    for name in VARIABLES:
        monkeypatch.setenv(name, "1")
    monkeypatch.setenv("WORLD_SIZE", "2")
    code, out, error = satkit_says(*words)
    assert (code, out) == (2, "")
    assert (
        error == f"satkit, process 1: torchrun starts satkit train, got satkit {words[0]}. Run it without torchrun.\n"
    )
    assert not runs.exists()


def test_runs_are_compared_as_the_options_say_and_verified_alone(satkit_says, monkeypatch, runs):
    asked = []
    monkeypatch.setattr("satkit.studies.run_listing.comparison", lambda *words: asked.append(words) or "a table")
    words = ("--where", "strategy=sats", "--where", "seed=0-2", "--sort", "miou", "--mean", "--csv", "x.csv")
    assert satkit_says("runs", *words) == (0, "a table\n", "")
    assert satkit_says("runs", "there", "--mean")[0] == 0
    assert asked == [
        (runs, ["strategy=sats", "seed=0-2"], "miou", True, "x.csv"),
        ("there", [], "", True, ""),
    ]
    code, out, error = satkit_says("runs", "--verify", "--mean")
    assert (code, out) == (2, "")
    assert "--verify checks files and compares nothing" in one_sentence(error)


def test_a_sweep_over_weights_is_measured_with_its_seeds_and_nothing_else(satkit_says, monkeypatch):
    asked = []
    monkeypatch.setattr("satkit.studies.weight_study.write_weights", lambda *words: asked.append(words) or "there.json")
    assert satkit_says("reference", "--weights", "mine", "--out", "./assets", "--seeds", "0,2") == (
        0,
        "there.json\n",
        "",
    )
    assert satkit_says("reference", "--weights", "mine", "--strategies", "mib,mib+attention")[0] == 0
    assert asked == [("mine", "./assets", (0, 2), ()), ("mine", "reference", (), ("mib", "mib+attention"))]
    code, out, error = satkit_says("reference", "--weights", "mine", "--drift", "--retry-failed")
    assert (code, out) == (2, "")
    assert "trains nothing, got --drift, --retry-failed too. Leave it out" in one_sentence(error)
