"""A study does its jobs in order, continues where it was stopped, and ends in the same numbers."""

import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import nbformat
import pytest
from tiny import SETTINGS

import satkit
from satkit.evaluation.conventions import protocol
from satkit.experiments.run_folder import Run
from satkit.experiments.settings import Settings
from satkit.experiments.study_folder import StudyFolder, open_study, silent
from satkit.studies import study as studies
from satkit.studies.jobs import jobs_of
from satkit.studies.page import write_page
from satkit.studies.score_table import ScoreTable
from satkit.studies.study import about_base, collect, prepare, remember_seconds, run_study
from satkit.utils.errors import UsageError
from satkit.utils.files import read_json
from satkit.utils.one_writer import RunBusy, only_writer
from satkit.utils.sealed_json import read_sealed


@pytest.mark.usefixtures("tiny")
class TestPreparing:
    def test_strategies_must_be_named_once(self, tmp_path):
        study = StudyFolder(tmp_path / "s", SETTINGS)
        with pytest.raises(UsageError, match="Every strategy is named once, but 'sats' is named twice"):
            prepare(study, ("sats", "joint", "sats"))
        with pytest.raises(UsageError, match="needs at least one strategy"):
            prepare(study, ())

    def test_their_names_are_read_before_any_data(self, tmp_path):
        study = StudyFolder(tmp_path / "study", Settings(data="camvid", root=str(tmp_path / "nowhere")))
        with pytest.raises(UsageError, match="Unknown strategy 'satz'"):
            prepare(study, ("fine-tuning", "satz"))

    def test_nothing_is_made_before_everything_is_checked(self, tmp_path):
        with pytest.raises(UsageError, match="Unknown strategy 'stas'"):
            prepare(StudyFolder(tmp_path / "s", SETTINGS), ("sats", "stas"))
        with pytest.raises(UsageError, match="Unknown backbone"):
            prepare(StudyFolder(tmp_path / "s", replace(SETTINGS, backbone="mit_quik")), ("sats",))
        assert not (tmp_path / "s").exists()

    def test_a_folder_of_another_configuration_is_refused(self, tmp_path):
        prepare(StudyFolder(tmp_path / "s", SETTINGS), ("sats",))
        before = {path: path.read_bytes() for path in tmp_path.rglob("*.json")}
        for changed, said in (({"seed": 1}, "seed: 0 there, 1 asked for"), ({"task": "10-10"}, "task: '15-5' there")):
            with pytest.raises(UsageError, match=f"holds a run of another configuration.*{said}"):
                prepare(StudyFolder(tmp_path / "s", replace(SETTINGS, **changed)), ("fine-tuning",))
        assert {path: path.read_bytes() for path in tmp_path.rglob("*.json")} == before

    def test_a_given_base_is_compared_before_anything_is_made_and_who_starts_from_it_is_said(self, tmp_path):
        StudyFolder(tmp_path / "first", SETTINGS).train_base(report=silent)
        given = replace(SETTINGS, seed=4, base_model=str(tmp_path / "first" / "base"))
        with pytest.raises(UsageError, match="does not fit SSUL of this study: "):
            prepare(StudyFolder(tmp_path / "s", given), ("sats", "ssul"))
        assert not (tmp_path / "s").exists()
        study = StudyFolder(tmp_path / "s", given)
        plans = prepare(study, ("sats", "joint"))
        assert Run.open(tmp_path / "s" / "sats").is_done(0)
        assert about_base(study, plans) == [
            f"Every strategy starts from the base step in {tmp_path / 'first' / 'base'}, which is not trained here.",
            "joint learns all classes at once and starts from no base step.",
        ]
        other = StudyFolder(tmp_path / "t", SETTINGS)
        assert about_base(other, prepare(other, ("sats", "joint"))) == []

    def test_a_study_without_a_name_is_called_by_its_settings(self, tmp_path, monkeypatch):
        monkeypatch.setenv("SATKIT_RUNS", str(tmp_path))
        study = open_study("", {"preset": "tiny"})
        prepare(study, ("sats",))
        assert study.folder == tmp_path / "scenes-15-5-tiny-seed0"
        assert (study.folder / "study.json").exists()


@pytest.mark.slow
@pytest.mark.usefixtures("tiny")
def test_a_second_study_in_a_folder_is_refused_before_it_shows_or_changes_anything(tmp_path, capsys):
    study = StudyFolder(tmp_path / "s", SETTINGS)
    prepare(study, ("fine-tuning",))
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")}
    with only_writer(study.folder), pytest.raises(RunBusy, match=r"Another process is writing into .*/s\. Wait for it"):
        run_study(study, ("fine-tuning",))
    assert capsys.readouterr().out == ""
    assert {path.name for path in tmp_path.rglob("*")} == {path.name for path in before} | {".lock"}


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


@pytest.mark.usefixtures("tiny")
def test_seconds_add_up_over_jobs_and_interruptions_and_strategies_are_gathered(tmp_path):
    study = StudyFolder(tmp_path / "s", SETTINGS)
    plans = prepare(study, ("fine-tuning", "sats"))
    for name, old in (("fine-tuning", 0.1), ("sats", 0.5)):
        Run.open(study.folder / name).finish({"old": old})
    assert collect(study, {"fine-tuning": plans["fine-tuning"]})["seconds"] == 0
    jobs = jobs_of(study, plans, shows_attention=True)
    for number, seconds in enumerate((10.0, 2.5)):
        remember_seconds(study.folder, jobs[number], seconds)
    result = collect(study, plans)
    assert result["seconds"] == 12.5
    assert collect(study, plans) == result  # as if started again
    assert read_sealed(study.folder / "result.json", "") == result
    assert result["strategies"] == {"fine-tuning": {"old": 0.1}, "SATS": {"old": 0.5}}
    assert (result["base_classes"], result["added_classes"]) == (list(range(1, 16)), list(range(16, 21)))
    assert (result["settings"]["task"], result["settings"]["order"]) == ("15-5", list(range(1, 21)))
    assert len(result["classes"]) == 21


@pytest.mark.usefixtures("tiny")
def test_a_run_without_a_result_is_not_passed_over(tmp_path):
    study = StudyFolder(tmp_path / "s", SETTINGS)
    plans = prepare(study, ("sats",))
    with pytest.raises(RuntimeError, match="has no result.json although all of its notebooks ended well"):
        collect(study, plans)


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
        run_study(StudyFolder(tmp_path / "s", SETTINGS), ("sats",))
    assert asked == ["06", "07"]
    run_study(StudyFolder(tmp_path / "s", SETTINGS), ("sats",))
    assert asked == ["06", "07", "07", "08", "09"]
    run_study(StudyFolder(tmp_path / "s", SETTINGS), ("sats",))
    assert len(asked) == 5
    names = {path.name for path in (tmp_path / "s" / "notebooks").iterdir()}
    assert names == {"06_base.ipynb", "07_sats_step1.ipynb", "08_sats.ipynb", "09_sats.ipynb"}


SMOKE = Settings(preset="smoke")
SCORES = ("old", "new", "all", "forgetting", "kept", "average")


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    """A study of the smoke preset with real kernels, and what it printed."""
    folder = tmp_path_factory.mktemp("studies") / "undisturbed"
    said = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(studies, "show", said.append)
        assert run_study(StudyFolder(folder, SMOKE), ("fine-tuning", "sats")) == folder
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
        study = StudyFolder(folder, SMOKE)
        jobs = jobs_of(study, {name: study.plan(name) for name in ("fine-tuning", "sats")}, shows_attention=True)
        assert names == sorted(f"{each.output}.ipynb" for each in jobs)
        assert not list(folder.glob(".progress*"))
        page = (folder / "report.html").read_text(encoding="utf-8")
        pictures = list((folder / "figures").glob("*.png"))
        assert len(pictures) >= 10
        assert page.count("data:image/png;base64,") == len(pictures)

    def test_its_report_and_its_page_hold_an_explorer_of_its_models(self, undisturbed):
        folder, _ = undisturbed
        path, left_out = write_page(str(folder), images=2)
        assert (path, left_out) == (folder / "explore.html", "")
        for each in (path, folder / "report.html"):
            assert '"models":["base model","fine-tuning","SATS"]' in each.read_text(encoding="utf-8")

    def test_the_executed_notebooks_have_figures_no_error_and_no_warning(self, undisturbed):
        for path in (undisturbed[0] / "notebooks").iterdir():
            outputs = [item for cell in nbformat.read(str(path), 4).cells for item in cell.get("outputs", [])]
            assert sum("image/png" in item.get("data", {}) for item in outputs) >= 3, path
            assert not [item for item in outputs if item.output_type == "error" or item.get("name") == "stderr"], path

    def test_run_again_it_starts_no_kernel_and_says_the_same(self, undisturbed, monkeypatch):
        folder, _ = undisturbed
        before = read_json(folder / "result.json")
        monkeypatch.setattr(studies, "run_notebook", lambda *_, **__: pytest.fail("everything is finished"))
        run_study(StudyFolder(folder, SMOKE), ("fine-tuning", "sats"))
        assert read_json(folder / "result.json") == before

    @pytest.mark.skipif(os.name == "nt", reason="a process group is killed as POSIX does")
    def test_a_killed_study_is_finished_to_the_same_numbers(self, undisturbed, tmp_path):
        folder = tmp_path / "killed"
        words = ["study", "--preset", "smoke", "--strategies", "sats", "--out", str(folder)]
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
        one, other = (read_json(each / "result.json")["strategies"]["SATS"] for each in (undisturbed[0], folder))
        assert {key: one[key] for key in SCORES} == {key: other[key] for key in SCORES}
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
