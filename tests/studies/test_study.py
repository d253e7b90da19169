"""A study does its jobs in order, continues where it was stopped, and ends in the same numbers."""

import io
import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import nbformat
import pytest

import satkit
from satkit.evaluation.conventions import protocol
from satkit.experiments.presets import PRESETS, Preset
from satkit.experiments.run_folder import Run
from satkit.experiments.settings import Settings
from satkit.strategies import STRATEGIES
from satkit.studies import study as studies
from satkit.studies.score_table import ScoreTable
from satkit.studies.study import (
    Job,
    StudyProgress,
    collect,
    overview,
    plan,
    prepare,
    remember_seconds,
    study,
    study_name,
)
from satkit.training import Schedule
from satkit.utils.errors import UsageError
from satkit.utils.files import read_json, write_json

TINY = Preset(
    "tiny",
    task="15-5",
    backbone="mit_quick",
    base=Schedule(4, 1e-3, batch_size=4),
    later=Schedule(3, 1e-3, classifier_lr_factor=10.0, batch_size=4),
    model={"decoder_width": 16},
    data={"size": 32, "train_images": 60, "test_images": 16},
    augment={"size": 32},
)
SETTINGS = Settings(preset="tiny")


@pytest.fixture
def tiny(monkeypatch):
    """A preset of a few iterations on a few small images."""
    monkeypatch.setitem(PRESETS["scenes"], "tiny", TINY)


def jobs_of(folder, *strategies, settings=SETTINGS):
    folder, made = prepare(settings, strategies, str(folder))
    return plan(folder, settings, made, strategies)


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


@pytest.mark.usefixtures("tiny")
class TestPreparing:
    def test_strategies_must_be_named_once(self, tmp_path):
        with pytest.raises(UsageError, match="Each strategy once, please: 'sats' is named twice"):
            prepare(SETTINGS, ("sats", "joint", "sats"), str(tmp_path / "s"))
        with pytest.raises(UsageError, match="needs at least one strategy"):
            prepare(SETTINGS, (), str(tmp_path / "s"))

    def test_nothing_is_made_before_everything_is_checked(self, tmp_path):
        with pytest.raises(UsageError, match="Unknown strategy 'stas'"):
            prepare(SETTINGS, ("sats", "stas"), str(tmp_path / "s"))
        with pytest.raises(UsageError, match="Unknown backbone"):
            prepare(Settings(preset="tiny", backbone="mit_quik"), ("sats",), str(tmp_path / "s"))
        assert not (tmp_path / "s").exists()

    def test_a_folder_of_another_configuration_is_refused(self, tmp_path):
        prepare(SETTINGS, ("sats",), str(tmp_path / "s"))
        before = {path: path.read_bytes() for path in tmp_path.rglob("*.json")}
        for changed, said in (({"seed": 1}, "seed: 0 there, 1 asked for"), ({"task": "10-10"}, "task: '15-5' there")):
            with pytest.raises(UsageError, match=f"holds a run of another configuration.*{said}"):
                prepare(Settings(preset="tiny", **changed), ("fine-tuning",), str(tmp_path / "s"))
        assert {path: path.read_bytes() for path in tmp_path.rglob("*.json")} == before

    def test_a_study_without_a_name_is_called_by_its_settings(self, tmp_path, monkeypatch):
        monkeypatch.setenv("SATKIT_RUNS", str(tmp_path))
        folder, _ = prepare(SETTINGS, ("sats",), "")
        assert folder == tmp_path / "scenes-15-5-tiny-seed0"


def test_studies_of_different_settings_have_different_names():
    order = tuple(range(20, 0, -1))
    different = ({}, {"seed": 1}, {"task": "15-1"}, {"preset": "smoke"}, {"setting": "disjoint"}, {"order": order})
    changes = (*different, {"backbone": "mit_b0"}, {"protocol": "plop"}, {"protocol": "plop,void=background"})
    assert len({study_name(Settings(**changed)) for changed in changes}) == 9
    assert study_name(Settings()) == "scenes-15-5-quick-seed0"


RESULT = {
    "settings": {"data": "scenes", "task": "15-5", "setting": "overlapped", "preset": "quick", "seed": 7},
    "base_classes": list(range(1, 16)),
    "added_classes": list(range(16, 21)),
    "strategies": {
        "fine-tuning": {"old": 0.0512, "new": 0.4444, "all": 0.1234, "forgetting": 0.6, "kept": 0.01, "average": 0.35},
        "joint": {"old": 1.0, "new": 0.5, "all": 0.75, "forgetting": None, "kept": 1.0, "average": 0.75},
    },
}
for _scores in RESULT["strategies"].values():
    _scores |= {"machine": {"threads": 2, "device": "CPU"}, "conventions": protocol().describe(64)}


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


@pytest.mark.usefixtures("tiny")
def test_seconds_add_up_over_jobs_and_interruptions_and_strategies_are_gathered(tmp_path):
    folder, made = prepare(SETTINGS, ("fine-tuning", "sats"), str(tmp_path / "s"))
    for name, old in (("fine-tuning", 0.1), ("sats", 0.5)):
        Run.open(folder / name).finish({"old": old})
    assert collect(folder, SETTINGS, made[:1], ("fine-tuning",))["seconds"] == 0
    jobs = plan(folder, SETTINGS, made, ("fine-tuning", "sats"))
    for number, seconds in enumerate((10.0, 2.5)):
        remember_seconds(folder, jobs[number], seconds)
    result = collect(folder, SETTINGS, made, ("fine-tuning", "sats"))
    assert result["seconds"] == 12.5
    assert collect(folder, SETTINGS, made, ("fine-tuning", "sats")) == result  # as if started again
    assert read_json(folder / "result.json") == result
    assert result["strategies"] == {"fine-tuning": {"old": 0.1}, "SATS": {"old": 0.5}}
    assert (result["base_classes"], result["added_classes"]) == (list(range(1, 16)), list(range(16, 21)))
    assert (result["settings"]["task"], result["settings"]["order"]) == ("15-5", list(range(1, 21)))
    assert len(result["classes"]) == 21


@pytest.mark.usefixtures("tiny")
def test_a_run_without_a_result_is_not_passed_over(tmp_path):
    folder, made = prepare(SETTINGS, ("sats",), str(tmp_path / "s"))
    with pytest.raises(RuntimeError, match="has no result.json although all of its notebooks ended well"):
        collect(folder, SETTINGS, made, ("sats",))


@pytest.mark.usefixtures("tiny")
def test_a_notebook_that_fails_is_run_again(tmp_path, monkeypatch):
    asked = []

    def fail_at_the_second(name, output, values, **_):
        asked.append(name[:2])
        Path(output).parent.mkdir(exist_ok=True)
        Path(output).write_text("{}")
        if len(asked) == 2:
            raise RuntimeError("stopped")

    monkeypatch.setattr(studies, "run_notebook", fail_at_the_second)
    monkeypatch.setattr(studies, "collect", lambda *_: RESULT)
    monkeypatch.setattr(studies, "write_report", lambda folder: folder)
    with pytest.raises(RuntimeError, match="stopped"):
        study(SETTINGS, ("sats",), str(tmp_path / "s"))
    assert asked == ["06", "07"]
    study(SETTINGS, ("sats",), str(tmp_path / "s"))
    assert asked == ["06", "07", "07", "08", "09"]
    study(SETTINGS, ("sats",), str(tmp_path / "s"))
    assert len(asked) == 5
    names = {path.name for path in (tmp_path / "s" / "notebooks").iterdir()}
    assert names == {"06_base.ipynb", "07_sats_step1.ipynb", "08_sats.ipynb", "09_sats.ipynb"}


@pytest.mark.usefixtures("tiny")
def test_the_overview_says_how_far_each_study_has_come(tmp_path):
    assert overview(tmp_path).startswith("No runs in ")
    folder, _ = prepare(SETTINGS, ("fine-tuning", "sats"), str(tmp_path / "half"))
    scores = {"old": 0.5, "new": None, "all": 0.25, "forgetting": 0.125, "kept": 1.0}
    write_json(folder / "sats" / "result.json", scores)
    lines = [" ".join(line.split()) for line in overview(tmp_path).splitlines()]
    assert lines == [
        "half (not finished)",
        "base 0 of 1 steps",
        "fine-tuning 0 of 2 steps",
        "sats old 50.0 new - all 25.0 forgetting 12.5 kept 100.0",
    ]


SMOKE = Settings(preset="smoke")
SCORES = ("old", "new", "all", "forgetting", "kept", "average")


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    """A study of the smoke preset with real kernels, and what it printed."""
    folder = tmp_path_factory.mktemp("studies") / "undisturbed"
    said = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(studies, "show", said.append)
        assert study(SMOKE, ("fine-tuning", "sats"), str(folder)) == folder
    return folder, "\n".join(said)


@pytest.mark.slow
class TestFromEndToEnd:
    def test_a_study_ends_in_a_table_a_report_and_its_notebooks(self, undisturbed):
        folder, said = undisturbed
        result = read_json(folder / "result.json")
        assert set(result["strategies"]) == {"fine-tuning", "SATS"}
        assert all(0 <= scores["all"] <= 1 for scores in result["strategies"].values())
        assert ScoreTable(result).text() in said
        assert str(folder / "report.html") in said
        names = sorted(path.name for path in (folder / "notebooks").iterdir())
        jobs = jobs_of(folder, "fine-tuning", "sats", settings=SMOKE)
        assert names == sorted(f"{each.output}.ipynb" for each in jobs)
        assert not list(folder.glob(".progress*"))
        page = (folder / "report.html").read_text(encoding="utf-8")
        pictures = list((folder / "figures").glob("*.png"))
        assert len(pictures) >= 10
        assert page.count("data:image/png;base64,") == len(pictures)

    def test_the_executed_notebooks_have_no_error_and_no_warning(self, undisturbed):
        for path in (undisturbed[0] / "notebooks").iterdir():
            outputs = [item for cell in nbformat.read(str(path), 4).cells for item in cell.get("outputs", [])]
            assert not [item for item in outputs if item.output_type == "error" or item.get("name") == "stderr"], path

    def test_run_again_it_starts_no_kernel_and_says_the_same(self, undisturbed, monkeypatch):
        folder, _ = undisturbed
        before = read_json(folder / "result.json")
        monkeypatch.setattr(studies, "run_notebook", lambda *_, **__: pytest.fail("everything is finished"))
        study(SMOKE, ("fine-tuning", "sats"), str(folder))
        assert read_json(folder / "result.json") == before

    @pytest.mark.skipif(os.name == "nt", reason="a process group is killed as POSIX does")
    def test_a_killed_study_is_finished_to_the_same_numbers(self, undisturbed, tmp_path):
        folder = tmp_path / "killed"
        words = ["study", "--preset", "smoke", "--out", str(folder)]
        path = os.pathsep.join([str(Path(satkit.__file__).parents[1]), os.environ.get("PYTHONPATH", "")])
        environment = {**os.environ, "PYTHONPATH": path}
        process = subprocess.Popen(
            [sys.executable, "-m", "satkit", *words],
            env=environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        try:
            wait_for_training(folder, process)
        finally:
            for group in {process.pid, *kernels_below(process.pid)}:
                kill_group(group)
            process.wait(timeout=60)
        assert not (folder / "base" / "steps" / "0" / "metrics.json").exists()
        assert not (folder / "notebooks" / "06_base.ipynb").exists()
        command = [sys.executable, "-m", "satkit", *words]
        ended = subprocess.run(command, env=environment, capture_output=True, text=True)
        assert ended.returncode == 0, ended.stderr
        one, other = (read_json(each / "result.json")["strategies"] for each in (undisturbed[0], folder))
        for name in ("fine-tuning", "SATS"):
            assert {key: one[name][key] for key in SCORES} == {key: other[name][key] for key in SCORES}
        assert "SATS" in ended.stdout
        assert not list(folder.rglob("*.tmp-*"))


def wait_for_training(folder: Path, process: subprocess.Popen, seconds: float = 240.0) -> None:
    """Return once the base step is being trained: its first progress is on disk."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if process.poll() is not None:
            raise RuntimeError(f"The study has ended by itself with {process.returncode}.")
        if (folder / ".progress.json").exists() or (folder / "base" / "history.csv").exists():
            return
        time.sleep(0.05)
    raise TimeoutError(f"no training after {seconds} s")


def kernels_below(parent: int) -> set[int]:
    """Process groups of the children of a process: a kernel leads a group of its own."""
    groups = set()
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = path.read_text().rsplit(")", 1)[1].split()
        except OSError:
            continue
        if int(fields[1]) == parent:
            groups.add(int(fields[2]))
    return groups


def kill_group(group: int) -> None:
    """Kill a process group that a test has started."""
    try:
        os.killpg(group, signal.SIGKILL)
    except ProcessLookupError:
        return
