"""Commands do what their words ask for: list, export, check, show; and start what is heavy with typed values."""

import shutil

import numpy as np
import pytest
from command_line import one_sentence
from PIL import Image

from satkit.cli import actions
from satkit.strategies import PARTS, STRATEGIES, strategy
from satkit.utils.errors import UsageError

pytestmark = pytest.mark.usefixtures("runs")


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
    assert (code, out.strip()) == (0, str(strategy("mib+attention=5")))


def test_data_is_checked_and_shown(satkit_says, tmp_path, whole):
    code, out, error = satkit_says("data", "check", "camvid", "--root", str(whole), "--task", "6-5")
    assert (code, error) == (0, "")
    assert "image to learn from that is also tested on" in out  # a warning
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
    assert "got '/nowhere/at all', which is no folder" in error
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
    assert "The data set has 1 problem; mend or remove what is named:" in error
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


def test_numbers_are_read():
    assert actions.number("--seed", "3") == 3
    assert actions.number("--shift", "0.5", float) == 0.5
    assert actions.whole_numbers("--seeds", "0, 1,2,") == (0, 1, 2)


@pytest.mark.parametrize(
    ("read", "said"),
    [
        (lambda: actions.number("--seed", "1.5"), "--seed takes a whole number, got '1.5'"),
        (lambda: actions.number("--shift", "much", float), "--shift takes a number, got 'much'"),
        (lambda: actions.whole_numbers("--seeds", "0,x"), "--seeds takes a whole number, got 'x'"),
    ],
)
def test_what_is_no_number_is_named_with_its_option(read, said):
    with pytest.raises(UsageError, match=said):
        read()


def test_a_published_order_is_taken_by_its_name():
    assert actions.class_order("voc", "b")[:3] == (12, 9, 20)
    assert actions.class_order("voc", "3,1,2") == (3, 1, 2)
    assert actions.class_order("voc", "") == ()
