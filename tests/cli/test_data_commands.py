"""satkit data and satkit strategies: what is wrong with a data set stands there by file, before anything starts."""

import shutil

import numpy as np
import pytest
from PIL import Image

from satkit.strategies import PARTS, STRATEGIES, find_strategy

pytestmark = pytest.mark.usefixtures("runs")


def test_strategies_and_parts_are_listed_and_one_is_written_out(satkit_says, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    code, out, _ = satkit_says("strategies")
    assert code == 0
    listed, parts = out.split("Parts, as in ")
    assert [line.split()[0] for line in listed.splitlines() if line[:1].strip()] == list(STRATEGIES)
    assert all(part in parts for part in PARTS)
    assert max(map(len, out.splitlines())) <= 80
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


@pytest.mark.parametrize("order", ["guide dog", '["sofa, couch", "cat"]'])
def test_names_with_spaces_and_commas_can_be_first_in_the_order_of_own_data(satkit_says, tmp_path, order):
    (tmp_path / "classes.txt").write_text("0 background\n1 cat\n2 guide dog\n3 sofa, couch\n", encoding="utf-8")
    for number in range(10):
        for folder in ("images", "masks"):
            (tmp_path / folder).mkdir(exist_ok=True)
            Image.fromarray(np.arange(number, number + 64, dtype=np.uint8).reshape(8, 8) % 4).save(
                tmp_path / folder / f"{number}.png"
            )
    words = ("data", "check", "folder", "--root", str(tmp_path), "--task", "1-2", "--order")
    code, out, error = satkit_says(*words, order)
    assert (code, error) == (0, "")
    first, second = (" ".join(line.split()) for line in out.splitlines()[-2:])
    expected = ("guide dog", "cat, sofa, couch") if "guide" in order else ("sofa, couch", "cat, guide dog")
    assert (first.endswith(f" {expected[0]}"), second.endswith(f" {expected[1]}")) == (True, True)
    code, _, error = satkit_says(*words, "guide dgo")
    assert (code, error.count("Unknown class 'guide dgo'. Did you mean 'guide dog'?")) == (2, 1)


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
