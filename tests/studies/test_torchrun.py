"""A study whose runs are trained by several processes first: which are started, and what becomes of one that fails."""

import os
import shutil
import sys

import pytest
from tiny import SETTINGS

from satkit.experiments.study_folder import StudyFolder, silent
from satkit.studies import torchrun
from satkit.studies.torchrun import TrainingFailed, train_by_several
from satkit.utils.errors import UsageError


@pytest.fixture
def started(tmp_path, monkeypatch):
    """Stands for the interpreter; notes its words and its session, and ends well. Gives what was noted, by line."""
    script, seen = tmp_path / "python", tmp_path / "seen"
    words = "os.getsid(0), os.environ['OMP_NUM_THREADS'], *sys.argv[1:]"
    script.write_text(f"#!{sys.executable}\nimport os, sys\nprint({words}, file=open({str(seen)!r}, 'a'))\n")
    script.chmod(0o755)
    monkeypatch.setattr("satkit.utils.assets.sys.executable", str(script))
    return lambda: seen.read_text().splitlines() if seen.exists() else []


@pytest.mark.skipif(os.name != "posix", reason="a script that stands for the interpreter")
@pytest.mark.usefixtures("tiny")
class TestStarting:
    def test_every_strategy_is_trained_by_so_many_processes_that_a_terminal_does_not_reach(self, tmp_path, started):
        study = StudyFolder(tmp_path / "s", SETTINGS)
        train_by_several(study, ("sats", "joint"), 2)
        first, second = started()
        session, threads, *words = first.split()
        assert int(session) != os.getsid(0)
        assert int(threads) == max(1, (os.cpu_count() or 1) // 2)
        assert " ".join(words).startswith("-P -m torch.distributed.run --standalone --nproc-per-node 2 -m satkit train")
        assert first.endswith(f"--study {study.folder} --strategy sats")
        assert second.endswith("--strategy joint")

    def test_what_is_trained_already_is_not_trained_again(self, tmp_path, started):
        study = StudyFolder(tmp_path / "s", SETTINGS)
        study.trained("fine-tuning", report=silent)
        train_by_several(study, ("fine-tuning",), 2)
        assert started() == []

    def test_one_process_is_left_to_the_notebooks(self, tmp_path, started):
        train_by_several(StudyFolder(tmp_path / "s", SETTINGS), ("sats",), 1)
        assert started() == []
        assert not (tmp_path / "s").exists()

    def test_names_are_checked_before_anything_is_trained(self, tmp_path, started):
        with pytest.raises(UsageError, match="Unknown strategy 'stas'"):
            train_by_several(StudyFolder(tmp_path / "s", SETTINGS), ("sats", "stas"), 2)
        assert started() == []


@pytest.mark.usefixtures("tiny")
def test_a_training_that_fails_stops_the_study(tmp_path, monkeypatch):
    monkeypatch.setattr(torchrun, "python_command", lambda *_: [shutil.which("false")])
    with pytest.raises(TrainingFailed, match="The training of SATS by 2 processes did not end well; the reason stands"):
        train_by_several(StudyFolder(tmp_path / "s", SETTINGS), ("sats", "joint"), 2)


def test_less_than_one_process_is_refused(tmp_path):
    with pytest.raises(UsageError, match="--nproc must be 1 or more processes, got 0"):
        train_by_several(StudyFolder(tmp_path / "s", SETTINGS), ("sats",), 0)
