"""Means, spread and paired differences over seeds, and the file they come from."""

import math

import pytest

from satkit.evaluation.seeds import (
    Row,
    by_seed,
    difference,
    effect_table,
    effects,
    estimate,
    frame,
    read_rows,
    score,
    student_t,
    verdict,
    write_rows,
)
from satkit.utils.assets import asset
from satkit.utils.errors import UsageError
from satkit.utils.files import read_json


def row(strategy="a", seed=0, value=0.5, world="plain", **scores) -> Row:
    values = dict.fromkeys(("old", "new", "all", "base", "kept", "forgetting", "average"), value) | scores
    return Row(strategy=strategy, name=strategy.upper(), world=world, seed=seed, seconds=1.0, config="c", **values)


def test_an_estimate_is_mean_deviation_and_student_s_interval():
    found = estimate([0.1, 0.2, 0.6])
    mean = 0.3
    std = math.sqrt(((0.1 - mean) ** 2 + (0.2 - mean) ** 2 + (0.6 - mean) ** 2) / 2)
    assert found.mean == pytest.approx(mean)
    assert found.std == pytest.approx(std)
    assert found.half_width == pytest.approx(4.30265 * std / math.sqrt(3))
    assert found.seeds == 3
    assert not found.excludes_zero


@pytest.mark.parametrize(("freedom", "t"), [(1, 12.706), (2, 4.303), (9, 2.262), (11, 2.201), (29, 2.045)])
def test_student_s_t_is_that_of_the_printed_tables(freedom, t):
    assert student_t(freedom) == pytest.approx(t, abs=5e-4)


def test_student_s_t_grows_with_the_confidence():
    assert student_t(2, 0.99) == pytest.approx(9.925, abs=5e-4)


def test_an_interval_of_twelve_seeds_is_student_s_and_not_the_normal_one():
    values = [0.3 + 0.01 * (-1) ** seed for seed in range(12)]
    std = math.sqrt(12 * 0.01**2 / 11)
    assert estimate(values).half_width == pytest.approx(2.200985 * std / math.sqrt(12))


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
    assert by_seed(rows, "plain", "old")["a"].to_dict() == {0: 0.5}


def test_what_was_not_run_has_no_estimate():
    assert score([row("a")], "b", "plain").seeds == score([row("a")], "a", "shifted").seeds == 0
    assert difference([row("a")], "a", "b", "plain").seeds == 0


def test_a_frame_has_a_line_per_run_and_serves_as_well_as_the_rows():
    rows = [row("a", 0, 0.50), row("a", 1, 0.70), row("b", 0, 0.40), row("b", 1, 0.61)]
    runs = frame(rows)
    assert runs[["strategy", "world", "seed", "old"]].values.tolist() == [
        [each.strategy, each.world, each.seed, each.old] for each in rows
    ]
    assert frame(runs) is runs
    assert difference(runs, "a", "b", "plain") == difference(rows, "a", "b", "plain")
    assert frame([]).empty


def test_two_runs_for_one_place_are_refused():
    with pytest.raises(
        UsageError, match="must have one run for each seed and world; 'a' has two with seed 1 in the plain"
    ):
        frame([row("a", 1), row("a", 1)])


def test_effects_are_the_differences_of_every_pair_world_and_group_that_were_measured():
    rows = [row(name, seed, value + 0.001 * seed) for name, value in (("a", 0.5), ("a+x", 0.6)) for seed in (0, 1)]
    rows += [row("a", 0, 0.5, world="shifted"), row("a+x", 0, 0.4, world="shifted")]
    found = effects(rows, {"with x": ("a+x", "a"), "with y": ("a+y", "a")})
    assert found[["world", "strategy", "classes", "seeds"]].values.tolist() == [
        [world, "with x", classes, seeds]
        for world, seeds in (("plain", 2), ("shifted", 1))
        for classes in ("old", "new", "all")
    ]
    assert found["mean"].tolist() == pytest.approx([0.1] * 3 + [-0.1] * 3)
    assert found["excludes_zero"].tolist() == [True] * 3 + [False] * 3


def test_more_confidence_makes_wider_intervals():
    rows = [
        row(name, seed, value) for name, low in (("a", 0.5), ("b", 0.3)) for seed, value in enumerate((low, low**2))
    ]
    usual, strict = (effects(rows, {"a": ("a", "b")}, confidence) for confidence in (0.95, 0.99))
    ratio = (strict["half_width"] / usual["half_width"]).tolist()
    assert ratio == pytest.approx([student_t(1, 0.99) / student_t(1)] * 3)


def test_stored_intervals_are_those_of_the_stored_rows():
    runs, about = frame(read_rows(asset("reference_study.csv"))), read_json(asset("reference_study.json"))
    for world, strategies in about["effect_of_attention"].items():
        for than, groups in strategies.items():
            for classes, stored in groups.items():
                found = difference(runs, about["with_attention"][than], than, world, classes)
                assert found.mean == pytest.approx(stored["mean"], abs=2e-6)
                assert found.half_width == pytest.approx(stored["half_width"], abs=1e-5)
                assert found.half_width == pytest.approx(
                    student_t(found.seeds - 1) * found.std / math.sqrt(found.seeds)
                )


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
    lines = effect_table(rows, {"a": "a+x", "b": "b+x"}, ["plain", "shifted"]).markdown().splitlines()
    assert (
        lines[0] == "| strategy | plain: old | plain: new | plain: all | shifted: old | shifted: new | shifted: all |"
    )
    assert lines[2] == "| a | **+10.0 ± 0.0** | **+10.0 ± 0.0** | **+10.0 ± 0.0** | - | - | - |"
    assert lines[3] == "| b | -1.0 | -1.0 | -1.0 | - | - | - |"
