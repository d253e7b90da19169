"""Drawn data is drawn once and then read; a damaged file is found; what is out of range is refused in one sentence."""

from pathlib import Path

import numpy as np
import pytest

from satkit.data import IGNORE
from satkit.data.datasets.drawn import DrawnData
from satkit.data.reading.store import cache_folder
from satkit.utils.errors import UsageError

SMALL = {"size": 32, "train_images": 3, "test_images": 2, "seed": 0}


def draw(split, index, size, seed):
    """A flat image whose level says what was asked for, with one labelled column beside an ignored one."""
    labels = np.zeros((size, size), dtype=np.uint8)
    labels[:, 0], labels[:, 1] = 1 + index % 2, IGNORE
    return np.full((size, size, 3), 100 * (split == "test") + 10 * index + seed, dtype=np.uint8), labels


def never(*asked):
    raise AssertionError("drawn again")


def data(draw=draw, version="1"):
    return DrawnData("tiles", ("background", "a", "b"), draw, version)


def load(source=None, **options):
    return (source or data()).load("", **SMALL | options)


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("SATKIT_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def cache_file(source=None, **options):
    return cache_folder() / (source or data()).cache_name(**SMALL | options)


def test_the_contract_holds():
    loaded = load(train_images=4)
    assert (loaded.name, loaded.class_names) == ("tiles", ("background", "a", "b"))
    assert [image[0, 0, 0] for image in loaded.train.images] == [0, 10, 20, 30]
    assert [image[0, 0, 0] for image in loaded.test.images] == [100, 110]
    assert loaded.train.present.tolist() == [[True, True, False], [True, False, True]] * 2
    assert len(set(loaded.train.names + loaded.test.names)) == 6


def test_the_images_of_a_split_can_be_drawn_without_storing_them(cache):
    images, labels = data().first("test", 2, 32, 5)
    assert images[:, 0, 0, 0].tolist() == [105, 115]
    assert labels.shape == (2, 32, 32)
    assert not cache.exists()


def test_the_fingerprint_is_that_of_the_content():
    assert load().fingerprint == load(data(version="2")).fingerprint
    assert len({load(**option).fingerprint for option in ({}, {"seed": 1}, {"size": 33}, {"train_images": 4})}) == 4


def test_images_are_drawn_once_and_then_read():
    drawn = load()
    read = load(data(never))
    assert read.fingerprint == drawn.fingerprint
    np.testing.assert_array_equal(read.train.images, drawn.train.images)
    np.testing.assert_array_equal(read.test.labels, drawn.test.labels)
    assert read.train.images.flags.writeable


def test_every_parameter_has_its_own_cache_file():
    options = [{}, {"size": 33}, {"train_images": 4}, {"test_images": 3}, {"seed": 1}]
    files = {cache_file(**option) for option in options} | {cache_file(data(version="2"))}
    assert len(files) == len(options) + 1


@pytest.mark.parametrize("place", [0, 10, 64, 5000, -1])
def test_one_changed_byte_in_the_cache_is_found_and_the_images_are_drawn_again(place):
    good = load()
    content = bytearray(cache_file().read_bytes())
    content[place] ^= 1
    cache_file().write_bytes(content)
    with pytest.warns(UserWarning, match=r"The images of the tiles stored in .* are damaged; drawing them again"):
        assert load().fingerprint == good.fingerprint
    assert load(data(never)).fingerprint == good.fingerprint


@pytest.mark.parametrize("length", [0, 30, 64, 3000])
def test_a_truncated_cache_is_found_and_written_anew(length):
    good = load()
    whole = cache_file().read_bytes()
    cache_file().write_bytes(whole[:length])
    with pytest.warns(UserWarning, match="are damaged"):
        assert load().fingerprint == good.fingerprint
    assert cache_file().read_bytes() == whole


def test_a_cache_that_cannot_be_read_warns_and_the_images_are_drawn():
    cache_file().mkdir(parents=True)
    with pytest.warns(UserWarning, match="cannot be read"), pytest.warns(UserWarning, match="could not be stored"):
        assert len(load().train) == 3


def test_a_cache_that_cannot_be_written_only_warns(cache):
    cache.write_text("a file where the folder should be")
    with pytest.warns(UserWarning, match="could not be stored .* Set SATKIT_CACHE to a folder that can be written"):
        assert len(load().train) == 3


def test_only_the_complete_cache_file_remains(cache):
    load()
    assert list(cache.iterdir()) == [cache_file()]


def test_the_cache_is_in_the_home_folder_by_default(monkeypatch, tmp_path):
    monkeypatch.delenv("SATKIT_CACHE")
    monkeypatch.setattr(Path, "home", lambda: tmp_path)
    assert cache_folder() == tmp_path / ".cache" / "satkit"


def test_a_root_is_refused():
    with pytest.raises(UsageError, match="The images of the tiles are drawn and need no folder, got root 'somewhere'"):
        data().load("somewhere", **SMALL)


@pytest.mark.parametrize(
    "wrong", [{"size": 31}, {"train_images": 0}, {"train_images": True}, {"test_images": 2.5}, {"seed": -1}]
)
def test_impossible_sizes_are_refused(wrong):
    name, value = next(iter(wrong.items()))
    with pytest.raises(UsageError, match=f"{name} of the tiles must be a whole number from .*, got {value}. Choose"):
        load(**wrong)
