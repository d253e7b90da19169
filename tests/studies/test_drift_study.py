"""The drift study: what is measured of two models, what is stored of it, and that it goes on where it was killed."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from sweeps import Threads
from tiny import TINY_STUDY as TINY

from satkit.cli import parser
from satkit.experiments.plan import Plan
from satkit.experiments.presets import PRESETS
from satkit.strategies import STRATEGIES
from satkit.studies import drift_study
from satkit.studies.attention_grid import Entry
from satkit.studies.drift_study import MEASURES, DriftStudy, read_drifts, write_runs
from satkit.studies.sweep import Sweep
from satkit.utils.assets import asset
from satkit.utils.errors import UsageError
from satkit.utils.files import read_json, write_json

FINE_TUNING, SATS = (Entry(name, "habitat", 0) for name in ("fine-tuning", "sats"))


@pytest.fixture
def study(tmp_path, monkeypatch):
    """A study of two strategies, two iterations a step."""
    monkeypatch.setitem(PRESETS["scenes"], "tiny", TINY)
    monkeypatch.setattr(drift_study, "SETTINGS", replace(drift_study.SETTINGS, task="15-5", preset="tiny"))
    monkeypatch.setattr(drift_study, "WORLDS", {"habitat": {}})
    return DriftStudy(tmp_path / "drift", (0,), ("fine-tuning", "sats"))


def test_a_table_is_read_as_it_was_written(tmp_path):
    runs = [
        {"strategy": "a", "name": "A", "seed": 0, "class": [1, 2], "known": [0.5, None], "cka_z": 0.25},
        {"strategy": "b", "name": "B", "seed": 1, "class": [1, 2], "known": [0.1, 0.0], "cka_z": 1.0},
    ]
    write_runs(tmp_path / "table.csv", runs)
    read = read_drifts(tmp_path / "table.csv")
    assert list(read) == ["strategy", "name", "seed", "class", "known", "cka_z"]
    assert read["strategy"].tolist() == ["a", "a", "b", "b"]
    assert read["class"].tolist() == [1, 2, 1, 2]
    np.testing.assert_array_equal(read["known"], [0.5, np.nan, 0.1, 0.0])
    assert read["cka_z"].tolist() == [0.25, 0.25, 1.0, 1.0]


def work(study):
    return study.sweep().carry_out(Threads())


@pytest.mark.slow
def test_a_killed_study_goes_on_and_ends_in_a_line_for_every_run_and_class(study, monkeypatch):
    whole = drift_study.measured

    def killed(entry, trained):
        if entry.strategy == "sats":
            raise KeyboardInterrupt
        return whole(entry, trained)

    with monkeypatch.context() as patch:
        patch.setattr(drift_study, "measured", killed)
        assert not work(study)
    assert study.missing() == [SATS]
    _, about = study.collect()
    assert read_json(about)["missing"] == [{"strategy": "sats", "world": "habitat", "seed": 0}]

    with monkeypatch.context() as patch:
        patch.setattr("satkit.experiments.experiment.train_step", lambda *_, **__: pytest.fail("all of it is trained"))
        assert work(study)
    table, about = study.collect()
    lines, facts = read_drifts(table), read_json(about)
    assert facts["missing"] == []
    assert lines["strategy"].tolist() == ["fine-tuning"] * 15 + ["sats"] * 15
    assert lines["class"].tolist() == [*range(1, 16)] * 2
    described = [name.split("*")[0] for name in facts["columns"]]
    assert all(any(name.startswith(each) for each in described) for name in lines)
    kept = study.row(SATS)
    np.testing.assert_allclose(lines["drift_s1h1"][15:], np.array(kept["drift_s1h1"], dtype=float), rtol=1e-3)

    damaged = study.run(FINE_TUNING).folder / MEASURES
    damaged.write_text(damaged.read_text().replace("0.", "1.", 1))
    with pytest.warns(UserWarning, match=r"measures\.json is damaged.* Its run is carried out again"):
        assert study.missing() == [FINE_TUNING]
    with pytest.warns(UserWarning, match="is damaged"):
        assert work(study)
    assert study.missing() == []


def test_joint_training_has_no_drift(tmp_path):
    with pytest.raises(UsageError, match="joint has no drift. All classes are learnt in one step"):
        DriftStudy(tmp_path, (0,), ("sats", "joint"))


@pytest.mark.slow
def test_rows_of_the_same_configuration_are_taken_over_and_written_as_they_were(study, tmp_path):
    work(study)
    table, about = study.collect()
    more = DriftStudy(tmp_path / "more", (0, 1), ("fine-tuning", "sats"))
    more.take_rows(table)
    assert more.missing() == [replace(FINE_TUNING, seed=1), replace(SATS, seed=1)]
    again = DriftStudy(tmp_path / "again", (0,), ("fine-tuning", "sats"))
    again.take_rows(table)
    assert [path.read_bytes() for path in again.collect()] == [path.read_bytes() for path in (table, about)]

    facts = read_json(about)
    write_json(about, {**facts, "strategies": {**facts["strategies"], "sats": {"name": "another"}}})
    DriftStudy(tmp_path / "one", (0,), ("fine-tuning", "sats")).take_rows(table)
    assert DriftStudy(tmp_path / "one", (0,), ("fine-tuning", "sats")).missing() == [SATS]
    write_json(about, {key: value for key, value in facts.items() if key != "worlds"})  # of an earlier version
    DriftStudy(tmp_path / "none", (0,), ("fine-tuning", "sats")).take_rows(table)
    write_json(about, {**facts, "places": 3})
    DriftStudy(tmp_path / "none", (0,), ("fine-tuning", "sats")).take_rows(table)
    assert DriftStudy(tmp_path / "none", (0,), ("fine-tuning", "sats")).missing() == [FINE_TUNING, SATS]


def test_every_strategy_is_measured_but_those_that_have_no_step_before(study):
    measured = {*DriftStudy(study.folder).strategies} - {"pseudo+distillation"}
    assert measured | set(drift_study.SKIPPED) == set(STRATEGIES)


def test_the_further_world_has_the_main_strategies_alone(tmp_path):
    runs = DriftStudy(tmp_path, (0, 1)).entries()
    assert {entry.strategy for entry in runs if entry.world == "uniform"} == set(drift_study.IN_EVERY_WORLD)
    assert {entry.strategy for entry in runs if entry.world == "habitat"} > set(drift_study.IN_EVERY_WORLD)
    assert [entry.seed for entry in runs] == sorted(entry.seed for entry in runs)
    some = DriftStudy(tmp_path, (0,), ("mib",)).entries()
    assert some == [Entry("mib", world, 0) for world in ("habitat", "uniform")]


def test_the_command_measures_the_seeds_that_it_is_given(monkeypatch, tmp_path, capsys):
    began = []
    monkeypatch.setattr(Sweep, "carry_out", lambda self, *_: began.append((self.folder, len(self.runs))) or True)
    monkeypatch.setattr(DriftStudy, "collect", lambda self: ("table.csv", "table.json"))
    monkeypatch.setattr(DriftStudy, "take_rows", lambda self, path: began.append((path, self.seeds, self.chosen)))
    words = ["--drift", "--seeds", "3,4", "--strategies", "mib,sats", "--out", str(tmp_path / "drift")]
    words += ["--rows", "other.csv"]
    assert parser.main(["reference", *words]) == 0
    assert began == [("other.csv", (3, 4), ("mib", "sats")), (tmp_path / "drift", 2 * 2 * 2)]
    assert capsys.readouterr().out == "table.csv\ntable.json\n"


def test_the_rows_that_come_with_the_kit_are_of_strategies_as_they_are_declared_now(tmp_path):
    lines, facts = read_drifts(asset("drift_study.csv")), read_json(asset("drift_study.json"))
    seeds, classes = facts["settings"]["seed"], range(1, 11)
    missing = {(each["strategy"], each["world"], each["seed"]) for each in facts["missing"]}
    every = {(entry.strategy, entry.world, entry.seed) for entry in DriftStudy(tmp_path, tuple(seeds)).entries()}
    there = (lines[name].tolist() for name in ("strategy", "world", "seed", "class"))
    assert sorted(zip(*there, strict=True)) == sorted((*run, each) for run in every - missing for each in classes)
    for strategy, world, _ in missing:  # a strategy has all seeds or none
        assert {(strategy, world, other) for other in seeds} <= missing
    names = set(lines["strategy"].tolist())
    assert {*drift_study.IN_EVERY_WORLD} <= names
    for name in names:
        assert facts["strategies"][name] == Plan(drift_study.SETTINGS, name).strategy.describe()
    measured = [name for name in lines if name not in ("strategy", "name", "world") and not name.startswith("cosine")]
    for name in measured:
        assert np.isfinite(lines[name]).all(), name
    without = {name for name in names if np.isnan(lines["cosine"][lines["strategy"] == name]).any()}
    assert without == set(facts["not_measured"]) & names


def test_the_stored_rows_are_as_lesson_11_and_the_page_of_results_say():
    rows = pd.DataFrame(read_drifts(asset("drift_study.csv")))
    rows["lost"], rows["drift"] = rows["iou_before"] - rows["iou_after"], rows.filter(like="drift_s").mean(axis=1)
    mean = rows.groupby(["strategy", "world"]).mean(numeric_only=True)
    lost, drift, known, shown = (mean[column].unstack() for column in ("lost", "drift", "known", "shown"))
    teachers = ["sats", "pseudo+distillation", "mib"]
    assert (known.loc["fine-tuning"] < 0.5).all()
    assert (known.loc[teachers, ["habitat", "uniform"]] > 0.9).all(axis=None)
    no_longer = {
        name: mean.loc["mib", "habitat"][f"{name}_before"] - mean.loc["mib", "habitat"][name]
        for name in ("shown", "known")
    }
    assert no_longer["shown"] == pytest.approx(0.1, abs=0.02)
    assert no_longer["known"] == pytest.approx(0.05, abs=0.015)
    assert shown.loc["fine-tuning"].max() == 0
    assert drift.idxmax().eq("fine-tuning").all()
    assert (lost.loc["fine-tuning", ["habitat", "uniform"]] > 0.9).all()
    for name in teachers:
        assert lost.loc[name, "uniform"] < 0.5 * lost.loc[name, "habitat"]
        assert 0.74 < drift.loc[name, "uniform"] / drift.loc[name, "habitat"] < 1.05
    for world in ("habitat", "uniform"):
        assert list(lost.loc[teachers, world].sort_values().index) == teachers
        assert list(drift.loc[teachers, world].sort_values().index) == teachers
        assert mean["new"].unstack().loc[teachers, world].idxmin() == "sats"
    stages = {
        stage: rows.filter(like=f"drift_s{stage}h").mean(axis=1).groupby(rows["strategy"]).mean()
        for stage in (1, 2, 3, 4)
    }
    for name in drift_study.IN_EVERY_WORLD:
        by_stage = [stages[stage][name] for stage in (1, 2, 3, 4)]
        assert by_stage.index(max(by_stage)) == 3
        assert by_stage.index(min(by_stage)) == 0
    page = " ".join(asset("results.md").read_text(encoding="utf-8").split())
    found = {
        name: f"{100 * known.loc[name, 'habitat']:.0f} %" for name in ("fine-tuning", "pseudo+distillation", "sats")
    }
    before = f"{100 * mean['known_before'].unstack().loc['fine-tuning', 'habitat']:.0f} %"
    assert (
        f"finds {before} of the old classes' places after the base step, and {found['fine-tuning']} after ten steps "
        f"of fine-tuning, {found['pseudo+distillation']} with pseudo-labels and distillation, and {found['sats']} with "
        "SATS"
    ) in page
