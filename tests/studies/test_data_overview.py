"""satkit data: everything wrong is listed, every step is counted, sheets show what an annotator shows."""

import re
import sys
from types import SimpleNamespace

import matplotlib.pyplot as plt
import numpy as np
import pytest
from PIL import Image

from satkit.experiments.settings import Settings
from satkit.plots import text
from satkit.studies import data_overview
from satkit.utils import _torchvision
from satkit.utils.errors import UsageError


@pytest.fixture
def root(tmp_path):
    """Ten images of two classes beside background; 16 x 24 pixels."""
    folder = tmp_path / "my data"
    random = np.random.default_rng(0)
    for number in range(10):
        mask = np.zeros((16, 24), dtype=np.uint8)
        mask[4:12, 4:12] = 1 + number % 2
        for kind, values in (("images", random.integers(0, 255, (16, 24, 3))), ("masks", mask)):
            (folder / kind).mkdir(parents=True, exist_ok=True)
            Image.fromarray(values.astype(np.uint8)).save(folder / kind / f"n{number}.png")
    (folder / "classes.txt").write_text("0 background\n1 leaf\n2 stone\n", encoding="utf-8")
    return folder


def test_sound_data_is_counted_by_class_and_by_step(root):
    text, usable = data_overview.check(Settings("folder", str(root), "1-1"))
    assert usable
    assert "read 10 pairs of image and mask" in text
    assert "Nothing is wrong with them." in text
    counts = {
        line.split()[1]: [int(number) for number in line.split()[-2:]]
        for line in text.splitlines()
        if re.match(r" +\d+  (leaf|stone) ", line)
    }
    assert sum(counts["leaf"]) == sum(counts["stone"]) == 5
    table = text[text.index("1-1 overlapped") :].splitlines()
    assert table[1].split() == ["step", "train", "test", "learns"]
    assert [line.split()[0] for line in table[3:]] == ["0", "1"]
    assert int(table[3].split()[1]) == counts["leaf"][0]
    assert table[4].endswith("stone")


def test_classes_without_images_and_data_without_background_are_named(root):
    for number in range(10):
        mask = 1 + np.arange(16 * 24).reshape(16, 24) % (3 if number == 0 else 2)  # a single image shows value 3
        Image.fromarray(mask.astype(np.uint8)).save(root / "masks" / f"n{number}.png")
    (root / "classes.txt").write_text("1 leaf\n2 stone\n3 moss\n4 fern\n", encoding="utf-8")
    lines = data_overview.check(Settings("folder", str(root)))[0].splitlines()
    absent = {line.split(":")[0]: line.split(": ")[1] for line in lines if line.startswith("In no image")}
    assert set(absent.values()) == {"fern.", "moss, fern."}
    assert set(absent) == {"In no image to learn from", "In no image to test on"}
    assert "There is no background in a whole annotation: it is what a step does not show." in lines


def test_all_problems_are_listed_not_only_the_first(root):
    for number in range(25):
        (root / "images" / f"more{number:02d}.png").write_bytes(b"")
    text, usable = data_overview.check(Settings("folder", str(root)))
    assert not usable
    assert "25 problems" in text
    assert "  25 times: image without mask; for example " in text
    assert text.splitlines()[-1] == "With --all, every file has a line."
    text, _ = data_overview.check(Settings("folder", str(root)), every=True)
    assert all(f"more{number:02d}.png" in text for number in range(25))


def test_what_is_ignored_and_what_is_probably_not_meant_is_said(root):
    text, usable = data_overview.check(Settings("folder", str(root)))
    assert usable
    assert "ignored" not in text
    assert "Look at this" not in text
    (root / "classes.txt").write_text("0 street\n1 leaf\n2 void area\n", encoding="utf-8")
    mask = np.full((16, 24), 255, dtype=np.uint8)
    mask[:, :12] = 0
    Image.fromarray(mask).save(root / "masks" / "n3.png")
    lines = data_overview.check(Settings("folder", str(root)))[0].splitlines()
    assert "5.0 % of the pixels are ignored." in lines
    (name, zero) = [line for line in lines if line.startswith("Look at this: ")]
    assert "'void area' has a name that says it is none" in name
    assert "Value 0 is in every image and counts as the class 'street'" in zero


def test_windows_are_advised_for_large_images_to_test_on(root, monkeypatch):
    settings = Settings("folder", str(root))
    assert "evaluation=windows" not in data_overview.check(settings)[0]
    monkeypatch.setattr(data_overview, "LARGE", 16 * 24)
    text, usable = data_overview.check(settings)
    assert usable
    assert "The largest image to test on has 24 x 16 pixels." in text
    assert "--protocol evaluation=windows." in text


def test_warnings_do_not_make_data_unusable(root):
    Image.fromarray(np.full((16, 24), 255, dtype=np.uint8)).save(root / "masks" / "n3.png")
    text, usable = data_overview.check(Settings("folder", str(root)))
    assert usable
    assert "1 warning:" in text
    assert "n3.png" in text


def test_every_step_without_images_is_named_and_makes_the_data_unusable_for_the_task(root):
    (root / "classes.txt").write_text("0 background\n1 leaf\n2 stone\n3 moss\n4 fern\n", encoding="utf-8")
    text, usable = data_overview.check(Settings("folder", str(root), "2-1"))
    assert not usable
    assert "Step 1 of task 2-1 (overlapped) must have images to learn moss from" in text
    assert "Step 2 of task 2-1 (overlapped) must have images to learn fern from" in text
    assert "Nothing is wrong with them." in text, "the files themselves are sound"


def test_scenes_have_no_files_but_steps():
    text, usable = data_overview.check(Settings(preset="smoke", task="15-5"))
    assert usable
    assert "15-5 overlapped" in text


def test_scenes_are_counted_in_the_habitat_that_was_asked_for():
    uniform, habitat = (data_overview.check(Settings(habitat=each))[0] for each in (0.0, 0.75))
    assert uniform.splitlines()[-1].startswith("fingerprint ")
    assert uniform.splitlines()[-1] != habitat.splitlines()[-1]
    with pytest.raises(UsageError, match="habitat is a setting of the scenes, got 0 for pretext"):
        data_overview.check(Settings(data="pretext", habitat=0.0))


def test_a_sheet_of_everything_and_one_for_each_step(root):
    settings = Settings("folder", str(root), preset="smoke")
    assert [name for name, _ in data_overview.show(settings, 4)] == ["folder"]
    sheets = data_overview.show(Settings("folder", str(root), "1-1", preset="smoke"), 4)
    assert [name for name, _ in sheets] == ["folder-1-1-step0", "folder-1-1-step1"]
    legends = [[text.get_text() for text in figure.legends[0].get_texts()] for _, figure in sheets]
    assert legends == [["1 leaf"], ["2 stone (new)"]]


def test_one_step_can_be_chosen_and_must_exist(root):
    settings = Settings("folder", str(root), "1-1", preset="smoke")
    assert [name for name, _ in data_overview.show(settings, 2, step=1)] == ["folder-1-1-step1"]
    with pytest.raises(UsageError, match=r"has the steps 0\.\.1, got step 2"):
        data_overview.show(settings, 2, step=2)
    with pytest.raises(UsageError, match="at least 1 image, got 0"):
        data_overview.show(settings, 0)


def test_names_that_look_like_formulas_are_on_a_sheet_and_what_has_no_font_is_said(root, tmp_path, monkeypatch):
    monkeypatch.setattr(text, "FALLBACKS", ())
    names = "0 background\n1 a$^$b\n2 price $5 to $6\n"
    (root / "classes.txt").write_text(names, encoding="utf-8")
    settings = Settings("folder", str(root), preset="smoke")
    sheets = data_overview.show(settings, 4)
    assert data_overview.save_sheets(sheets, str(tmp_path / "sheet.png"))[0].stat().st_size > 0
    assert [each.get_text() for each in sheets[0][1].legends[0].get_texts()] == ["1 a$^$b", "2 price $5 to $6"]
    assert data_overview.unreadable(sheets) == ""
    (root / "classes.txt").write_text("0 background\n1 犬\n2 stone\n", encoding="utf-8")
    said = data_overview.unreadable(data_overview.show(settings, 4))
    assert said.startswith("No font here has the characters 犬 of '1 犬': figures show a box instead.")


def test_sheets_are_written_under_their_names(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    figures = [(f"voc-15-5-step{step}", plt.figure()) for step in (0, 1)]
    assert [str(path) for path in data_overview.save_sheets(figures)] == ["voc-15-5-step0.png", "voc-15-5-step1.png"]
    written = data_overview.save_sheets(figures, "out/sheet.svg")
    assert [path.name for path in written] == ["sheet-step0.svg", "sheet-step1.svg"]
    assert data_overview.save_sheets(figures[:1], "one.png")[0].stat().st_size > 0
    with pytest.raises(UsageError, match=r"written as .png or .svg, got 'sheet-step0.pdf'"):
        data_overview.save_sheets(figures, "sheet.pdf")


class TestGet:
    def test_what_cannot_be_downloaded_says_where_it_is(self, tmp_path):
        with pytest.raises(UsageError, match="cityscapes-dataset.com"):
            data_overview.get("cityscapes", str(tmp_path / "x"))
        with pytest.raises(UsageError, match="needs its folder, got none. Get the data from"):
            data_overview.get("cityscapes", "")
        with pytest.raises(UsageError, match="Pass it with --root"):
            data_overview.get("voc", "")

    def test_a_folder_that_is_there_is_not_asked_for_again(self, root):
        said = f"satkit downloads only voc, got folder. Look at what is in {root} with satkit data check folder --root"
        with pytest.raises(UsageError, match=said):
            data_overview.get("folder", str(root))

    def test_voc_is_fetched_by_torchvision_and_the_rest_is_said(self, tmp_path, monkeypatch):
        asked = []
        made = SimpleNamespace(VOCSegmentation=lambda *words, **options: asked.append((words, options)))
        monkeypatch.setattr(_torchvision, "ensure", lambda: None)
        monkeypatch.setitem(sys.modules, "torchvision.datasets", made)
        assert "SegmentationClassAug" in data_overview.get("voc", str(tmp_path))
        assert asked == [((tmp_path,), {"year": "2012", "image_set": "trainval", "download": True})]

    def test_a_failed_download_is_one_sentence(self, tmp_path, monkeypatch):
        def fail(*words, **options):
            raise OSError("no route to host")

        monkeypatch.setattr(_torchvision, "ensure", lambda: None)
        monkeypatch.setitem(sys.modules, "torchvision.datasets", SimpleNamespace(VOCSegmentation=fail))
        with pytest.raises(UsageError, match=r"failed \(no route to host\). Get it from http://host.robots.ox.ac.uk"):
            data_overview.get("voc", str(tmp_path))
