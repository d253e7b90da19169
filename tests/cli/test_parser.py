"""The command says in one sentence what was wrong, before anything heavy starts, and its exit code says it too."""

import os
import signal

import pytest
from command_line import one_sentence

import satkit
from satkit.cli import parser
from satkit.notebooks.runner import NotebookFailed
from satkit.utils.errors import UsageError
from satkit.utils.interrupts import Terminated
from satkit.utils.one_writer import RunBusy

pytestmark = pytest.mark.usefixtures("runs")


UNKNOWN = [
    ("study --data scens", "Unknown data set 'scens'. Did you mean 'scenes'? Choose one of: scenes, pretext, voc, "),
    ("study --strategies fine-tunin", "Unknown strategy 'fine-tunin'. Did you mean 'fine-tuning'? Choose one of: "),
    ("study --strategies sats+memery", "Unknown part of a strategy 'memery'. Did you mean 'memory'? Choose one of: "),
    ("study --strategies sats,stas", "Unknown strategy 'stas'. Did you mean 'sats'? Choose one of: fine-tuning, "),
    (
        "study --preset smok",
        "Unknown preset 'smok'. Did you mean 'smoke'? Choose one of: smoke, quick, reference, full.",
    ),
    ("study --preset smoke --task 15_5", "Unknown task '15_5'. Did you mean '15-5'? Choose one of: 19-1, 15-5, "),
    ("study --preset smoke --setting disjont", "Unknown setting 'disjont'. Did you mean 'disjoint'? Choose one of: "),
    ("study --preset smoke --backbone mit_quik", "Unknown backbone 'mit_quik'. Did you mean 'mit_quick'? Choose one"),
    ("run 06_train_bse_step", "Unknown notebook '06_train_bse_step'. Did you mean '06_train_base_step'? Choose one "),
    ("run 77", "Unknown notebook '77'. Choose one of: 00_start_here, 01_scenarios, "),
    ("study --order disk,ring", "Unknown class 'disk'. Did you mean 'disc'? Choose one of: disc, ring, square, "),
    ("run 01 -p order=disk", "Unknown class or class order 'disk'. Did you mean 'disc'? Choose one of: disc, ring, "),
    ("run 07 -p sede=3", "Unknown parameter 'sede'. Did you mean 'seed'? Choose one of: study, data, "),
]


@pytest.mark.parametrize(("words", "said"), UNKNOWN, ids=[words for words, _ in UNKNOWN])
def test_an_unknown_name_is_answered_with_the_choices_and_the_nearest(satkit_says, runs, words, said):
    code, out, error = satkit_says(*words.split())
    assert (code, out) == (2, "")
    assert said in one_sentence(error)
    assert not runs.exists()  # nothing is left behind


@pytest.mark.parametrize(
    ("words", "hint"),
    [("study -p seed=3", ""), ("run 06 --seed 3", ""), ("study --x", ""), ("study --sed=3", " Did you mean --seed?")],
)
def test_an_unknown_option_is_answered_with_one_that_is_spelled_alike_or_with_none(satkit_says, words, hint):
    code, _, error = satkit_says(*words.split())
    assert (code, error.split(".", 1)[1]) == (2, f"{hint} See satkit {words.split()[0]} --help.\n")


WRONG = [
    ("study --seed x", "--seed must be a whole number, got 'x'."),
    ("study --order 1,b", "A class order holds labels or names, not both."),
    ("study --order z", "Unknown class or class order 'z'. Choose one of: disc, "),
    ("study --order disc,disc", "names every class once, but 'disc' is named twice. Leave one out."),
    ("study --order background", "'background' is in every step and never part of a class order. Leave it out."),
    ("study --order [disc]", "--order must hold labels or names of classes, as in 3,1,2 or dog,cat or"),
    ("study --data camvid --order b", "Unknown class 'b'. Choose one of: sky, building, "),
    ("study --protocol mibb", "Unknown protocol 'mibb'. Did you mean 'mib'?"),
    (
        "study --setting domain",
        "The setting 'domain' learns one domain after another and needs images of two or more domains",
    ),
    ("data check scens", "Unknown data set 'scens'. Did you mean 'scenes'?"),
    ("data show scenes --step one", "--step must be a whole number, got 'one'."),
    ("data show scenes --task 15-5 --step 2", "Task 15-5 has the steps 0..1, got step 2."),
    ("data get voc", "A download needs a folder to go to."),
    ("data get scenes", "The images of the scenes are drawn and have no files"),
    ("data get scenes --root here", "The images of the scenes are drawn and have no files"),
    ("study --preset smoke --order 1,2", "The class order must hold every label of 1..20 once, got [1, 2]."),
    ("study --preset smoke --task 15-4", "Task '15-4' must divide the 20 classes"),
    ("study --preset smoke --backbone resnet18", "ResNet has no self-attention that satkit can tap."),
    ("study --strategies ,", "at least one strategy, for example: fine-tuning, pseudo+distillation, sats."),
    ("study --strategies sats,sats", "Every strategy is named once, but 'sats' is named twice."),
    ("study --preset smoke --out a$b", "must begin with a letter or digit and hold only letters, digits and"),
    (
        "study --strategies sats+pseudo",
        "Strategy 'SATS' already has EntropyPseudoLabels, and EntropyPseudoLabels would",
    ),
    ("study --strategies ssul+attention", "'attention' acts on the backbone, which is frozen, so it would do nothing"),
    ("study --strategies mib+attention=-1", "AttentionTransfer needs weight >= 0, got -1."),
    (
        "study --preset smoke --strategies sats+memory=5000",
        "must fit into the data: 5000 images are asked for, but the",
    ),
    ("study --strategies nowhere.py:MINE", "nowhere.py. Give the path of a Python file that declares a strategy."),
    ("study --autocast half", "Unknown autocast 'half'. Choose one of: bfloat16."),
    ("study --shift 2", "shift must be between 0 and 1, got 2.0."),
    ("study --habitat -0.1", "habitat must be between 0 and 1, got -0.1."),
    ("study --habitat high", "--habitat must be a number, got 'high'."),
    ("study --data camvid --root x --habitat 0.5", "habitat is a setting of the scenes, got 0.5 for camvid."),
    ("data check camvid --root x --habitat 0.5", "habitat is a setting of the scenes, got 0.5 for camvid."),
    (
        "study --data pretext --from-scratch",
        "The preset 'quick' of pretext starts 'mit_quick' from random weights anyway. Leave from_scratch out.",
    ),
    (
        "study --backbone pvt_v2_b0 --from-scratch",
        "The preset 'quick' of scenes starts 'pvt_v2_b0' from random weights anyway. Leave from_scratch out.",
    ),
    ("study --shift much", "--shift must be a number, got 'much'."),
    (
        "study --habitat 1.5",
        "habitat must be between 0 and 1, got 1.5. Choose another value, or leave it out for 0.75.",
    ),
    ("study --habitat a", "--habitat must be a number, got 'a'. Choose another value, or leave it out for 0.75."),
    ("study --data camvid --habitat 0", "habitat is a setting of the scenes, got 0 for camvid. Leave it out."),
    ("data check pretext --habitat 0", "habitat is a setting of the scenes, got 0 for pretext. Leave it out."),
    ("strategies sat", "Unknown strategy 'sat'. Did you mean 'sats'?"),
    ("run 07 -p seed", "A parameter is given as name=value, got 'seed'."),
    ("run 07 -p seed=x", "Parameter 'seed' must be of type int, got 'x'"),
    ("run 07 --timeout soon", "--timeout must be a whole number, got 'soon'."),
    (
        "study --preset published",
        "The preset 'published' belongs to voc, ade20k, cityscapes, camvid, folder, not to scenes.",
    ),
    ("study --data voc --preset reference", "The preset 'reference' belongs to scenes, camvid, not to voc."),
    ("run 07 -p strategy=satz", "Unknown strategy 'satz'. Did you mean 'sats'?"),
    ("run 05b -p rival=mibb", "Unknown strategy 'mibb'. Did you mean 'mib'?"),
    ('run 09 -p strategies=["sats","stas"]', "Unknown strategy 'stas'. Did you mean 'sats'?"),
    ("run 07 -p preset=fast", "Unknown preset 'fast'."),
    (
        'run 07 -p weights={"attention":"five"}',
        "A weight must be a finite number, 0 or more, got 'five' for 'attention'.",
    ),
    ("run 07 -p from_scratch=1", "Parameter 'from_scratch' must be of type bool (true or false), got '1'"),
    (
        "run 07 -p data=pretext -p from_scratch=true",
        "The preset 'quick' of pretext starts 'mit_quick' from random weights anyway. Leave from_scratch out.",
    ),
    ("pretrain --backbone mit_b0", "Unknown backbone to pretrain 'mit_b0'. Did you mean 'mit_"),
    ("pretrain --preset fast", "Unknown preset 'fast'."),
    ("pretrain --preset published", "not to pretext. Choose one of: smoke, quick, full."),
    ("run 07 -p shift=2.0", "shift must be between 0 and 1, got 2.0."),
    ("run 07 -p setting=disjont", "Unknown setting 'disjont'. Did you mean 'disjoint'?"),
    ("run 07 -p order=z", "Unknown class or class order 'z'."),
    ("report nothing", "There is no study nothing in "),
]


@pytest.mark.parametrize(("words", "said"), WRONG, ids=[words for words, _ in WRONG])
def test_a_wrong_value_is_named(satkit_says, runs, words, said):
    code, out, error = satkit_says(*words.split())
    assert (code, out) == (2, "")
    assert said in one_sentence(error)
    assert not runs.exists()


ARGUMENTS = [
    ("stduy", "invalid choice: 'stduy'", "Did you mean study? See satkit --help."),
    ("frobnicate", "invalid choice: 'frobnicate'", "'doctor'). See satkit --help."),
    ("--verson", "unrecognized arguments: --verson.", "Did you mean --version? See satkit --help."),
    (
        "study --prest smoke",
        "unrecognized arguments: --prest smoke.",
        "Did you mean --preset? See satkit study ",
    ),
    (
        "run 07 --parametre",
        "unrecognized arguments: --parametre.",
        "Did you mean --parameter? See satkit run ",
    ),
    ("doctor now", "unrecognized arguments: now.", "See satkit doctor --help."),
    ("report", "the following arguments are required: study.", "See satkit report --help."),
    ("study --seed", "argument --seed: expected one argument.", "See satkit study --help."),
]


@pytest.mark.parametrize(("words", "said", "hint"), ARGUMENTS, ids=[words for words, *_ in ARGUMENTS])
def test_an_unknown_subcommand_or_option_is_refused_with_a_hint(satkit_says, words, said, hint):
    code, out, error = satkit_says(*words.split())
    assert (code, out) == (2, "")
    assert said in one_sentence(error)
    assert hint in error
    assert error.endswith(" --help.\n")


def test_without_arguments_the_help_is_printed(satkit_says):
    code, out, error = satkit_says()
    assert (code, error) == (2, "")
    assert all(f"    {name}" in out for name in ("study", "run", "report", "runs", "doctor"))
    assert "examples:" in out


def test_the_version_is_the_package_one(satkit_says):
    assert satkit_says("--version") == (0, f"satkit {satkit.__version__}\n", "")


def raising(error):
    def action(*arguments, **options):
        raise error

    return action


class Failure(Exception):
    """What a failed run of a notebook says."""

    cell, source, error, reason = 7, "train()", "ZeroDivisionError", "division by zero"


@pytest.mark.parametrize(
    ("error", "code", "said"),
    [
        (RunBusy("Another process is writing into here."), 1, "Another process is writing into here."),
        (UsageError("Not like this."), 2, "Not like this."),
        (KeyboardInterrupt(), 130, "Interrupted. What was finished is kept; run the same command again to go on."),
        (Terminated(), 143, "Terminated. What was finished is kept; run the same command again to go on."),
    ],
    ids=["busy", "usage", "ctrl-c", "sigterm"],
)
def test_every_kind_of_end_has_its_exit_code(satkit_says, monkeypatch, error, code, said):
    monkeypatch.setattr("satkit.studies.study.run_study", raising(error))
    assert satkit_says("study") == (code, "", f"satkit: {said}\n")


def test_a_failed_notebook_ends_with_1_and_names_its_cell(satkit_says, monkeypatch, tmp_path):
    failed = NotebookFailed("07_train_next_step", tmp_path / "a.ipynb", Failure("ZeroDivisionError: division by zero"))
    monkeypatch.setattr("satkit.notebooks.runner.run_notebook", raising(failed))
    code, out, error = satkit_says("run", "07", "-p", "seed=1")
    assert (code, out) == (1, "")
    assert "07_train_next_step failed in cell In [7] (train()): ZeroDivisionError: division by zero." in error


def test_a_message_keeps_its_lines_and_loses_what_would_move_the_cursor(satkit_says, monkeypatch):
    monkeypatch.setattr("satkit.studies.study.run_study", raising(UsageError("one \x1b[2J\ntwo \u202e")))
    assert satkit_says("study") == (2, "", "satkit: one \\x1b[2J\ntwo \\u202e\n")


def test_an_error_that_nobody_foresaw_is_not_hidden(monkeypatch):
    monkeypatch.setattr("satkit.studies.study.run_study", raising(KeyError("a slip")))
    with pytest.raises(KeyError, match="a slip"):
        parser.main(["study"])


@pytest.mark.skipif(os.name == "nt", reason="signals are sent as POSIX does")
def test_a_termination_signal_ends_with_143_and_the_handler_is_put_back(satkit_says, monkeypatch):
    before = signal.getsignal(signal.SIGTERM)
    monkeypatch.setattr("satkit.studies.study.run_study", lambda *_: signal.raise_signal(signal.SIGTERM))
    code, _, error = satkit_says("study")
    assert code == 143
    assert error.startswith("satkit: Terminated.")
    assert signal.getsignal(signal.SIGTERM) is before
