"""Means, spread and paired differences over seeds, and the file they come from."""

import math

import pytest

from satkit.evaluation.seeds import Row, difference, effect_table, estimate, pick, read_rows, score, verdict, write_rows


def row(strategy="a", seed=0, value=0.5, world="plain", **scores) -> Row:
    values = dict.fromkeys(("old", "new", "all", "base", "kept", "forgetting", "average"), value) | scores
    return Row(strategy=strategy, name=strategy.upper(), world=world, seed=seed, seconds=1.0, config="c", **values)


def test_an_estimate_is_mean_deviation_and_student_s_interval():
    found = estimate([0.1, 0.2, 0.6])
    mean = 0.3
    std = math.sqrt(((0.1 - mean) ** 2 + (0.2 - mean) ** 2 + (0.6 - mean) ** 2) / 2)
    assert found.mean == pytest.approx(mean)
    assert found.std == pytest.approx(std)
    assert found.half_width == pytest.approx(4.303 * std / math.sqrt(3))
    assert found.seeds == 3
    assert not found.excludes_zero


def test_one_seed_has_no_spread_and_none_no_mean():
    assert estimate([0.3]).mean == 0.3
    assert math.isnan(estimate([0.3]).std)
    assert not estimate([0.3]).excludes_zero
    assert math.isnan(estimate([]).mean)
    assert estimate([0.2, math.nan, 0.4]).seeds == 2


def test_an_interval_on_one_side_of_zero_says_so():
    assert estimate([0.10, 0.11, 0.12]).excludes_zero
    assert estimate([-0.10, -0.11, -0.12]).excludes_zero


def test_differences_are_taken_within_each_seed():
    rows = [row("a", 0, 0.50), row("a", 1, 0.70), row("b", 0, 0.40), row("b", 1, 0.60), row("b", 2, 0.9)]
    found = difference(rows, "a", "b", "plain")
    assert found.mean == pytest.approx(0.1)
    assert found.std == pytest.approx(0, abs=1e-12)  # although each of them varies from seed to seed
    assert found.seeds == 2
    assert score(rows, "b", "plain").seeds == 3


def test_worlds_are_kept_apart():
    rows = [row(world="plain", value=0.5), row(world="shifted", value=0.1)]
    assert score(rows, "a", "plain", "old").mean == 0.5
    assert score(rows, "a", "shifted", "old").mean == 0.1
    assert set(pick(rows, "a", "plain")) == {0}


def test_rows_survive_the_file_and_the_same_rows_give_the_same_file(tmp_path):
    rows = [row("b+attention", 1), row("a", 0, forgetting=math.nan), row("a", 1, world="shifted")]
    for name, order in (("one.csv", rows), ("other.csv", rows[::-1])):
        write_rows(tmp_path / name, order)
    assert (tmp_path / "one.csv").read_bytes() == (tmp_path / "other.csv").read_bytes()
    found = read_rows(tmp_path / "one.csv")
    assert [(each.strategy, each.world, each.seed) for each in found] == [
        ("a", "plain", 0),
        ("b+attention", "plain", 1),
        ("a", "shifted", 1),
    ]
    assert math.isnan(found[0].forgetting)
    assert found[1] == rows[0]


def test_a_verdict_says_no_more_than_the_seeds_do():
    assert verdict(estimate([0.10, 0.11, 0.12])) == "+11.0 points (95 % interval +8.5 to +13.5, 3 seeds): higher"
    assert verdict(estimate([-0.10, -0.11, -0.12])).endswith("lower")
    assert verdict(estimate([0.1, -0.1])).endswith("2 seeds): these seeds do not tell")
    assert verdict(estimate([0.02])) == "+2.0 points (one seed: no interval)"
    assert verdict(estimate([])) == "not measured"


def test_the_table_of_effects_has_a_line_a_pair_and_marks_what_excludes_zero():
    rows = [row(name, seed, value + 0.001 * seed) for name, value in (("a", 0.5), ("a+x", 0.6)) for seed in (0, 1)]
    rows += [row("b", 0, 0.5), row("b+x", 0, 0.49), row("a+x", 0, 0.2, world="shifted")]
    lines = effect_table(rows, {"a": "a+x", "b": "b+x"}, ["plain", "shifted"]).splitlines()
    assert (
        lines[0] == "| strategy | plain: old | plain: new | plain: all | shifted: old | shifted: new | shifted: all |"
    )
    assert lines[2] == "| a | **+10.0 ± 0.0** | **+10.0 ± 0.0** | **+10.0 ± 0.0** | - | - | - |"
    assert lines[3] == "| b | -1.0 | -1.0 | -1.0 | - | - | - |"
