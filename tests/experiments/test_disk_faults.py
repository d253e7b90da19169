"""A disk that fails is told in one sentence that names the file; what was there is kept, and then all goes on."""

import errno
import shutil
from contextlib import nullcontext

import kill_harness
import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch
from disk_faults import failing
from run_files import everything_in
from study_files import RESULT, WORDS
from tiny import TINY
from tiny_studies import Interrupted, opened, same_outcome

from satkit.cli.parser import guarded
from satkit.data.datasets.drawn import DrawnData
from satkit.experiments import checkpoints
from satkit.experiments.presets import PRESETS
from satkit.studies.report import write_report
from satkit.studies.saved_figures import keep_figure, kept_figures
from satkit.utils import csv_files, files
from satkit.utils.files import load_tensors, naming, read_json, save_tensors, sha256_of
from satkit.utils.sealed_json import read_sealed, write_sealed

pytestmark = pytest.mark.usefixtures("tiny_preset")


def said_in_one_sentence(capsys, action, file):
    """Whether an action ends with code 2 and one line that names a file, and not a temporary one."""
    code, error = guarded(action), capsys.readouterr().err
    assert code == 2
    assert error.startswith("satkit: ")
    assert error.count("\n") == 1
    assert file in error
    assert ".tmp-" not in error
    return True


def in_place_of(path, files):
    """A checkpoint as it is kept while the next one is written."""
    return files.get(path.with_name("checkpoint-before.safetensors")) if path.stem == "checkpoint" else None


class TestOfARun:
    """A base step that goes on from its checkpoint and meets the fault."""

    FAULTS = (
        ("write", "checkpoint.safetensors", errno.ENOSPC),
        ("rename", "checkpoint.safetensors", errno.EROFS),
        ("read", "checkpoint.safetensors", errno.EIO),
        ("write", "history.csv", errno.EDQUOT),
        ("fsync", "model.safetensors", errno.EIO),
        ("write", "confusion.npy", errno.EFBIG),
        ("rename", "manifest.json", errno.EROFS),
        ("read", "config.json", errno.EIO),
        ("rename", "metrics.json", errno.EDQUOT),
    )

    @pytest.fixture(autouse=True)
    def _checkpoint_at_every_iteration(self, monkeypatch):
        monkeypatch.setattr(checkpoints, "CHECKPOINT_SECONDS", -1.0)

    @pytest.fixture(scope="class")
    def stopped(self, tmp_path_factory, undisturbed):
        """A base step after two iterations."""
        folder = tmp_path_factory.mktemp("stopped")

        def stop(iteration):
            if iteration.number == 2:
                raise Interrupted

        with pytest.MonkeyPatch.context() as patch:
            patch.setitem(PRESETS["scenes"], "tiny", TINY)
            patch.setattr(checkpoints, "CHECKPOINT_SECONDS", -1.0)
            with pytest.raises(Interrupted):
                opened(folder).learn(0, stop)
        return folder

    def go_on(self, folder):
        opened(folder).learn(0, lambda iteration: None)
        return 0

    @pytest.mark.parametrize(("operation", "name", "number"), FAULTS)
    def test_it_is_told_and_the_run_goes_on(self, stopped, undisturbed, tmp_path, capsys, operation, name, number):
        folder = shutil.copytree(stopped, tmp_path / "study")
        before = {path: path.read_bytes() for path in folder.rglob(name)}
        with failing(folder, operation, name, number) as hits:
            assert said_in_one_sentence(capsys, lambda: self.go_on(folder), name)
        assert hits
        after = everything_in(folder)
        assert all(after.get(path) == data or in_place_of(path, after) == data for path, data in before.items())
        assert kill_harness.problems(folder) == []
        assert not list(folder.rglob("*.tmp-*"))
        assert guarded(lambda: self.go_on(folder)) == 0
        assert same_outcome(opened(folder).run, undisturbed[0])
        assert kill_harness.leftovers(folder) == []

    def test_a_folder_that_cannot_be_made_is_named(self, undisturbed, tmp_path, capsys):
        with failing(tmp_path, "mkdir", "steps", errno.ENOSPC) as hits:
            assert said_in_one_sentence(capsys, lambda: self.go_on(tmp_path), "steps cannot be written, because the")
        assert hits
        assert guarded(lambda: self.go_on(tmp_path)) == 0
        assert same_outcome(opened(tmp_path).run, undisturbed[0])

    @pytest.mark.parametrize("whole", [True, False])
    def test_written_in_place_the_file_that_was_there_would_be_lost(self, stopped, tmp_path, monkeypatch, whole):
        """The control: the comparison does see a file that is half written."""
        folder = shutil.copytree(stopped, tmp_path / "study")
        path = folder / "base" / "steps" / "0" / "history.csv"
        before = path.read_bytes()
        for module in () if whole else (files, csv_files):
            monkeypatch.setattr(module, "replacing", nullcontext)
        with failing(folder, "write", "history.csv", errno.ENOSPC):
            assert guarded(lambda: self.go_on(folder)) == 2
        assert (path.read_bytes() == before) == whole


def rows(folder):
    write_sealed(folder / "measures.json", {"strategy": "sats", "new": 0.5})
    return 0


def report(folder):
    write_sealed(folder / "result.json", RESULT)
    write_report(folder)
    return 0


def figure(folder):
    drawn = plt.figure(figsize=(0.2, 0.2))
    keep_figure(drawn, folder, "10-scores", **WORDS)
    plt.close(drawn)
    return 0


class TestOfAStudy:
    """A file of a study that is there already and is written again."""

    @pytest.mark.parametrize(
        ("write", "name", "operation", "number"),
        [
            (rows, "measures.json", "write", errno.ENOSPC),
            (rows, "measures.json", "rename", errno.EIO),
            (report, "report.html", "write", errno.EIO),
            (report, "result.json", "read", errno.EIO),
            (figure, "10-scores.png", "fsync", errno.ENOSPC),
            (figure, "10-scores.json", "write", errno.EFBIG),
        ],
    )
    def test_it_is_told_and_the_file_stays(self, tmp_path, capsys, write, name, operation, number):
        assert write(tmp_path) == 0
        before = everything_in(tmp_path)
        with failing(tmp_path, operation, name, number) as hits:
            assert said_in_one_sentence(capsys, lambda: write(tmp_path), name)
        assert hits
        assert everything_in(tmp_path) == before
        assert guarded(lambda: write(tmp_path)) == 0

    def test_the_files_of_the_other_tests_are_read_after_a_fault(self, tmp_path, capsys):
        rows(tmp_path), figure(tmp_path)
        with failing(tmp_path, "write", "measures.json", errno.ENOSPC):
            guarded(lambda: rows(tmp_path))
        assert read_sealed(tmp_path / "measures.json", "") == {"strategy": "sats", "new": 0.5}
        assert len(kept_figures(tmp_path)) == 1


class TestOfTheCache:
    """Drawn images need no cache, so that a fault there is a note, and not an end."""

    SMALL = (32, 3, 2, 0)  # size, images for training and test, seed

    def tiles(self):
        def draw(split, index, size, seed):
            return np.full((size, size, 3), index, dtype=np.uint8), np.full((size, size), index % 2, dtype=np.uint8)

        return DrawnData("tiles", ("background", "a"), draw, "1")

    @pytest.mark.parametrize(("operation", "number"), [("write", errno.ENOSPC), ("rename", errno.EDQUOT)])
    def test_images_that_cannot_be_stored_are_drawn(self, tmp_path, monkeypatch, operation, number):
        monkeypatch.setenv("SATKIT_CACHE", str(tmp_path))
        tiles = self.tiles()
        with (
            failing(tmp_path, operation, tiles.cache_name(*self.SMALL), number) as hits,
            pytest.warns(UserWarning, match="could not be stored"),
        ):
            drawn = tiles.load("", *self.SMALL)
        assert hits
        assert list(tmp_path.iterdir()) == []
        assert tiles.load("", *self.SMALL).fingerprint == drawn.fingerprint
        assert len(list(tmp_path.iterdir())) == 1


@pytest.mark.parametrize("read", [load_tensors, read_json, sha256_of])
def test_a_file_that_the_disk_does_not_give_is_named_and_not_taken_for_damaged(tmp_path, read):
    path = tmp_path / "a.safetensors"
    save_tensors(path, {"weight": torch.ones(2)}, {})
    with failing(tmp_path, "read", path.name, errno.EIO), pytest.raises(OSError, match="a.safetensors") as caught:
        read(path)
    assert (caught.value.errno, caught.value.filename) == (errno.EIO, str(path))


def test_an_error_that_knows_its_file_or_is_none_of_the_disk_stays_as_it_is(tmp_path):
    for error in (OSError(errno.EIO, "x", "other"), OSError("a picture that is none")):
        with pytest.raises(OSError) as caught, naming(tmp_path):
            raise error
        assert caught.value.filename in ("other", None)
