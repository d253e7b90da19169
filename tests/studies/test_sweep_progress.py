"""A sweep while it goes on: a line for every run that ends, and in a terminal a table of those at work."""

import io
import json
from dataclasses import replace

from sweeps import Told
from terminals import Clock, Terminal

from satkit.studies.sweep_progress import SweepProgress, score_of
from satkit.studies.sweep_run import DONE, FAILED, RUNNING, SweepRun
from satkit.utils.one_writer import only_writer


def run_of(folder, seed):
    return SweepRun(Told(), {"seed": seed}, folder)


def test_a_log_gets_a_line_for_every_run_that_ends(tmp_path):
    runs, stream = [run_of(tmp_path, seed) for seed in range(4)], io.StringIO()
    progress = SweepProgress([replace(runs[0].new, state=DONE)] + [run.new for run in runs[1:]], stream)
    progress.show(runs)
    progress.ended(runs[1], replace(runs[1].new, state=DONE, seconds=12.0, scores={"all": 0.5}))
    progress.ended(runs[2], replace(runs[2].new, state=FAILED, error="It broke."))
    progress.ended(runs[3], runs[3].new)
    progress.close()
    assert stream.getvalue().splitlines() == [
        "[2/4] done: seed 1: took 12 s, mIoU 50.0 %",
        "[3/4] failed: seed 2: It broke.",
        "[3/4] waiting: seed 3: stopped before its end",
    ]


def test_a_terminal_shows_who_is_at_work_how_far_and_how_long_it_still_takes(tmp_path):
    runs, clock, stream = [run_of(tmp_path, seed) for seed in range(4)], Clock(), Terminal()
    progress = SweepProgress([run.new for run in runs], stream, clock)
    progress.ended(runs[0], replace(runs[0].new, state=DONE, seconds=20.0))
    state = {"label": "SATS, step 1", "unit": "iteration", "done": 30, "total": 40, "seconds": 1.0}
    with only_writer(runs[1].folder):
        runs[1].write(replace(runs[1].new, state=RUNNING))
        (runs[1].folder / "progress.json").write_text(
            json.dumps({**state, "seconds_per_unit": 0.5, "values": {}, "time": 0})
        )
        progress.show(runs)
        clock.now += 5
        progress.show(runs)
        lines = [" ".join(line.split()) for line in progress.lines(runs)]
    assert lines == [
        "seed 1 SATS, step 1, iteration 30 of 40 running for 5 s, about 5 s left of it",
        "1 of 4 runs done, 1 running, 2 waiting; about 55 s left",
    ]
    assert "\x1b[2F\x1b[J" in stream.getvalue()  # the two lines before are drawn over


def test_before_any_run_is_done_nothing_is_guessed(tmp_path):
    progress = SweepProgress([run_of(tmp_path, 0).new], io.StringIO())
    assert progress.lines([]) == ["0 of 1 runs done, 0 running, 1 waiting"]


def test_a_run_without_a_score_says_none(tmp_path):
    assert score_of(run_of(tmp_path, 0).new, ", mIoU ") == ""
