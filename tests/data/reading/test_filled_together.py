"""Processes that fill one empty cache at the same time leave what one alone leaves, and read the same.

The full form has ten pairs for each kind of cache: `pytest -m full tests/data/reading/test_filled_together.py`.
"""

import os
import sys

import numpy as np
import pytest
import together
from PIL import Image

pytestmark = [pytest.mark.slow, pytest.mark.skipif(os.name == "nt", reason="processes are forked, as on POSIX")]


@pytest.fixture(autouse=True)
def _paths_of_the_server(monkeypatch):
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(path for path in sys.path if path))


def pictures(folder):
    """A data set of one's own: twelve images of noise with masks of three classes."""
    random = np.random.default_rng(0)
    for number in range(12):
        for name, shape, most in (("images", (24, 24, 3), 256), ("masks", (24, 24), 4)):
            (folder / name).mkdir(parents=True, exist_ok=True)
            Image.fromarray(random.integers(0, most, shape, dtype=np.uint8)).save(folder / name / f"{number}.png")
    return folder


def content(cache):
    """Every file of a cache, by its place in it."""
    return {str(path.relative_to(cache)): path.read_bytes() for path in cache.rglob("*") if path.is_file()}


def compare(folder, fill, *given, pairs):
    """Let pairs of processes fill empty caches, and compare each with that of a lone process."""
    (alone,) = together.together(fill, folder / "alone", *given, processes=1)
    expected = content(folder / "alone")
    assert alone.said == ""
    for number in range(pairs):
        cache = folder / f"cache{number}"
        found = together.together(fill, cache, *given)
        assert found == [alone, alone]
        assert content(cache) == expected
        assert not list(cache.rglob("*.tmp-*"))


@pytest.mark.parametrize("pairs", [2, pytest.param(10, marks=pytest.mark.full)])
def test_pairs_that_draw_scenes_leave_one_whole_file(tmp_path, pairs):
    compare(tmp_path, together.fill_drawn, pairs=pairs)


@pytest.mark.parametrize("pairs", [2, pytest.param(10, marks=pytest.mark.full)])
def test_pairs_that_decode_a_folder_leave_one_whole_store(tmp_path, pairs):
    compare(tmp_path, together.fill_folder, pictures(tmp_path / "data"), pairs=pairs)


def test_a_file_that_is_written_in_place_would_be_noticed(tmp_path):
    """The control: the other process reads what is half written, and says so."""
    found = together.together(together.fill_drawn, tmp_path, False, apart=together.HALF_WRITTEN / 2)
    assert any("are damaged; drawing them again" in each.said for each in found)
