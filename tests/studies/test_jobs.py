"""The jobs of a study: which there are, in which order, and how long those that are left take."""

import io
import json
from dataclasses import replace
from pathlib import Path

import pytest
from tiny_jobs import SETTINGS, jobs_of

from satkit.experiments.settings import Settings
from satkit.strategies import STRATEGIES
from satkit.studies import study as studies
from satkit.studies.study import Job, StudyProgress, prepare
from satkit.utils.errors import UsageError


@pytest.mark.usefixtures("tiny")
class TestThePlan:
    def test_the_base_step_comes_first_then_each_strategy_then_what_compares_them(self, tmp_path):
        jobs = jobs_of(tmp_path / "s", "fine-tuning", "sats")
        assert [(job.notebook, job.label, job.output, job.iterations) for job in jobs] == [
            ("06_train_base_step", "base step", "06_base", 4),
            ("07_train_next_step", "fine-tuning, step 1", "07_fine-tuning_step1", 3),
            ("07_train_next_step", "SATS, step 1", "07_sats_step1", 3),
            ("08_teacher_and_student", "fine-tuning, attention", "08_fine-tuning", 0),
            ("08_teacher_and_student", "SATS, attention", "08_sats", 0),
            ("09_visualising_forgetting", "forgetting", "09_fine-tuning_sats", 0),
        ]
        assert jobs[1].effort < jobs[2].effort  # a teacher runs along
        assert [job.values.get("strategy") for job in jobs] == [None, *["fine-tuning", "sats"] * 2, None]
        assert jobs[-1].values["strategies"] == ["fine-tuning", "sats"]
        for job in jobs:
            assert job.values["study"] == str(tmp_path / "s")
            assert (job.values["preset"], job.values["seed"], job.values["order"]) == ("tiny", 0, [])

    def test_base_steps_come_first_one_of_each_kind(self, tmp_path):
        jobs = jobs_of(tmp_path / "s", "ssul", "sats", "ssul+memory=10", "mib+attention")
        bases = [job for job in jobs if job.notebook == "06_train_base_step"]
        assert jobs[:2] == bases
        assert [job.label for job in bases] == ["base step of SSUL", "base step"]
        assert [job.values.get("base_of") for job in bases] == ["ssul", None]
        assert {path.parent.name for path in (tmp_path / "s").glob("base*/config.json")} == {
            job.output.removeprefix("06_") for job in bases
        }

    def test_many_strategies_give_notebooks_with_names_of_their_own(self, tmp_path):
        many = [*STRATEGIES]
        jobs = jobs_of(tmp_path / "s", *many)
        assert len({job.output for job in jobs}) == len(jobs)
        assert all(len(job.output) < 80 for job in jobs)
        fewer = jobs_of(tmp_path / "t", *many[:-1])
        assert jobs[-1].output != fewer[-1].output

    def test_joint_training_is_one_job_without_teacher(self, tmp_path):
        jobs = jobs_of(tmp_path / "s", "joint", "sats")
        assert [job.output for job in jobs] == [
            "06_base",
            "07_joint_step0",
            "07_sats_step1",
            "08_sats",
            "09_joint_sats",
        ]
        assert (jobs[1].label, jobs[1].values["step"], jobs[1].iterations) == ("joint, all classes at once", 0, 4)

    def test_a_task_of_one_step_is_refused_for_strategies_that_learn_step_by_step(self, tmp_path):
        offline = replace(SETTINGS, task="offline")
        with pytest.raises(UsageError, match="'offline' has one step only, in which 'SATS' has nothing to remember"):
            prepare(offline, ("joint", "sats"), str(tmp_path / "s"))
        assert not (tmp_path / "s").exists()

    def test_joint_training_alone_needs_no_base_step(self, tmp_path):
        assert [job.output for job in jobs_of(tmp_path / "s", "joint")] == ["07_joint_step0"]
        assert not (tmp_path / "s" / "base").exists()

    def test_a_long_scenario_has_a_job_for_every_step(self, tmp_path):
        jobs = jobs_of(tmp_path / "s", "fine-tuning", "sats", settings=Settings(preset="tiny", task="15-1"))
        steps = [f"07_{tag}_step{step}" for tag in ("fine-tuning", "sats") for step in range(1, 6)]
        assert [job.output for job in jobs] == ["06_base", *steps, "08_fine-tuning", "08_sats", "09_fine-tuning_sats"]
        assert [job.values["step"] for job in jobs[1:-1]] == [1, 2, 3, 4, 5] * 2 + [5, 5]

    def test_every_value_is_a_parameter_of_its_notebook(self, tmp_path):
        from satkit.notebooks.lessons import find_notebook
        from satkit.notebooks.parameters import check_parameters

        for job in jobs_of(tmp_path / "s", "joint", "sats"):
            check_parameters(find_notebook(job.notebook), job.values)


class Clock:
    """Seconds that pass when a test says so."""

    def __init__(self):
        self.now = 1000.0

    def __call__(self):
        return self.now


class Terminal(io.StringIO):
    def isatty(self):
        return True


def job(label="step", iterations=0, effort=1.0):
    return Job("07_train_next_step", label, {}, "out", iterations, effort)


class TestProgress:
    def state(self, beat: Path, done, total, per_unit, seconds):
        values = {"label": "x", "done": done, "total": total, "seconds_per_unit": per_unit, "seconds": seconds}
        beat.write_text(json.dumps({**values, "values": {"loss": 0.5}, "time": 0.0}))

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
        assert first[0] == pytest.approx(0.2 * (98 + 50), abs=2 * studies.NOTEBOOK_SECONDS + 1)

    def test_only_jobs_that_are_left_are_counted(self):
        jobs = [job(iterations=100), job(iterations=1000), job()]
        whole = StudyProgress(jobs, [False] * 3, io.StringIO(), Clock())
        rest = StudyProgress(jobs, [True, True, False], io.StringIO(), Clock())
        rest.begin(2)
        assert whole.seconds_left(None) == pytest.approx(
            3 * studies.NOTEBOOK_SECONDS + 1100 * studies.ITERATION_SECONDS
        )
        assert rest.seconds_left(None) == pytest.approx(studies.NOTEBOOK_SECONDS)
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

    def test_a_log_gets_one_line_every_ten_seconds(self, tmp_path):
        clock, stream = Clock(), io.StringIO()
        progress = StudyProgress([job("SATS, step 1", 100), job()], [False, False], stream, clock)
        progress.begin(0)
        self.state(tmp_path / "beat", 25, 100, 0.4, 10.0)
        for _ in range(251):  # five times a second, 50 s
            progress.show(tmp_path / "beat")
            clock.now += 0.2
        progress.close()
        lines = stream.getvalue().splitlines()
        assert len(lines) in (5, 6)
        assert lines[0].startswith("[1/2] SATS, step 1: iteration 25 of 100, loss 0.500; about ")
        assert lines[0].endswith(" left")
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
