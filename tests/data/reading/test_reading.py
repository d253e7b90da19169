import dataclasses
import os
import shutil
import threading
import warnings
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from satkit.data import IGNORE
from satkit.data.datasets import camvid
from satkit.data.reading import reading, store
from satkit.data.reading.problems import DataError, DataWarning
from satkit.data.reading.reading import read, root_folder, scan_files
from satkit.utils.errors import UsageError


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("SATKIT_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def root(tmp_path):
    return tree(tmp_path / "camvid")


def tree(root: Path) -> Path:
    """CamVid with images a and b to learn from, c to validate and d to test: 3 x 4 pixels, each unlike the others."""
    for number, (split, name) in enumerate((("train", "a"), ("train", "b"), ("val", "c"), ("test", "d"))):
        write(root / split / f"{name}.png", np.full((3, 4, 3), 50 * number))
        write(root / f"{split}annot" / f"{name}.png", (np.arange(12).reshape(3, 4) + number) % 12)
    return root


def write(path: Path, values):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.asarray(values, dtype=np.uint8)).save(path)


def change_a_pixel(file: Path, value: int):
    with Image.open(file) as image:
        values = np.array(image)
    values[1, 1] = value
    write(file, values)


def data_of(root):
    return read(camvid.find(root))


def forbid_decoding(monkeypatch):
    def refuse(*_):
        raise AssertionError("a file is decoded")

    monkeypatch.setattr(reading, "examine", refuse)


def stores(cache):
    return sorted(path.name for path in (cache / "data").iterdir())


def test_the_second_time_nothing_is_decoded(root, monkeypatch):
    first = data_of(root)
    forbid_decoding(monkeypatch)
    second = data_of(root)
    assert second.fingerprint == first.fingerprint
    assert (second.train.names, second.test.names) == (("a", "b"), ("d",))
    for split in ("train", "test"):
        for kind in ("images", "labels", "present"):
            np.testing.assert_array_equal(getattr(getattr(second, split), kind), getattr(getattr(first, split), kind))


def test_the_folder_may_be_given_in_another_way_the_second_time(root, tmp_path, monkeypatch):
    data_of(root)
    forbid_decoding(monkeypatch)
    (tmp_path / "link").symlink_to(root)
    monkeypatch.chdir(tmp_path)
    for other in ("camvid", "link", str(root) + "/"):
        assert len(data_of(other).train) == 2


def test_the_data_is_mapped_and_cannot_be_changed(root):
    images = data_of(root).train.images
    assert images.dtype == np.uint8
    with pytest.raises(ValueError, match="read-only"):
        images[0, 0, 0] = 1


@pytest.mark.parametrize(("file", "value"), [("train/b.png", 7), ("testannot/d.png", 0)])
def test_a_changed_file_is_read_again(root, file, value):
    before = data_of(root)
    change_a_pixel(root / file, value)
    after = data_of(root)
    assert after.fingerprint != before.fingerprint
    seen = after.train.images[1, 1, 1, 0] if "train" in file else after.test.labels[0, 1, 1] - 1
    assert seen == value


def test_an_image_that_is_added_or_taken_away_is_noticed(root):
    data_of(root)
    write(root / "train/e.png", np.full((3, 4, 3), 9))
    write(root / "trainannot/e.png", np.zeros((3, 4)))
    assert data_of(root).train.names == ("a", "b", "e")
    for file in (root / "train/a.png", root / "trainannot/a.png"):
        file.unlink()
    assert data_of(root).train.names == ("b", "e")


def test_a_file_of_another_split_does_not_change_the_stored_data(root, monkeypatch):
    data_of(root)
    forbid_decoding(monkeypatch)
    change_a_pixel(root / "val/c.png", 1)
    assert len(data_of(root).test) == 1


def test_splits_of_different_sizes_have_different_stores(root, cache, monkeypatch):
    write(root / "val/f.png", np.full((3, 4, 3), 200))
    write(root / "valannot/f.png", np.zeros((3, 4)))
    data_of(root)
    assert read(camvid.find(root, test_split="val")).test.names == ("c", "f")
    assert len(stores(cache)) == 2
    forbid_decoding(monkeypatch)
    assert data_of(root).test.names == ("d",)


def test_the_fingerprint_depends_on_the_data_and_not_on_folder_and_time(root, tmp_path):
    fingerprint = data_of(root).fingerprint
    assert len(fingerprint) == 64
    shutil.copytree(root, tmp_path / "elsewhere")
    os.utime(root / "train/a.png", (1, 1))
    assert data_of(root).fingerprint == fingerprint
    assert data_of(tmp_path / "elsewhere").fingerprint == fingerprint
    assert scan_files(camvid.find(root)).fingerprint == fingerprint, "kept or not"


@pytest.mark.parametrize("file", ["train/a.png", "trainannot/b.png", "test/d.png", "testannot/d.png"])
def test_one_changed_pixel_or_label_changes_the_fingerprint(root, file):
    before = scan_files(camvid.find(root)).fingerprint
    change_a_pixel(root / file, 11)
    assert scan_files(camvid.find(root)).fingerprint != before


def test_swapped_splits_and_masks_change_the_fingerprint(root):
    files = camvid.find(root)
    a, b = files.train
    masks_swapped = (dataclasses.replace(a, mask=b.mask), dataclasses.replace(b, mask=a.mask))
    variants = (
        files,
        dataclasses.replace(files, train=files.test, test=files.train),
        dataclasses.replace(files, train=(a,), test=(b, *files.test)),
        dataclasses.replace(files, train=(b, a)),
        dataclasses.replace(files, train=masks_swapped),
        dataclasses.replace(files, train=tuple(dataclasses.replace(pair, domain="ulm") for pair in files.train)),
    )
    assert len({scan_files(variant).fingerprint for variant in variants}) == len(variants)


def test_other_mask_values_change_the_key_and_the_store(root):
    files = camvid.find(root)
    other = dataclasses.replace(files, table=np.roll(files.table, 1))
    assert files.key != other.key
    assert files.store != other.store
    assert files.key != dataclasses.replace(files, values=frozenset(range(13))).key


def test_labels_go_through_the_table_and_presence_is_theirs(root):
    data = data_of(root)
    np.testing.assert_array_equal(data.train.labels[0], [[1, 2, 3, 4], [5, 6, 7, 8], [9, 10, 11, IGNORE]])
    np.testing.assert_array_equal(data.train.present, [[False] + [True] * 11] * 2)
    assert data.test.present.shape == (1, 12)


def test_warnings_are_shown_once_when_the_data_is_first_read(root):
    shutil.copy(root / "train/a.png", root / "test/d.png")
    write(root / "trainannot/b.png", np.full((3, 4), camvid.UNLABELLED))
    with pytest.warns(DataWarning, match="camvid can be used, with 2 warnings:") as said:
        data_of(root)
    assert len(said) == 1
    lines = str(said[0].message).splitlines()[1:]
    assert lines == [
        f"  {root}/trainannot/b.png: mask without a label (all of its pixels are ignored, {IGNORE} in the labels)",
        f"  {root}/train/a.png: training image that is also a test image (the same as {root}/test/d.png)",
    ]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        data_of(root)


def test_warnings_are_stored_in_the_manifest(root):
    write(root / "trainannot/b.png", np.full((3, 4), camvid.UNLABELLED))
    with pytest.warns(DataWarning, match="with 1 warning"):
        data_of(root)
    files = camvid.find(root)
    (warned,) = store.find(files.store, files.key)["warnings"]
    assert warned.startswith(f"{root}/trainannot/b.png: mask without a label")


def test_all_problems_are_raised_together_and_nothing_is_stored(root, cache):
    (root / "train/a.png").write_bytes(b"")
    write(root / "trainannot/b.png", np.full((3, 4), 12))
    (root / "test/d.png").unlink()
    for _ in range(2):
        with pytest.raises(DataError) as caught:
            data_of(root)
        assert [(Path(problem.path).name, problem.what) for problem in caught.value.problems] == [
            ("test", "empty folder"),
            ("a.png", "unreadable image"),
            ("b.png", "mask values that are no label"),
        ]
        assert stores(cache) == []


def test_stored_data_is_not_used_if_the_folder_has_a_new_problem(root):
    data_of(root)
    write(root / "trainannot/e.png", np.zeros((3, 4)))
    with pytest.raises(DataError, match=r"trainannot/e.png: mask without image"):
        data_of(root)


def test_interrupted_reading_stores_nothing(root, cache, monkeypatch):
    def interrupt(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(reading, "examine", interrupt)
    with pytest.raises(KeyboardInterrupt):
        data_of(root)
    assert stores(cache) == []


def test_files_that_change_while_they_are_read_do_not_pass_for_what_was_read(root, monkeypatch):
    original = reading.examine

    def examine_and_change(pairs, *rest):
        yield from original(pairs, *rest)
        change_a_pixel(root / "train/a.png", 99)

    monkeypatch.setattr(reading, "examine", examine_and_change)
    with pytest.raises(UsageError, match=r"The files in .*camvid changed while they were read. Run the same again."):
        data_of(root)
    monkeypatch.setattr(reading, "examine", original)
    assert data_of(root).train.images[0, 1, 1, 0] == 99


def test_a_damaged_store_is_read_again(root):
    before = data_of(root)
    for file in camvid.find(root).store.glob("train.*"):
        file.write_bytes(file.read_bytes()[:5])
        np.testing.assert_array_equal(data_of(root).train.images, before.train.images)
        np.testing.assert_array_equal(data_of(root).train.labels, before.train.labels)


@pytest.mark.parametrize("name", ["cache", "cache/data"])
def test_a_cache_that_cannot_be_written_is_named_with_the_way_out(root, tmp_path, name):
    (tmp_path / name).parent.mkdir(exist_ok=True)
    (tmp_path / name).write_text("a file where a folder should be")
    with pytest.raises(
        UsageError, match="Set SATKIT_CACHE to a folder with enough space that can be written."
    ) as caught:
        data_of(root)
    assert str(tmp_path / "cache" / "data") in str(caught.value)
    assert "4 bytes a pixel" in str(caught.value)


def test_a_full_disk_is_reported_and_leaves_no_files(root, cache, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(store.Writer, "add", full)
    with pytest.raises(UsageError, match="No space left on device"):
        data_of(root)
    assert stores(cache) == []


def test_scanning_without_a_folder_stores_nothing_and_counts_the_pairs(root, cache):
    scan = scan_files(camvid.find(root))
    assert (scan.problems, scan.pairs) == ([], 3)
    assert scan.seconds > 0
    assert not cache.exists()


def test_progress_is_reported_during_reading_and_not_at_the_end(root, monkeypatch):
    monkeypatch.setattr(reading, "FIRST_REPORT", 0.0)
    monkeypatch.setattr(reading, "REPORT_EVERY", 0.0)
    lines = []
    scan_files(camvid.find(root), report=lines.append)
    assert [line.split(", about")[0] for line in lines] == [
        f"Reading camvid for the first time: {count} of 3" for count in (1, 2)
    ]


def test_fast_reading_reports_no_progress(root, capsys):
    scan_files(camvid.find(root))
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("given", "got"), [("", "got none."), ("no/such/folder", "got 'no/such/folder', which is not a folder.")]
)
def test_without_its_folder_a_data_set_says_what_to_pass_and_where_to_get_it(given, got):
    with pytest.raises(UsageError) as caught:
        root_folder("CamVid", given, "  ROOT/train/", "https://example.org")
    first = (
        f"CamVid needs its folder, {got} Get the data from https://example.org, and pass its folder with --root ROOT:"
    )
    assert str(caught.value) == f"{first}\n  ROOT/train/"


def test_a_folder_may_begin_with_the_home_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "voc").mkdir()
    assert root_folder("VOC", "~/voc", "", "") == tmp_path / "voc"


def test_a_store_that_another_process_is_replacing_is_waited_for(root, monkeypatch):
    usual = store.keep

    def keep(filled, at, manifest):
        usual(filled, at, manifest)
        at.rename(at.with_name("aside"))
        threading.Timer(0.15, lambda: at.with_name("aside").rename(at)).start()

    monkeypatch.setattr(store, "keep", keep)
    assert len(data_of(root).train) == 2
