"""The line of a study: it says what runs, for how long, and how long everything still takes, and nothing twice."""

import io
import json
from pathlib import Path

import pytest
from terminals import Clock, Terminal

from satkit.studies import study_progress
from satkit.studies.jobs import Job
from satkit.studies.study_progress import StudyProgress


def job(label="step", iterations=0, effort=1.0):
    return Job("07_train_next_step", label, {}, "out", iterations, effort)


class TestProgress:
    def state(self, beat: Path, done, total, per_unit, seconds, unit="iteration", **values):
        state = {"label": "x", "unit": unit, "done": done, "total": total, "seconds_per_unit": per_unit}
        beat.write_text(json.dumps({**state, "seconds": seconds, "values": values or {"loss": 0.5}, "time": 0.0}))

    def test_the_time_left_falls_to_zero_and_is_never_negative(self, tmp_path):
        clock, beat = Clock(), tmp_path / "beat.json"
        progress = StudyProgress([job(iterations=100), job(iterations=50)], [False, False], io.StringIO(), clock)
        left = []
        for number in (0, 1):
            beat.unlink(missing_ok=True)
            progress.begin(number)
            total = progress.jobs[number].iterations
            clock.now += 5  # a kernel starts
            for done in range(1, total + 1):
                clock.now += 0.2
                self.state(beat, done, total, 0.2, 0.2 * done)
                progress.show(beat)
                left.append(progress.seconds_left(json.loads(beat.read_text())))
            clock.now += 60  # figures that take longer than anybody thought
            left.append(progress.seconds_left(json.loads(beat.read_text())))
            progress.end(number)
        left.append(progress.seconds_left(None))
        assert left[-1] == 0
        assert min(left) >= 0
        first = left[1:100]  # the speed is known from the first iteration on
        for earlier, later in zip(first[:-1], first[1:], strict=True):
            assert earlier - later == pytest.approx(0.2)  # a second of it passes in a second
        assert first[0] == pytest.approx(0.2 * (98 + 50), abs=2 * study_progress.NOTEBOOK_SECONDS + 1)

    def test_only_jobs_that_are_left_are_counted(self):
        jobs = [job(iterations=100), job(iterations=1000), job()]
        whole = StudyProgress(jobs, [False] * 3, io.StringIO(), Clock())
        rest = StudyProgress(jobs, [True, True, False], io.StringIO(), Clock())
        rest.begin(2)
        assert whole.seconds_left(None) == pytest.approx(
            3 * study_progress.NOTEBOOK_SECONDS + 1100 * study_progress.ITERATION_SECONDS
        )
        assert rest.seconds_left(None) == pytest.approx(study_progress.NOTEBOOK_SECONDS)
        assert StudyProgress(jobs, [True] * 3, io.StringIO(), Clock()).seconds_left(None) == 0

    def test_an_iteration_with_a_teacher_costs_more(self, tmp_path):
        jobs = [job(iterations=10), job(iterations=10, effort=2.0)]
        progress = StudyProgress(jobs, [False, False], io.StringIO(), Clock())
        progress.begin(0)
        self.state(tmp_path / "beat", 10, 10, 3.0, 30.0)
        progress.show(tmp_path / "beat")
        progress.end(0)
        progress.begin(1)
        assert progress.seconds_left(None) == pytest.approx(10 * 2.0 * 3.0 + progress.per_notebook)

    def test_an_evaluation_is_shown_as_one_and_is_not_taken_for_training(self, tmp_path):
        clock, stream, beat = Clock(), io.StringIO(), tmp_path / "beat"
        progress = StudyProgress([job("base step", iterations=100)], [False], stream, clock)
        progress.begin(0)
        clock.now += 30
        self.state(beat, 100, 100, 0.2, 20.0)
        progress.show(beat)
        left = progress.seconds_left(json.loads(beat.read_text()))
        for window in ("5 of 24", "11 of 24"):
            clock.now += 10
            self.state(beat, 2, 7, 40.0, 90.0, "image", window=window)
            progress.show(beat)
        assert progress.per_iteration == pytest.approx(0.2)
        assert progress.seconds_left(json.loads(beat.read_text())) <= left
        lines = [line.split(", running")[0] for line in stream.getvalue().splitlines()]
        assert lines == [
            "[1/1] base step: iteration 100 of 100, loss 0.500",
            "[1/1] base step: image 2 of 7, window 5 of 24",
            "[1/1] base step: image 2 of 7, window 11 of 24",
        ]

    def test_a_log_gets_a_line_at_most_every_ten_seconds_and_only_when_something_has_changed(self, tmp_path):
        clock, stream = Clock(), io.StringIO()
        progress = StudyProgress([job("SATS, step 1", 100), job()], [False, False], stream, clock)
        progress.begin(0)
        for done in (25, 25, 25, 50, 50):  # ten seconds each, five looks a second
            self.state(tmp_path / "beat", done, 100, 0.4, 10.0)
            for _ in range(50):
                progress.show(tmp_path / "beat")
                clock.now += 0.2
        progress.close()
        lines = stream.getvalue().splitlines()
        assert len(lines) == 2
        assert lines[0].startswith("[1/2] SATS, step 1: iteration 25 of 100, loss 0.500; about ")
        assert lines[1].startswith("[1/2] SATS, step 1: iteration 50 of 100, loss 0.500, running for 30 s; about ")
        assert "\r" not in stream.getvalue()

    def test_a_terminal_gets_one_line_that_is_rewritten_and_cleared(self, tmp_path):
        clock, stream = Clock(), Terminal()
        progress = StudyProgress([job("a long label", 100), job("b")], [False, False], stream, clock)
        for number in (0, 1):
            progress.begin(number)
            progress.show(tmp_path / "nothing")
            clock.now += 1
        progress.close()
        first, second, blank = stream.getvalue().split("\r")[1:4]
        assert "\n" not in stream.getvalue()
        assert second.rstrip() == "[2/2] b; about " + second.split("about ")[1].rstrip()
        assert len(second) >= len(first)
        assert not blank.strip()
