"""The reference study: which runs, one row each, never twice, and what is said about them."""

import math
from dataclasses import asdict

import pytest

from satkit.evaluation.seeds import by_seed, difference, read_rows
from satkit.strategies.lookup import find_strategy
from satkit.studies import attention_study
from satkit.studies.attention_study import (
    ATTENTION,
    Entry,
    ReferenceFailed,
    ReferenceStudy,
    entries,
    markdown,
    with_attention,
)
from satkit.utils.assets import asset
from satkit.utils.files import read_json, write_json

FEW = [Entry(name, world, 0) for name in ("mib", "mib+attention") for world in ("plain", "shifted")]
FEW += [Entry("dkd", "plain", 0), Entry("joint", "plain", 0)]


@pytest.fixture
def study(few_runs):
    return few_runs


def test_every_strategy_with_a_teacher_is_run_with_attention_transfer_and_without():
    plan = {(entry.strategy, entry.world, entry.seed) for entry in entries((0, 1, 2))}
    for name in ATTENTION:
        plain, transferred = find_strategy(name), find_strategy(with_attention(name))
        assert plain.needs_teacher
        assert [term.name for term in transferred.terms] == [*(term.name for term in plain.terms), "attention"]
        assert transferred.targets == plain.targets
        for world in ("plain", "shifted"):
            for seed in (0, 1, 2):
                assert {(name, world, seed), (with_attention(name), world, seed)} <= plan
    assert {f"{name}+memory" for name in ("fine-tuning", "mib", "plop", "sats")} <= {name for name, _, _ in plan}
    assert len(plan) == len(entries((0, 1, 2)))
    assert len({entry.tag for entry in entries((0, 1, 2))}) == len(plan)


def test_sats_is_pseudo_labels_and_distillation_with_attention_transfer():
    sats, without = find_strategy("sats"), find_strategy("pseudo+distillation")
    assert (sats.targets, sats.classifier) == (without.targets, without.classifier)
    assert sats.terms[:-1] == without.terms


@pytest.mark.slow
def test_a_study_ends_in_one_row_a_run_and_is_never_computed_twice(study, monkeypatch):
    study.work()
    assert study.missing() == []
    table, about = study.collect()
    rows = read_rows(table)
    assert {(row.strategy, row.world, row.seed) for row in rows} == {(e.strategy, e.world, e.seed) for e in FEW}
    assert all(math.isfinite(row.all) and row.seconds > 0 for row in rows)
    bases = {row.base for row in rows if row.strategy.startswith("mib")}
    assert len(bases) == 1  # one base model for both worlds and both strategies
    assert {path.name for path in (study.folder / "runs").iterdir()} == {"seed0"}  # the base steps
    facts = read_json(about)
    assert facts["missing"] == []
    assert table.with_suffix(".md").read_text(encoding="utf-8").strip() == markdown(rows, facts)
    assert facts["worlds"]["shifted"] == attention_study.SHIFT
    assert set(facts["effect_of_attention"]["plain"]) == {"mib"}  # the only pair here
    assert facts["strategies"]["joint"]["joint"] is True
    monkeypatch.setattr(ReferenceStudy, "run", lambda *_: pytest.fail("nothing is left to run"))
    study.work()


@pytest.mark.slow
def test_rows_of_another_machine_are_taken_over_and_those_of_another_configuration_are_redone(study, tmp_path):
    study.work()
    table, _ = study.collect()
    other = ReferenceStudy(tmp_path / "other", (0,))
    other.take_rows(table)
    assert other.missing() == []
    path = next((other.folder / "rows").glob("*mib-attention.json"))
    write_json(path, {**read_json(path), "config": "another"})
    assert len(other.missing()) == 1
    joint = next(row for row in other.rows() if row.strategy == "joint")
    assert math.isnan(joint.forgetting)
    assert len(other.rows()) == len(FEW)
    kept, about = other.collect()
    assert len(read_rows(kept)) == len(FEW) - 1  # a row of another configuration is not shown
    assert len(read_json(about)["missing"]) == 1


@pytest.mark.slow
def test_rows_that_began_with_another_base_step_stop_the_study(study):
    study.work()
    rows = study.folder / "rows"
    (rows / "plain-seed0-mib.json").unlink()
    study.work()  # the same base step: nothing to say
    (rows / "plain-seed0-mib.json").unlink()
    other = rows / "shifted-seed0-mib-attention.json"
    write_json(other, {**read_json(other), "base": read_json(other)["base"] + 0.02})
    with pytest.raises(ReferenceFailed, match="rows of seed 0 must start from one base step. mib.attention began"):
        study.work()


def test_a_study_of_some_strategies_has_each_in_both_worlds():
    plan = [(each.strategy, each.world, each.seed) for each in entries((3,), ("mib", "sats+attention=5", "joint"))]
    both = [(name, world, 3) for name in ("mib", "sats+attention=5") for world in ("plain", "shifted")]
    assert plan == [*both, ("joint", "plain", 3)]


@pytest.mark.slow
def test_only_pairs_of_the_study_have_an_effect_of_attention(study, monkeypatch):
    monkeypatch.setattr(attention_study, "entries", lambda seeds=(0,), strategies=(): FEW[:4])
    study.work()
    facts = study.describe(study.rows())
    assert facts["with_attention"] == {"mib": "mib+attention"}
    assert set(facts["effect_of_attention"]["shifted"]) == {"mib"}
    assert facts["effect_of_attention"]["plain"]["mib"]["all"]["seeds"] == 1


STAGES = [f"pseudo+distillation+attention-stage{number}" for number in (1, 2, 3, 4)]


@pytest.mark.parametrize(
    ("name", "pairs"),
    [
        ("reference_study", [(name, with_attention(name)) for name in ATTENTION]),
        ("stage_study", [("pseudo+distillation", other) for other in ("sats", *STAGES)]),
    ],
)
def test_what_is_compared_in_a_stored_study_began_with_one_base_step_a_seed(name, pairs):
    rows, about = read_rows(asset(f"{name}.csv")), read_json(asset(f"{name}.json"))
    assert about["missing"] == []
    for world in ("plain", "shifted"):
        for one, other in pairs:
            base = by_seed(rows, world, "base")[[one, other]]
            assert list(base.index) == about["settings"]["seed"] == [0, 1, 2]
            assert base.notna().all(axis=None)
            assert (base[one] == base[other]).all()


@pytest.mark.parametrize("world", ["plain", "shifted"])
def test_readme_and_lesson_say_what_the_stage_study_says(world):
    rows = read_rows(asset("stage_study.csv"))
    cost = {
        key: [difference(rows, each, "pseudo+distillation", world, key) for each in STAGES] for key in ("old", "new")
    }
    means = [each.mean for each in cost["new"]]
    assert means == sorted(means, reverse=True)
    assert means[-1] < difference(rows, "sats", "pseudo+distillation", world, "new").mean
    assert not any(each.excludes_zero for each in cost["old"])


def test_what_another_process_holds_is_left_to_it(study):
    with study.claimed("shared") as mine:
        assert mine
        with study.claimed("shared") as again:
            assert not again
    with study.claimed("shared") as mine:
        assert mine


def test_the_hash_of_a_configuration_ignores_the_machine_alone(study):
    config = study.plan(FEW[0]).config
    assert attention_study.config_hash({**config, "machine": {}}) == attention_study.config_hash(config)
    assert attention_study.config_hash({**config, "seed": 5}) != attention_study.config_hash(config)
    assert asdict(FEW[0]) == {"strategy": "mib", "world": "plain", "seed": 0}


def test_another_shift_is_another_study(study, tmp_path):
    shifted = Entry("mib", "shifted", 0)
    other = ReferenceStudy(tmp_path / "other", (0,), shift=0.3)
    assert (study.plan(shifted).settings.shift, other.plan(shifted).settings.shift) == (0.65, 0.3)
    assert attention_study.config_hash(study.plan(shifted).config) != attention_study.config_hash(
        other.plan(shifted).config
    )


@pytest.mark.parametrize("name", ["reference_study.csv", "stage_study.csv"])
def test_stored_rows_are_of_the_configurations_that_the_code_makes_today(name, tmp_path):
    study, rows = ReferenceStudy(tmp_path / "study", (0,)), [row for row in read_rows(asset(name)) if row.seed == 0]
    assert rows
    for row in rows:
        plan = study.plan(Entry(row.strategy, row.world, row.seed))
        assert attention_study.config_hash(plan.config) == row.config, row.strategy
