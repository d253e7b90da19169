"""A study is checked before anything starts, runs again what has failed, and gathers and tells its results."""

import json
from pathlib import Path

import pytest
from tiny_jobs import RESULT, SETTINGS

from satkit.evaluation.conventions import protocol, sentence
from satkit.experiments.run_folder import Run
from satkit.experiments.settings import Settings
from satkit.studies import study as studies
from satkit.studies.study import collect, overview, plan, prepare, remember_seconds, study, study_name, table
from satkit.utils.errors import UsageError
from satkit.utils.files import read_json, write_json


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


def test_the_table_shows_percent_and_a_dash_where_there_is_no_score():
    lines = table(RESULT).splitlines()
    assert lines[1].split("  ")[0] == "strategy"
    assert "old 0-15  new 16-20" in lines[1]
    assert lines[3].split() == ["fine-tuning", "5.1", "44.4", "12.3", "60.0", "1.0", "35.0"]
    assert lines[4].split() == ["joint", "100.0", "50.0", "75.0", "-", "100.0", "75.0"]
    assert len({len(line) for line in lines[1:5]}) == 1
    said = " ".join(table(RESULT).split())
    assert "preset quick, seed 7, 2 threads on CPU" in said
    assert "background included" in said
    assert sentence(protocol().describe(64)) in said


def test_the_table_says_what_old_and_new_are_under_another_protocol_or_setting():
    other = json.loads(json.dumps(RESULT))
    for scores in other["strategies"].values():
        scores["conventions"]["background_in_old"] = False
    assert "old 1-15  new 16-20" in table(other)
    assert "background excluded" in " ".join(table(other).split())
    other["settings"]["setting"] = "domain"
    assert "old places  new places" in table(other)
    assert "on those that came later" in " ".join(table(other).split())


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
