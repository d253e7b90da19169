"""The state of a run: kept in its folder whatever happens, read by others, and words that make the run again."""

import json
from dataclasses import replace

import pytest
from sweeps import CellFailed, Told

from satkit.notebooks.parameters import Parameter, read_assignments
from satkit.studies.sweep_run import (
    DONE,
    FAILED,
    FILE,
    RUNNING,
    WAITING,
    RunFailed,
    SweepRun,
    _progress_in,
    as_text,
    at_work,
    carry_out,
    is_sweep,
    read_state,
    runs_in,
)
from satkit.utils.errors import UsageError
from satkit.utils.one_writer import only_writer


def run_of(folder, told=None, **values):
    return SweepRun(told or Told(), values, folder)


def test_a_run_is_waiting_then_done_with_its_scores(tmp_path):
    run = run_of(tmp_path, seed=3)
    assert run.state.state == WAITING
    state = carry_out(run)
    assert state == run.state == read_state(run.folder)
    assert (state.state, state.scores["all"], state.values) == (DONE, 0.53, {"strategy": "sats", "seed": 3})
    assert state.machine
    assert state.began
    assert carry_out(run) == state
    assert len(run.target.runs) == 1


def test_while_it_is_at_work_others_see_it_running_and_after_a_kill_they_do_not(tmp_path):
    seen = []

    class Watched(Told):
        def carry_out(self, values, out, folder):
            seen.append((run.state.state, at_work(run.folder, run.state)))
            return {}

    run = run_of(tmp_path, Watched())
    carry_out(run)
    assert seen == [(RUNNING, True)]
    run.write(replace(run.new, state=RUNNING))  # as a process leaves it that was killed
    assert not at_work(run.folder, run.state)
    assert carry_out(run).state == DONE


def test_a_failure_keeps_its_cell_and_is_tried_again_only_on_request(tmp_path):
    run = run_of(tmp_path, told := Told(fails={0}))
    with pytest.raises(CellFailed):
        carry_out(run)
    state = run.state
    assert (state.state, state.cell, state.source) == (FAILED, 2, "1 / 0")
    assert state.why == "cell In [2] (1 / 0): ZeroDivisionError: division by zero."
    told.fails.clear()
    with pytest.raises(RunFailed, match=r"has failed before: cell In \[2\] .* Add --retry-failed to try again"):
        carry_out(run)
    assert carry_out(run, retry_failed=True).state == DONE


def test_an_error_without_a_cell_is_kept_with_its_kind_and_a_sentence_as_it_is(tmp_path):
    for error, said in ((ValueError("odd\nvalue"), "ValueError: odd value."), (UsageError("Choose."), "Choose.")):

        class Broken(Told):
            def carry_out(self, values, out, folder, error=error):
                raise error

        run = run_of(tmp_path / said, Broken())
        with pytest.raises(ValueError):
            carry_out(run)
        assert run.state.error == said


def test_a_run_that_is_interrupted_waits_again(tmp_path):
    run = run_of(tmp_path, Told(stops={0}))
    with pytest.raises(KeyboardInterrupt):
        carry_out(run)
    assert run.state.state == WAITING


def test_runs_in_threads_of_one_process_may_end_in_any_order(tmp_path, monkeypatch):
    monkeypatch.delenv("SATKIT_PROGRESS", raising=False)
    one, other = (_progress_in(tmp_path / name) for name in ("one.json", "other.json"))
    for begins in (one, other):
        begins.__enter__()
    for ends in (one, other):
        ends.__exit__(None, None, None)


def test_who_finds_a_run_held_takes_what_the_other_has_done(tmp_path):
    run, told = run_of(tmp_path), Told()
    with only_writer(run.folder):
        run.write(replace(run.new, state=DONE))
    assert carry_out(run_of(tmp_path, told)).state == DONE
    assert told.runs == []


def test_a_damaged_state_is_said_and_the_run_is_carried_out_again(tmp_path):
    run = run_of(tmp_path)
    carry_out(run)
    (run.folder / FILE).write_text("{}")
    with pytest.warns(UserWarning, match="is damaged.* Its run is carried out again"):
        assert carry_out(run).state == DONE
    assert len(run.target.runs) == 2


def test_a_file_that_holds_something_else_is_refused(tmp_path):
    run = run_of(tmp_path)
    carry_out(run)
    values = json.loads((run.folder / FILE).read_text())
    from satkit.utils.sealed_json import write_sealed

    write_sealed(run.folder / FILE, {**{k: v for k, v in values.items() if k != "sha256"}, "seconds": "long"})
    with pytest.raises(UsageError, match="seconds in .* must be"):
        read_state(run.folder)


def test_the_words_of_a_run_are_read_as_its_parameters(tmp_path):
    declared = {
        "a": Parameter("a", "float", 0.0, ""),
        "b": Parameter("b", "bool", True, ""),
        "c": Parameter("c", "dict", {}, ""),
        "order": Parameter("order", "list", [], ""),
        "d": Parameter("d", "str", "", ""),
    }
    values = {"a": 1e-05, "b": False, "c": {"x": [1, "y, z"]}, "order": [3, 1], "d": "it's = 1,2"}
    words = [f"{name}={as_text(value)}" for name, value in values.items()]
    assert read_assignments(declared, words, "x") == values
    line = run_of(tmp_path, seed=3, strategy="mib+memory").line
    assert line == f"satkit sweep told -p seed=3 -p strategy=mib+memory --out {tmp_path}"


def test_a_folder_with_runs_is_a_sweep(tmp_path):
    assert not is_sweep(tmp_path)
    run = run_of(tmp_path)
    carry_out(run)
    assert is_sweep(tmp_path)
    assert runs_in(tmp_path) == {run.folder: run.state}
