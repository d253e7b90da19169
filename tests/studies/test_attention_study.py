"""The reference study: which runs, one row each, never twice, and what is said about them."""

import math
from dataclasses import replace

import pytest
from sweeps import Threads
from tiny_studies import FEW

from satkit.evaluation.seeds import SCORES, by_seed, read_rows
from satkit.experiments.configuration import config_hash
from satkit.studies import attention_study
from satkit.studies.attention_grid import SHIFT, Entry
from satkit.studies.attention_report import markdown
from satkit.studies.attention_study import ReferenceStudy
from satkit.studies.sweep_run import FAILED, WAITING, SweepRun
from satkit.studies.world_runs import AttentionRuns, keep_done
from satkit.utils.assets import asset
from satkit.utils.files import read_json


@pytest.fixture
def study(few_runs):
    return few_runs


def work(study):
    return study.sweep().carry_out(Threads())


@pytest.mark.slow
def test_a_study_ends_in_one_row_a_run_and_is_never_computed_twice(study, monkeypatch):
    assert work(study)
    assert study.missing() == []
    table, about = study.collect()
    rows = read_rows(table)
    assert {(row.strategy, row.world, row.seed) for row in rows} == {(e.strategy, e.world, e.seed) for e in FEW}
    assert all(math.isfinite(row.all) and row.seconds > 0 for row in rows)
    began = {row.base for row in rows if row.strategy.startswith("mib")}
    assert len(began) == 1  # one base model for both worlds and both strategies
    bases = {path.name for path in (study.folder / "bases").iterdir()}
    assert bases == {"scenes-15-5-tiny-seed0", "scenes-15-5-tiny-seed0-habitat0"}
    assert not list(study.folder.glob("*/run/*"))  # of a run only its scores are kept
    facts = read_json(about)
    assert facts["missing"] == []
    assert table.with_suffix(".md").read_text(encoding="utf-8").strip() == markdown(rows, facts)
    assert facts["worlds"]["shifted"] == {"shift": SHIFT}
    assert set(facts["effect_of_attention"]["habitat"]) == {"mib"}  # the only pair here
    assert facts["strategies"]["joint"]["joint"] is True
    monkeypatch.setattr(AttentionRuns, "carry_out", lambda *_: pytest.fail("nothing is left to run"))
    assert work(study)


@pytest.mark.slow
def test_rows_of_another_machine_are_taken_over_and_those_of_another_configuration_are_redone(study, tmp_path):
    work(study)
    table, _ = study.collect()
    other = ReferenceStudy(tmp_path / "other", (0,), settings=study.settings)
    other.take_rows(table)
    assert other.missing() == []
    joint = next(row for row in other.rows() if row.strategy == "joint")
    assert math.isnan(joint.forgetting)
    kept, about = other.collect()
    assert kept.read_bytes() == table.read_bytes()
    lines = table.read_text().splitlines()
    table.write_text("\n".join([*lines[:-1], lines[-1][:-3] + "abc"]) + "\n")
    fewer = ReferenceStudy(tmp_path / "fewer", (0,), settings=study.settings)
    fewer.take_rows(table)
    assert len(fewer.missing()) == 1
    kept, about = fewer.collect()
    assert len(read_rows(kept)) == len(FEW) - 1  # a row of another configuration is not shown
    assert len(read_json(about)["missing"]) == 1


def test_a_run_whose_row_is_damaged_is_carried_out_again(study):
    for entry in FEW:
        keep_done(study.run(entry), dict.fromkeys(SCORES, 0.5))
    assert study.missing() == []
    changed = study.run(FEW[1]).folder / "run.json"
    changed.write_text(changed.read_text().replace("0.5", "0.6", 1))
    with pytest.warns(UserWarning, match=r"run.json is damaged.* Its run is carried out again"):
        assert study.missing() == [FEW[1]]
    with pytest.warns(UserWarning, match="is damaged"):
        assert len(study.rows()) == len(FEW) - 1


@pytest.mark.slow
def test_a_run_that_would_begin_with_another_base_step_than_the_others_fails_and_says_so(study):
    work(study)
    run = study.run(FEW[0])
    seedless = {"strategy": FEW[3].strategy, "world": FEW[3].world}  # the seed is left at its default
    other = SweepRun(study.target, seedless, study.folder)
    assert other.folder == study.run(FEW[3]).folder
    run.write(replace(run.state, state=WAITING))
    assert work(study)  # the same base step: nothing to say
    run.write(replace(run.state, state=WAITING))
    keep_done(other, {**other.state.scores, "base": other.state.scores["base"] + 0.02})
    assert not work(study)
    assert run.state.state == FAILED
    assert "runs of seed 0 must start from one base step. mib+attention began" in run.state.error


@pytest.mark.slow
def test_only_pairs_of_the_study_have_an_effect_of_attention(study, monkeypatch):
    monkeypatch.setattr(attention_study, "entries", lambda *asked: FEW[:4])
    work(study)
    facts = study.describe(study.rows())
    assert facts["with_attention"] == {"mib": "mib+attention"}
    assert set(facts["effect_of_attention"]["shifted"]) == {"mib"}
    assert facts["effect_of_attention"]["habitat"]["mib"]["all"]["seeds"] == 1


def test_strategies_of_the_stored_study_began_with_one_base_step_a_seed():
    rows, about = read_rows(asset("reference_study.csv")), read_json(asset("reference_study.json"))
    assert about["missing"] == []
    for world in about["worlds"]:
        for one in about["effect_of_attention"][world]:
            other = about["with_attention"][one]
            base = by_seed(rows, world, "base")[[one, other]].dropna()
            assert list(base.index)[:3] == [0, 1, 2]
            assert (base[one] == base[other]).all()
    assert set(about["effect_of_attention"][next(iter(about["worlds"]))]) == set(about["with_attention"])


def test_stored_rows_are_of_the_configurations_that_the_code_makes_today(tmp_path):
    study = ReferenceStudy(tmp_path / "study", (0,))
    rows = [row for row in read_rows(asset("reference_study.csv")) if row.seed == 0]
    assert {row.world for row in rows} >= {"habitat"}
    for row in rows:
        plan = study.plan(Entry(row.strategy, row.world, row.seed))
        assert config_hash(plan.config) == row.config, row.strategy
