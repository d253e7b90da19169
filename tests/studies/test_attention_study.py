"""The reference study: which runs, one row each, never twice, and what is said about them."""

import math
from dataclasses import asdict

import pytest
from tiny_studies import FEW

from satkit.evaluation.seeds import Row, by_seed, read_rows
from satkit.experiments.configuration import config_hash
from satkit.studies import attention_study
from satkit.studies.attention_grid import SHIFT, Entry
from satkit.studies.attention_report import markdown
from satkit.studies.attention_study import ReferenceFailed, ReferenceStudy
from satkit.studies.row_files import read_row, write_row
from satkit.utils.assets import asset
from satkit.utils.files import read_json, write_json


@pytest.fixture
def study(few_runs):
    return few_runs


@pytest.mark.slow
def test_a_study_ends_in_one_row_a_run_and_is_never_computed_twice(study, monkeypatch):
    study.work()
    assert study.missing() == []
    table, about = study.collect()
    rows = read_rows(table)
    assert {(row.strategy, row.world, row.seed) for row in rows} == {(e.strategy, e.world, e.seed) for e in FEW}
    assert all(math.isfinite(row.all) and row.seconds > 0 for row in rows)
    began = {row.base for row in rows if row.strategy.startswith("mib")}
    assert len(began) == 1  # one base model for both worlds and both strategies
    bases = {path.name for path in (study.folder / "runs").iterdir()}
    assert bases == {"scenes-15-5-tiny-seed0", "scenes-15-5-tiny-seed0-habitat0"}
    facts = read_json(about)
    assert facts["missing"] == []
    assert table.with_suffix(".md").read_text(encoding="utf-8").strip() == markdown(rows, facts)
    assert facts["worlds"]["shifted"] == {"shift": SHIFT}
    assert set(facts["effect_of_attention"]["habitat"]) == {"mib"}  # the only pair here
    assert facts["strategies"]["joint"]["joint"] is True
    monkeypatch.setattr(ReferenceStudy, "run", lambda *_: pytest.fail("nothing is left to run"))
    study.work()


@pytest.mark.slow
def test_rows_of_another_machine_are_taken_over_and_those_of_another_configuration_are_redone(study, tmp_path):
    study.work()
    table, _ = study.collect()
    other = ReferenceStudy(tmp_path / "other", (0,), settings=study.settings)
    other.take_rows(table)
    assert other.missing() == []
    path = next((other.folder / "rows").glob("*mib-attention.json"))
    write_row(path, {**read_row(path, ()), "config": "another"})
    assert len(other.missing()) == 1
    joint = next(row for row in other.rows() if row.strategy == "joint")
    assert math.isnan(joint.forgetting)
    assert len(other.rows()) == len(FEW)
    kept, about = other.collect()
    assert len(read_rows(kept)) == len(FEW) - 1  # a row of another configuration is not shown
    assert len(read_json(about)["missing"]) == 1


def test_damaged_rows_are_computed_again_and_those_of_an_earlier_version_are_taken(study):
    config = {entry: config_hash(study.plan(entry).config) for entry in FEW}
    for entry in FEW:
        scores = dict.fromkeys(("old", "new", "all", "base", "kept", "forgetting", "average", "seconds"), 0.5)
        row = Row(entry.strategy, entry.strategy, entry.world, entry.seed, **scores, config=config[entry])
        write_row(study.row_file(entry), asdict(row))
    assert study.missing() == []
    write_json(study.row_file(FEW[0]), read_row(study.row_file(FEW[0]), ()))  # as it was written until now
    changed = study.row_file(FEW[1])
    changed.write_text(changed.read_text().replace("0.5", "0.6", 1))
    with pytest.warns(UserWarning, match=rf"{changed.name} is damaged.* Its run is carried out again"):
        assert study.missing() == [FEW[1]]
    with pytest.warns(UserWarning, match="is damaged"):
        assert len(study.rows()) == len(FEW) - 1


@pytest.mark.slow
def test_rows_that_began_with_another_base_step_stop_the_study(study):
    study.work()
    rows = study.folder / "rows"
    (rows / "habitat-seed0-mib.json").unlink()
    study.work()  # the same base step: nothing to say
    (rows / "habitat-seed0-mib.json").unlink()
    other = rows / "shifted-seed0-mib-attention.json"
    row = read_row(other, ())
    write_row(other, {**row, "base": row["base"] + 0.02})
    with pytest.raises(ReferenceFailed, match="rows of seed 0 must start from one base step. mib.attention began"):
        study.work()


@pytest.mark.slow
def test_only_pairs_of_the_study_have_an_effect_of_attention(study, monkeypatch):
    monkeypatch.setattr(attention_study, "entries", lambda *asked: FEW[:4])
    study.work()
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


def test_what_another_process_holds_is_left_to_it(study):
    with study.claimed("shared") as mine:
        assert mine
        with study.claimed("shared") as again:
            assert not again
    with study.claimed("shared") as mine:
        assert mine


def test_the_worlds_of_a_run_are_in_its_plan(tmp_path):
    study = ReferenceStudy(tmp_path, (0,))
    settings = {name: study.plan(Entry("mib", name, 0)).settings for name in ("habitat", "uniform", "shifted")}
    assert {name: (each.habitat, each.shift) for name, each in settings.items()} == {
        "habitat": (0.75, 0.0),
        "uniform": (0.0, 0.0),
        "shifted": (0.75, SHIFT),
    }
    noise = study.plan(Entry("mib", "habitat from noise", 0)).settings
    assert noise.from_scratch
    assert noise.habitat == 0.75


def test_every_world_has_a_base_step_of_its_own_unless_only_later_steps_differ(tmp_path):
    study = ReferenceStudy(tmp_path, (0,))
    folders = {name: study.base(study.plan(Entry("mib", name, 0))).run.folder for name in study.worlds}
    assert folders["habitat"] == folders["shifted"]
    assert len(set(folders.values())) == len(folders) - 1


def test_stored_rows_are_of_the_configurations_that_the_code_makes_today(tmp_path):
    study = ReferenceStudy(tmp_path / "study", (0,))
    rows = [row for row in read_rows(asset("reference_study.csv")) if row.seed == 0]
    assert {row.world for row in rows} >= {"habitat"}
    for row in rows:
        plan = study.plan(Entry(row.strategy, row.world, row.seed))
        assert config_hash(plan.config) == row.config, row.strategy
