"""A run continues the configuration it holds, refuses any other, and is written by one process at a time."""

import json
import os
import subprocess
import sys
import threading
from contextlib import contextmanager
from pathlib import Path

import pytest
import torch
from run_files import CONFIG, changed, everything_in, finish_step

import satkit
from satkit.experiments.in_progress import newest_checkpoint, save_checkpoint
from satkit.experiments.run_folder import Run
from satkit.utils.errors import UsageError
from satkit.utils.one_writer import RunBusy


class TestConfiguration:
    def test_a_new_run_writes_its_configuration(self, tmp_path):
        run = Run.create(tmp_path / "study" / "sats", CONFIG)
        assert json.loads((tmp_path / "study" / "sats" / "config.json").read_text()).items() >= run.config.items()
        assert run.config == {**CONFIG, "order": [1, 2, 3]}
        assert run.name == "sats"

    def test_the_same_configuration_continues_the_run(self, tmp_path):
        finish_step(Run.create(tmp_path, CONFIG), 0)
        before = everything_in(tmp_path)
        run = Run.create(tmp_path, CONFIG)
        assert run.steps_done() == 1
        assert {path: before.get(path, data) for path, data in everything_in(tmp_path).items()} == everything_in(
            tmp_path
        )

    def test_another_machine_continues_the_run_and_leaves_the_first_ones_record(self, tmp_path):
        Run.create(tmp_path, CONFIG)
        run = Run.create(tmp_path, changed(machine={"torch": "2.14.0", "threads": 64}))
        assert run.config["machine"] == CONFIG["machine"]

    @pytest.mark.parametrize(
        ("asked", "said"),
        [
            (changed(seed=1), r"seed: 0 there, 1 asked for"),
            (changed(order=(2, 1, 3)), r"order: \[1, 2, 3\] there, \[2, 1, 3\] asked for"),
            (
                changed(strategy={**CONFIG["strategy"], "name": "MiB"}),
                r"strategy\.name: 'SATS' there, 'MiB' asked for",
            ),
            (changed(backbone="mit_b2"), r"backbone: None there, 'mit_b2' asked for"),
            ({key: CONFIG[key] for key in CONFIG if key != "data"}, r"data: 'scenes' there, None asked for"),
        ],
    )
    def test_another_configuration_is_refused_and_nothing_is_overwritten(self, tmp_path, asked, said):
        finish_step(Run.create(tmp_path, CONFIG), 0)
        before = everything_in(tmp_path)
        with pytest.raises(UsageError, match=said) as caught:
            Run.create(tmp_path, asked)
        assert str(tmp_path) in str(caught.value)
        after = everything_in(tmp_path)
        assert {path: data for path, data in after.items() if path in before} == before

    def test_a_folder_without_a_run_is_named(self, tmp_path):
        with pytest.raises(UsageError, match=r"no run in .*nothing: config\.json is missing"):
            Run.open(tmp_path / "nothing")


ENDED = 2**22 + 1  # no process has a number as high


class TestTemporaries:
    def leftover(self, run):
        folder = run.step_folder(1)
        folder.mkdir(parents=True)
        stale = [run.folder / f"history.csv.tmp-{ENDED}-abc", folder / f"model.safetensors.tmp-{ENDED}-abc"]
        for path in stale:
            path.write_text("half")
        return stale

    def test_what_a_killed_process_left_behind_is_removed_on_opening(self, tmp_path):
        run = Run.create(tmp_path, CONFIG)
        finish_step(run, 0)
        stale = self.leftover(run)
        kept = [path for path in everything_in(tmp_path) if path not in stale]
        Run.open(tmp_path)
        assert not any(path.exists() for path in stale)
        assert all(path.exists() for path in kept)

    def test_a_checkpoint_of_a_finished_step_is_removed_and_one_of_an_unfinished_step_is_kept(self, tmp_path):
        run = Run.create(tmp_path, CONFIG)
        finish_step(run, 0)
        for step in (0, 1):  # the process was killed before it had removed the first
            save_checkpoint(run, step, {"iteration": torch.tensor(3)}, [], torch.device("cpu"))
        Run.open(tmp_path)
        assert newest_checkpoint(run, 0) is None
        assert newest_checkpoint(run, 1).iteration == 3

    def test_opening_a_run_to_look_at_it_leaves_the_files_of_a_writing_process_alone(self, tmp_path):
        run = Run.create(tmp_path, CONFIG)
        with run.writing():
            being_written = self.leftover(run)
            Run.open(tmp_path)
            assert all(path.exists() for path in being_written)


HOLD = """
import sys
from satkit.utils.files import try_lock
with open(sys.argv[1], "a+") as lock:
    assert try_lock(lock)
    print("writing", flush=True)
    sys.stdin.read()
"""


@contextmanager
def another_process_writing(folder):
    command = [sys.executable, "-c", HOLD, str(folder / ".lock")]
    environment = {**os.environ, "PYTHONPATH": str(Path(satkit.__file__).parents[1])}
    pipes = dict(stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment)
    with subprocess.Popen(command, **pipes) as holder:
        assert holder.stdout.readline() == "writing\n"
        yield holder
        holder.kill()


def test_only_one_process_writes_into_a_run_until_it_ends(tmp_path):
    run = Run.create(tmp_path, CONFIG)
    with another_process_writing(tmp_path) as holder:
        with (
            pytest.raises(RunBusy, match="Another process is writing into"),
            run.writing(patience=0),
        ):
            pytest.fail("Nobody may write now.")
        assert Run.open(tmp_path).steps_done() == 0  # looking is always possible
        threading.Timer(0.3, holder.kill).start()
        with run.writing(patience=60):  # waits for the other to end, however it ends
            assert holder.wait(timeout=60) != 0


def test_a_file_that_another_process_writes_without_the_lock_stays_until_it_has_ended_or_let_it_lie(tmp_path):
    run = Run.create(tmp_path / "run", CONFIG)
    with another_process_writing(tmp_path) as holder:  # as one that makes the same run at the same time
        being_written = run.folder / f"config.json.tmp-{holder.pid}-abcdef"
        being_written.write_text("half")
        Run.open(run.folder)
        assert being_written.exists()
        os.utime(being_written, (0, 0))
        Run.open(run.folder)
        assert not being_written.exists()
        being_written.write_text("half")
    Run.open(run.folder)
    assert not being_written.exists()
