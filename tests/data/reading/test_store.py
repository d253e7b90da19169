import os
import time

import numpy as np
import pytest

from satkit.data.reading import store
from satkit.utils.files import read_json

RANDOM = np.random.default_rng(0)
EQUAL = [(4, 6)] * 3
RAGGED = [(4, 6), (2, 9), (5, 3)]


def arrays(sizes):
    """Random images and labels of these sizes, and which of three labels occur."""
    images = [RANDOM.integers(0, 256, (*size, 3), dtype=np.uint8) for size in sizes]
    labels = [RANDOM.integers(0, 3, size, dtype=np.uint8) for size in sizes]
    return images, labels, [np.bincount(label.ravel(), minlength=3) > 0 for label in labels]


def fill(folder, images, labels, present):
    with store.Writer(folder, "train") as writer:
        for row in zip(images, labels, present, strict=True):
            writer.add(*row)


def kept(at, sizes=RAGGED, key="a"):
    """A store with one split of these sizes; returns what was put into it."""
    content = arrays(sizes)
    filled = store.new_folder(at)
    fill(filled, *content)
    store.keep(filled, at, {"key": key})
    return content


def opened(at, count=3):
    return store.open_split(at, "train", tuple("abc"[:count]))


@pytest.fixture
def at(tmp_path):
    return tmp_path / "data" / "voc-1"


@pytest.mark.parametrize("sizes", [EQUAL, RAGGED, [(1, 1)]])
def test_stored_data_is_read_back_unchanged(at, sizes):
    images, labels, present = kept(at, sizes)
    split = store.open_split(at, "train", tuple("abc"[: len(sizes)]), ("ulm",) * len(sizes))
    for stored, expected in ((split.images, images), (split.labels, labels), (split.present, present)):
        assert len(stored) == len(sizes)
        for one, other in zip(stored, expected, strict=True):
            np.testing.assert_array_equal(one, other)
            assert one.dtype == other.dtype
    assert (split.names, split.domains) == (tuple("abc"[: len(sizes)]), ("ulm",) * len(sizes))


def test_images_of_one_size_are_an_array_and_those_of_several_a_list(at):
    kept(at, EQUAL)
    assert opened(at).images.shape == (3, 4, 6, 3)
    assert opened(at).labels.shape == (3, 4, 6)
    kept(at, RAGGED)
    assert [image.shape for image in opened(at).images] == [(4, 6, 3), (2, 9, 3), (5, 3, 3)]


@pytest.mark.parametrize("sizes", [EQUAL, RAGGED])
def test_nobody_can_write_into_a_store(at, sizes):
    kept(at, sizes)
    for array in (opened(at).images[0], opened(at).labels[1]):
        with pytest.raises(ValueError, match="read-only"):
            array[0, 0] = 0


def test_images_that_do_not_lie_in_one_piece_are_stored_as_they_look(at):
    images, labels, present = arrays([(6, 4)])
    filled = store.new_folder(at)
    fill(filled, [images[0].transpose(1, 0, 2)], [labels[0].T], present)
    store.keep(filled, at, {"key": "a"})
    np.testing.assert_array_equal(opened(at, 1).images[0], images[0].transpose(1, 0, 2))
    np.testing.assert_array_equal(opened(at, 1).labels[0], labels[0].T)


def test_a_store_is_found_by_its_key_only(at):
    assert store.find(at, "a") is None
    kept(at, key="a")
    assert store.find(at, "a") == {"key": "a", "version": store.VERSION}
    assert store.find(at, "b") is None


def test_a_store_of_another_version_counts_as_missing(at, monkeypatch):
    kept(at)
    monkeypatch.setattr(store, "VERSION", store.VERSION + 1)
    assert store.find(at, "a") is None


def test_a_garbled_manifest_counts_as_missing(at):
    kept(at)
    (at / "manifest.json").write_text('{"key": "a"')
    assert store.find(at, "a") is None


@pytest.mark.parametrize("name", ["images", "labels", "sizes.npy", "present.npy"])
@pytest.mark.parametrize("change", [lambda data: b"", lambda data: data[:-1], None])
def test_a_file_that_is_cut_off_or_gone_makes_the_split_missing(at, name, change):
    kept(at)
    file = at / f"train.{name}"
    file.write_bytes(change(file.read_bytes())) if change else file.unlink()
    assert opened(at) is None


def test_a_file_with_too_much_makes_the_split_missing(at):
    kept(at)
    with (at / "train.labels").open("ab") as file:
        file.write(b"\0")
    assert opened(at) is None


def test_another_number_of_names_makes_the_split_missing(at):
    kept(at)
    assert opened(at, 2) is None


def test_a_store_that_was_killed_half_way_is_not_found(at):
    filled = store.new_folder(at)
    fill(filled, *arrays(RAGGED))
    assert store.find(at, "a") is None
    assert opened(at) is None
    kept(at)
    assert opened(at) is not None
    assert filled.is_dir(), "it may belong to a process that still fills it"


def test_what_was_left_over_long_ago_is_removed(at):
    abandoned, young, touched = (store.new_folder(at) for _ in range(3))
    fill(touched, *arrays(RAGGED))
    long_ago = time.time() - 2 * store.ABANDONED
    for folder in (abandoned, touched):
        os.utime(folder, (long_ago, long_ago))
    store.new_folder(at)
    assert not abandoned.exists()
    assert young.is_dir()
    assert touched.is_dir(), "its files are young, so a process still fills it"


def test_folders_of_other_stores_are_left_alone(at):
    other = store.new_folder(at.with_name("voc-2"))
    os.utime(other, (0, 0))
    store.new_folder(at)
    assert other.is_dir()


def test_a_folder_that_another_process_moves_away_meanwhile_is_no_error(at, monkeypatch):
    other = store.new_folder(at)
    original = type(at).glob

    def glob_and_move(folder, pattern):
        found = list(original(folder, pattern))
        if other.exists():
            store.keep(other, at, {"key": "a"})
        return found

    monkeypatch.setattr(type(at), "glob", glob_and_move)
    assert store.new_folder(at).is_dir()


def test_storing_again_replaces_the_store(at):
    kept(at, EQUAL, key="a")
    images, _, _ = kept(at, RAGGED, key="b")
    assert (store.find(at, "a"), store.find(at, "b")["key"]) == (None, "b")
    np.testing.assert_array_equal(opened(at).images[1], images[1])
    assert [path.name for path in at.parent.iterdir()] == [at.name], "nothing is left beside it"


def test_the_faster_of_two_processes_writes_the_store_and_no_folder_remains(at, monkeypatch):
    slow = store.new_folder(at)
    fill(slow, *arrays(EQUAL))
    original = store.shutil.rmtree

    def remove_and_be_overtaken(folder, **options):
        original(folder, **options)
        monkeypatch.setattr(store.shutil, "rmtree", original)
        kept(at, RAGGED, key="a")

    monkeypatch.setattr(store.shutil, "rmtree", remove_and_be_overtaken)
    store.keep(slow, at, {"key": "a"})
    assert [image.shape for image in opened(at).images] == [(4, 6, 3), (2, 9, 3), (5, 3, 3)]
    assert not slow.exists()


def test_the_manifest_holds_what_it_is_given_and_the_version(at):
    filled = store.new_folder(at)
    store.keep(filled, at, {"key": "a", "fingerprint": "f", "warnings": ["w"]})
    expected = {"key": "a", "fingerprint": "f", "warnings": ["w"], "version": store.VERSION}
    assert read_json(at / "manifest.json") == expected


def test_maps_that_are_open_outlive_a_change_of_the_store(at):
    images, _, _ = kept(at, EQUAL)
    split = opened(at)
    kept(at, RAGGED)
    np.testing.assert_array_equal(split.images[2], images[2])


def test_the_cache_is_where_the_environment_says(monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    for value in ("", None):
        monkeypatch.setenv("SATKIT_CACHE", value) if value is not None else monkeypatch.delenv("SATKIT_CACHE")
        assert store.cache_folder() == tmp_path / ".cache" / "satkit"
    monkeypatch.setenv("SATKIT_CACHE", "~/elsewhere")
    assert store.cache_folder() == tmp_path / "elsewhere"
