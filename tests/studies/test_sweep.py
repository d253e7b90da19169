"""A sweep does what is left and nothing twice; what fails or is stopped is kept and told, and stops nothing else."""

import csv
import threading
import time
from concurrent.futures import Future, wait
from dataclasses import replace

import pytest
from sweeps import SIX, Threads, Told, swept

from satkit.studies.sweep import Sweep
from satkit.studies.sweep_run import DONE, FAILED, RUNNING, WAITING
from satkit.studies.sweep_workers import Workers
from satkit.utils.errors import UsageError
from satkit.utils.one_writer import RunBusy, only_writer


def states(sweep):
    return [run.state.state for run in sweep.runs]


class TestRuns:
    def test_there_is_a_folder_for_each_named_by_what_it_means(self, tmp_path):
        told = Told()
        one = Sweep(told, SIX, str(tmp_path))
        assert len({run.folder for run in one.runs}) == len(SIX)
        again = Sweep(told, SIX[::-1], str(tmp_path))
        assert {run.folder for run in again.runs} == {run.folder for run in one.runs}

    def test_parameters_that_mean_the_same_are_one_run(self, tmp_path):
        assert len(Sweep(Told(), [{}, {"seed": 0}, {"strategy": "sats"}], str(tmp_path)).runs) == 1

    def test_the_version_of_satkit_decides_too(self, tmp_path, monkeypatch):
        before = Sweep(Told(), [{}], str(tmp_path)).runs[0].folder
        monkeypatch.setattr("satkit.__version__", "99")
        assert Sweep(Told(), [{}], str(tmp_path)).runs[0].folder != before

    def test_a_sweep_without_a_name_is_named_by_its_runs(self, tmp_path, monkeypatch):
        monkeypatch.setenv("SATKIT_RUNS", str(tmp_path))
        one, same, other = (Sweep(Told(), grid).folder for grid in (SIX, SIX[::-1], SIX[:2]))
        assert one == same != other
        assert one.parent == tmp_path
        assert one.name.startswith("sweep-")

    def test_the_folder_of_a_study_is_refused(self, tmp_path):
        (tmp_path / "base").mkdir()
        (tmp_path / "base" / "config.json").write_text("{}")
        with pytest.raises(UsageError, match="is the folder of a study. Give the sweep another name"):
            Sweep(Told(), SIX, str(tmp_path))


class TestCarryingOut:
    def test_every_run_is_done_once_and_again_none(self, tmp_path, capsys):
        done, sweep = swept(tmp_path, told := Told())
        assert done
        assert told.runs == SIX
        assert swept(tmp_path, told)[0]
        assert told.runs == SIX
        said = capsys.readouterr()
        assert "6 runs, 6 to do" in said.out
        assert "6 runs, 0 to do" in said.out
        assert "[2/6] done: strategy sats, seed 1: took 0 s, mIoU 51.0 %" in said.err
        assert f"Table: {tmp_path / 'runs.csv'}" in said.out

    def test_a_run_that_fails_stops_no_other_and_is_listed_with_its_cell(self, tmp_path, capsys):
        done, sweep = swept(tmp_path, Told(fails={1}))
        assert not done
        assert states(sweep) == [DONE, FAILED, DONE] * 2
        said = capsys.readouterr().out
        assert "cell In [2] (1 / 0): ZeroDivisionError: division by zero." in said
        assert "4 of 6 runs done" in said
        assert "the same command with --retry-failed tries them again" in said

    def test_failed_runs_are_kept_and_tried_again_only_on_request(self, tmp_path):
        swept(tmp_path, Told(fails={1}))
        done, sweep = swept(tmp_path, told := Told())
        assert (done, told.runs) == (False, [])
        assert swept(tmp_path, told, retry_failed=True)[0]
        assert [run["seed"] for run in told.runs] == [1, 1]

    def test_a_run_that_was_stopped_is_not_called_failed_and_goes_on_the_next_time(self, tmp_path, capsys):
        done, sweep = swept(tmp_path, Told(stops={2}))
        assert not done
        assert states(sweep) == [DONE, DONE, WAITING] * 2
        assert "2 runs stopped before the end: the same command goes on." in capsys.readouterr().out
        assert swept(tmp_path, told := Told())[0]
        assert [run["seed"] for run in told.runs] == [2, 2]

    def test_a_larger_grid_in_the_same_folder_does_only_what_is_new(self, tmp_path):
        swept(tmp_path, told := Told(), SIX[:2])
        assert swept(tmp_path, told, SIX)[0]
        assert told.runs == SIX

    def test_two_sweeps_in_one_folder_are_refused(self, tmp_path):
        with only_writer(tmp_path), pytest.raises(RunBusy, match="Another process is writing into"):
            swept(tmp_path, Told())

    def test_the_file_of_results_has_a_line_for_every_run(self, tmp_path):
        swept(tmp_path, Told(fails={1}))
        with (tmp_path / "runs.csv").open(newline="") as file:
            rows = list(csv.DictReader(file))
        assert [(row["strategy"], row["seed"], row["state"], row["all"]) for row in rows[:2]] == [
            ("sats", "0", "done", "0.5"),
            ("sats", "1", "failed", ""),
        ]
        assert "ZeroDivisionError" in rows[1]["error"]

    def test_means_over_seeds_stand_below_the_runs(self, tmp_path, capsys):
        swept(tmp_path, Told())
        said = " ".join(capsys.readouterr().out.split())
        assert "sats 3 25.0 ± 0.0 51.0 ± 2.5" in said
        assert "95 % interval" in said


class TestBaseSteps:
    def test_runs_with_the_same_base_step_wait_until_one_has_trained_it(self, tmp_path):
        given = []

        class Slow(Workers):
            def submit(self, run, stop, retry_failed=False):
                given.append((run.values["strategy"], run.values["seed"]))
                future = Future()
                threading.Timer(0.2, lambda: self._end(run, future)).start()
                return future

            def _end(self, run, future):
                run.target.carry_out(run.values, run.out, run.folder)
                run.write(replace(run.new, state=DONE))
                future.set_result(0)

        sweep = Sweep(told := Told(bases=tmp_path / "bases"), SIX, str(tmp_path / "sweep"))
        assert sweep.carry_out(Slow(None, {}, 4))
        assert given[:2] == [("sats", 0), ("mib", 0)]  # although four may be at work
        assert len(told.runs) == 6

    def test_those_whose_base_step_is_there_wait_for_nobody(self, tmp_path):
        swept(tmp_path / "sweep", Told(bases=tmp_path / "bases"))
        done, _ = swept(tmp_path / "other", told := Told(bases=tmp_path / "bases"), jobs=3)
        assert done
        assert len(told.runs) == 6


class TestStopping:
    def test_ctrl_c_tells_those_at_work_and_waits_for_them(self, tmp_path, monkeypatch):
        told_to_stop = []

        class Working(Workers):
            def submit(self, run, stop, retry_failed=False):
                future, held = Future(), threading.Event()
                future.set_running_or_notify_cancel()
                threading.Thread(target=self._work, args=(run, stop, future, held)).start()
                assert held.wait(10)
                return future

            def _work(self, run, stop, future, held):
                with only_writer(run.folder):
                    run.write(replace(run.new, state=RUNNING))
                    held.set()
                    while not stop.exists():
                        time.sleep(0.01)
                    told_to_stop.append(run.values["seed"])
                    run.write(run.new)
                future.set_result(143)

        def interrupted(*_):
            monkeypatch.setattr("satkit.studies.sweep.wait", wait)
            raise KeyboardInterrupt

        monkeypatch.setattr("satkit.studies.sweep.wait", interrupted)
        sweep = Sweep(Told(), SIX, str(tmp_path))
        monkeypatch.setattr("satkit.studies.sweep.LOOK_SECONDS", 0.01)
        with pytest.raises(KeyboardInterrupt):
            sweep.carry_out(Working(None, {}, 2))
        assert sorted(told_to_stop) == [0, 1]
        assert set(states(sweep)) == {WAITING}
        assert not list(tmp_path.glob(".stop*"))
        monkeypatch.undo()
        assert sweep.carry_out(Threads())


class TestWhatNobodyTold:
    def ended(self, tmp_path, future):
        class Ended(Workers):
            def submit(self, run, stop, retry_failed=False):
                run.folder.mkdir(exist_ok=True)
                (run.folder / "run.log").write_text("Loading ...\nsatkit: The disk is full.\nTook 1 s.\n")
                return future

        sweep = Sweep(Told(), SIX[:1], str(tmp_path))
        assert not sweep.carry_out(Ended(None, {}, 1))
        return sweep.runs[0].state

    def test_a_process_that_was_killed_leaves_a_failed_run_with_the_last_it_said(self, tmp_path):
        future = Future()
        future.set_result(-9)
        state = self.ended(tmp_path, future)
        assert (state.state, state.error) == (FAILED, "Its process ended with exit code -9. The disk is full.")

    def test_what_a_worker_raises_is_the_reason(self, tmp_path):
        future = Future()
        future.set_exception(OSError("no python here"))
        assert self.ended(tmp_path, future).error == "It could not be started (OSError: no python here)."

    def test_a_run_that_a_scheduler_drops_has_failed(self, tmp_path):
        future = Future()
        future.cancel()
        future.set_running_or_notify_cancel()
        assert "the scheduler has dropped it" in self.ended(tmp_path, future).error
