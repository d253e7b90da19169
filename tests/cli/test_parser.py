"""The command says in one sentence what was wrong, before anything heavy starts, and its exit code says it too."""

import os
import shutil
import signal

import numpy as np
import pytest
from PIL import Image

import satkit
from satkit.cli import parser
from satkit.experiments.run_folder import RunBusy
from satkit.notebooks.runner import NotebookFailed
from satkit.strategies import PARTS, STRATEGIES, find_strategy
from satkit.studies.attention_study import ReferenceFailed
from satkit.utils.errors import UsageError
from satkit.utils.interrupts import Terminated


@pytest.fixture(autouse=True)
def runs(tmp_path, monkeypatch):
    """An empty folder of runs, and no kernel ever starts."""
    monkeypatch.setenv("SATKIT_RUNS", str(tmp_path / "runs"))

    def no_kernel(*arguments, **options):
        pytest.fail("This must be refused before a kernel starts.")

    monkeypatch.setattr("satkit.studies.study.run_notebook", no_kernel)
    monkeypatch.setattr("satkit.notebooks.runner.run_notebook", no_kernel)
    return tmp_path / "runs"


@pytest.fixture
def satkit_says(capsys):
    """Runs a command line in this process; returns its exit code, what it printed, and its error message."""

    def run(*words):
        try:
            code = parser.main(list(words))
        except SystemExit as end:
            code = end.code
        said = capsys.readouterr()
        return code, said.out, said.err

    return run


def one_sentence(error):
    """The message of a wrong usage: a single line that begins with the command's name."""
    assert error.startswith("satkit: ")
    assert error.count("\n") == 1
    return error


UNKNOWN = [
    ("study --data scens", "Unknown data set 'scens'. Did you mean 'scenes'? Choose one of: scenes, voc, "),
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
    ("run 07 -p sede=3", "Unknown parameter 'sede'. Did you mean 'seed'? Choose one of: study, data, "),
]


@pytest.mark.parametrize(("words", "said"), UNKNOWN, ids=[words for words, _ in UNKNOWN])
def test_an_unknown_name_is_answered_with_the_choices_and_the_nearest(satkit_says, runs, words, said):
    code, out, error = satkit_says(*words.split())
    assert (code, out) == (2, "")
    assert said in one_sentence(error)
    assert not runs.exists()  # nothing is left behind


WRONG = [
    ("study --seed x", "--seed takes a whole number, got 'x'."),
    ("study --order 1,b", "--order takes a whole number, got 'b'."),
    ("study --order z", "Unknown class order 'z'."),
    ("study --data camvid --order b", "camvid has no published class orders, got 'b'."),
    ("study --protocol mibb", "Unknown protocol 'mibb'. Did you mean 'mib'?"),
    (
        "study --setting domain",
        "The setting 'domain' learns one domain after another and needs images of two or more domains",
    ),
    ("data check scens", "Unknown data set 'scens'. Did you mean 'scenes'?"),
    ("data show scenes --step one", "--step takes a whole number, got 'one'."),
    ("data show scenes --task 15-5 --step 2", "Task 15-5 has the steps 0..1, got step 2."),
    ("data get scenes", "A download needs a folder to go to."),
    ("data get scenes --root here", "The scenes are drawn by satkit and have no files"),
    ("study --preset smoke --order 1,2", "The class order must hold every label of 1..20 once, got [1, 2]."),
    ("study --preset smoke --task 15-4", "Task '15-4' must divide the 20 classes"),
    ("study --preset smoke --backbone resnet18", "ResNet has no self-attention that satkit can tap."),
    ("study --strategies ,", "A study needs at least one strategy, for example: fine-tuning, sats."),
    ("study --strategies sats,sats", "Each strategy once, please: 'sats' is named twice."),
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
    ("study --shift 2", "The shift must be between 0 (none) and 1, got 2.0."),
    ("study --shift much", "--shift takes a number, got 'much'."),
    ("strategies sat", "Unknown strategy 'sat'. Did you mean 'sats'?"),
    ("run 07 -p seed", "A parameter is given as name=value, got 'seed'."),
    ("run 07 -p seed=x", "Parameter 'seed' must be of type int, got 'x'"),
    ("run 07 --timeout soon", "--timeout takes a whole number, got 'soon'."),
    ("report nothing", "nothing holds no finished study: result.json is missing."),
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


def test_notebooks_and_their_parameters_are_listed(satkit_says):
    code, out, error = satkit_says("run", "--list")
    assert (code, error) == (0, "")
    names = [line.split()[0] for line in out.splitlines()]
    assert names == sorted(names)
    assert {"00_start_here", "09_visualising_forgetting"} <= set(names)
    assert all(line.endswith((".", "?")) for line in out.splitlines())  # what each promises
    for words in (["--help", "06"], ["06", "-h"], ["06", "--help", "-p", "seed=3"]):
        code, out, error = satkit_says("run", *words)
        assert (code, error) == (0, "")
        assert out.startswith("06_train_base_step: ")
        assert "  preset: str = 'quick'  # smoke, quick, full or published\n" in out
        assert "  seed: int = 0  # " in out


def test_help_for_running_notebooks_without_a_name_is_that_of_the_command(satkit_says):
    code, out, error = satkit_says("run", "--help")
    assert (code, error) == (0, "")
    assert out.startswith("usage: satkit run ")
    assert "--timeout" in out


def test_notebooks_are_exported_once(satkit_says, tmp_path):
    code, out, error = satkit_says("export", str(tmp_path / "mine"), "--blank")
    assert (code, error) == (0, "")
    assert "00_start_here.ipynb" in out
    code, out, error = satkit_says("export", str(tmp_path / "mine"))
    assert (code, out) == (2, "")
    assert "Nothing is overwritten" in one_sentence(error)


def test_strategies_and_parts_are_listed_and_one_is_written_out(satkit_says):
    code, out, _ = satkit_says("strategies")
    assert code == 0
    assert {line.split()[0] for line in out.splitlines()[: len(STRATEGIES)]} == set(STRATEGIES)
    assert all(part in out.splitlines()[-1] for part in PARTS)
    code, out, _ = satkit_says("strategies", "mib+attention=5")
    assert (code, out.strip()) == (0, str(find_strategy("mib+attention=5")))


def test_data_is_checked_and_shown(satkit_says, tmp_path, whole):
    code, out, error = satkit_says("data", "check", "camvid", "--root", str(whole), "--task", "6-5")
    assert (code, error) == (0, "")
    assert "training image that is also a test image" in out  # a warning
    assert "6-5 overlapped" in out
    sheet = tmp_path / "sheet.png"
    code, out, error = satkit_says("data", "show", "camvid", "--root", str(whole), "--out", str(sheet))
    assert (code, out, error) == (0, f"{sheet}\n", "")
    assert sheet.stat().st_size > 0


def test_broken_data_is_listed_with_exit_code_2(satkit_says, tmp_path, whole):
    root = tmp_path / "broken"
    shutil.copytree(whole, root)
    file, what, detail = odd_value(root)
    code, out, error = satkit_says("data", "check", "camvid", "--root", str(root))
    assert (code, error) == (2, "")
    assert f"{file}: {what} ({detail})" in out


def test_an_empty_folder_of_runs_says_how_to_start(satkit_says, tmp_path, runs):
    code, out, error = satkit_says("runs")
    assert (code, out, error) == (0, f"No runs in {runs}. Start with: satkit study --preset smoke\n", "")
    assert satkit_says("runs", str(tmp_path))[1].startswith(f"No runs in {tmp_path}.")


def test_camvid_needs_its_folder(satkit_says, runs):
    code, _, error = satkit_says("study", "--data", "camvid")
    assert code == 2
    assert "CamVid needs its folder, got none. Get the data from https://" in error
    assert "pass its folder with --root ROOT:" in error
    code, _, error = satkit_says("study", "--data", "camvid", "--root", "/nowhere/at all")
    assert code == 2
    assert "got '/nowhere/at all', which is not a folder" in error
    assert not runs.exists()


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A small data set in CamVid's layout without a fault."""
    folder = tmp_path_factory.mktemp("camvid")
    for split in ("train", "val", "test"):
        for name in ("a1", "b2"):
            for kind, values in (("", np.zeros((32, 32, 3))), ("annot", np.arange(1024).reshape(32, 32) % 12)):
                (folder / (split + kind)).mkdir(exist_ok=True)
                Image.fromarray(values.astype(np.uint8)).save(folder / (split + kind) / f"{name}.png")
    return folder


def no_mask(root):
    (root / "trainannot" / "b2.png").unlink()
    return root / "train" / "b2.png", "image without mask", "no b2.png in"


def no_image(root):
    (root / "test" / "a1.png").unlink()
    return root / "testannot" / "a1.png", "mask without image", "no a1.jpg"


def odd_value(root):
    path = root / "trainannot" / "a1.png"
    mask = np.array(Image.open(path))
    mask[3, 5] = 77
    Image.fromarray(mask).save(path)
    return path, "mask values that are no label", "77 at 1 pixel, first at (row 3, column 5)"


def other_size(root):
    path = root / "testannot" / "b2.png"
    Image.fromarray(np.zeros((16, 24), dtype=np.uint8)).save(path)
    return path, "mask and image differ in size", "the mask is 24 x 16 pixels, the image b2.png 32 x 32"


def garbled(root):
    path = root / "train" / "a1.png"
    path.write_bytes(path.read_bytes()[:60])
    return path, "unreadable image", "a1.png"


@pytest.mark.parametrize("damage", [no_mask, no_image, odd_value, other_size, garbled])
def test_damaged_data_are_named_by_file_before_anything_starts(satkit_says, runs, tmp_path, whole, damage):
    root = tmp_path / "copy"
    shutil.copytree(whole, root)
    path, *said = damage(root)
    code, out, error = satkit_says("study", "--data", "camvid", "--root", str(root), "--preset", "smoke")
    assert (code, out) == (2, "")
    assert "The data set has 1 problem; repair or remove what is listed:" in error
    for words in (str(path), *said):
        assert words in error
    assert not runs.exists()


def test_all_problems_are_reported_at_once(satkit_says, tmp_path, whole):
    root = tmp_path / "copy"
    shutil.copytree(whole, root)
    paths = [damage(root)[0] for damage in (no_mask, odd_value, other_size)]
    code, _, error = satkit_says("study", "--data", "camvid", "--root", str(root), "--preset", "smoke")
    assert code == 2
    assert "The data set has 3 problems" in error
    assert all(str(path) in error for path in paths)


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
        (ReferenceFailed("A process failed."), 1, "A process failed."),
        (UsageError("Not like this."), 2, "Not like this."),
        (KeyboardInterrupt(), 130, "Interrupted. What was finished is kept; run the same command again to go on."),
        (Terminated(), 143, "Terminated. What was finished is kept; run the same command again to go on."),
    ],
    ids=["busy", "reference", "usage", "ctrl-c", "sigterm"],
)
def test_every_kind_of_end_has_its_exit_code(satkit_says, monkeypatch, error, code, said):
    monkeypatch.setattr("satkit.studies.study.study", raising(error))
    assert satkit_says("study") == (code, "", f"satkit: {said}\n")


def test_a_failed_notebook_ends_with_1_and_names_its_cell(satkit_says, monkeypatch, tmp_path):
    failed = NotebookFailed("07_train_next_step", tmp_path / "a.ipynb", Failure("ZeroDivisionError: division by zero"))
    monkeypatch.setattr("satkit.notebooks.runner.run_notebook", raising(failed))
    code, out, error = satkit_says("run", "07", "-p", "seed=1")
    assert (code, out) == (1, "")
    assert "07_train_next_step failed in cell In [7] (train()): ZeroDivisionError: division by zero." in error


def test_an_error_that_nobody_foresaw_is_not_hidden(monkeypatch):
    monkeypatch.setattr("satkit.studies.study.study", raising(KeyError("a slip")))
    with pytest.raises(KeyError, match="a slip"):
        parser.main(["study"])


@pytest.mark.skipif(os.name == "nt", reason="signals are sent as POSIX does")
def test_a_termination_signal_ends_with_143_and_the_handler_is_put_back(satkit_says, monkeypatch):
    before = signal.getsignal(signal.SIGTERM)
    monkeypatch.setattr("satkit.studies.study.study", lambda *_: signal.raise_signal(signal.SIGTERM))
    code, _, error = satkit_says("study")
    assert code == 143
    assert error.startswith("satkit: Terminated.")
    assert signal.getsignal(signal.SIGTERM) is before


def test_the_words_of_a_study_arrive_as_settings(satkit_says, monkeypatch):
    asked = []
    monkeypatch.setattr("satkit.studies.study.study", lambda *arguments: asked.append(arguments))
    assert satkit_says("study", "--task", "10-10", "--seed", "-1", "--order", "3, 1,2", "--out", "x")[0] == 0
    (settings, strategies, out) = asked[0]
    assert (settings.task, settings.seed, settings.order) == ("10-10", -1, (3, 1, 2))
    assert (settings.data, settings.preset, settings.setting) == ("scenes", "quick", "overlapped")
    assert (strategies, out) == (("fine-tuning", "sats"), "x")


def test_the_words_of_a_run_arrive_as_typed_parameters(satkit_says, monkeypatch, runs):
    asked = []

    class Result:
        output, seconds = "there.ipynb", 61.0

    def run(path, output, values, timeout=None):
        asked.append((path.stem, output, values, timeout))
        return Result

    monkeypatch.setattr("satkit.notebooks.runner.run_notebook", run)
    said = satkit_says("run", "07", "-p", "seed=3", "-p", "strategy=fine-tuning", "--timeout", "9")
    assert said == (0, "there.ipynb (took 1 min 1 s)\n", "")
    values = {"seed": 3, "strategy": "fine-tuning"}
    assert asked == [("07_train_next_step", runs / "notebooks" / "07_train_next_step.ipynb", values, 9)]
