"""Which runs the attention study has: every pair, every front, and no run twice."""

import pytest

from satkit.experiments.presets import preset
from satkit.experiments.settings import STRATEGIES, Settings
from satkit.strategies.lookup import find_strategy
from satkit.studies.attention_grid import (
    ALONE,
    ATTENTION,
    FEWER,
    FRONTS,
    MAIN,
    MEMORY,
    ONE_STEP,
    POOLINGS,
    SEEDS,
    STAGES,
    WORLDS,
    Entry,
    entries,
    front,
    main_strategies,
    settings_of,
    strategies_in,
    with_attention,
    with_part,
)
from satkit.utils.errors import UsageError

CHOSEN_ON = {10, 11, 12}


@pytest.mark.parametrize("data", WORLDS)
def test_no_run_is_listed_twice_and_every_run_has_files_of_its_own(data):
    runs = entries(data)
    assert len(set(runs)) == len({run.tag for run in runs}) == len(runs)
    assert {run.world for run in runs} == set(WORLDS[data])


def test_what_is_reported_was_not_chosen_on():
    assert not CHOSEN_ON & set(SEEDS)
    assert len(SEEDS) == 5


def test_in_the_main_world_every_strategy_with_a_teacher_is_run_with_attention_transfer_and_without():
    names = strategies_in("scenes", "habitat")
    for name in ATTENTION:
        plain, transferred = find_strategy(name), find_strategy(with_attention(name))
        assert plain.needs_teacher
        assert [term.name for term in transferred.terms] == [*(term.name for term in plain.terms), "attention"]
        assert transferred.targets == plain.targets
        assert {name, with_attention(name)} <= set(names)


def test_what_is_given_a_memory_is_run_without_one_too():
    for world in WORLDS["scenes"]:
        names = set(strategies_in("scenes", world))
        remembering = {name for name in names if name.endswith("+memory")}
        without = "noise" in world or world == ONE_STEP
        assert remembering == (set() if without else {f"{name}+memory" for name in MEMORY})
        assert {name.removesuffix("+memory") for name in remembering} <= names


def test_in_the_world_of_the_default_study_every_strategy_is_run():
    default = Settings().preset
    assert WORLDS["scenes"][ONE_STEP] == {"task": preset("scenes", default).task, "preset": default}
    assert {*ATTENTION, *ALONE, *STRATEGIES, "joint"} <= set(strategies_in("scenes", ONE_STEP))


def test_variants_of_the_term_differ_from_it_in_one_thing():
    usual = find_strategy(with_part(MAIN[0], "attention=5"))
    for part in POOLINGS + STAGES:
        variant = find_strategy(with_part(MAIN[0], part))
        term, other = usual.terms[-1], variant.terms[-1]
        changed = [key for key, value in vars(term).items() if vars(other)[key] != value]
        assert variant.terms[:-1] == usual.terms[:-1]
        assert changed in ([["stages"]] if part in STAGES else [["pooling"], ["keys"]])


@pytest.mark.parametrize("name", MAIN)
@pytest.mark.parametrize("grows", FRONTS)
def test_a_front_goes_through_the_strategy_itself_and_one_weight_grows_along_it(name, grows):
    points = front(name, grows)
    assert name in points
    for seed in SEEDS:
        assert set(points) <= set(strategies_in("scenes", "habitat", seed))
    strategies = [find_strategy(point) for point in points]
    assert len({str(strategy.describe()) for strategy in strategies}) == len(points)

    if grows == "slower backbone":
        numbers = [1.0, *(each.freezing.backbone_lr for each in strategies[1:])][::-1]
    else:
        term = "attention" if "attention" in grows else "distillation"
        weights = [{each.name: each.weight for each in strategy.terms} for strategy in strategies]
        numbers = [next((weight for word, weight in each.items() if term in word), 0.0) for each in weights]
    assert numbers == sorted(set(numbers))


@pytest.mark.parametrize(
    ("name", "part", "text"),
    [
        ("mib", "", "mib"),
        ("mib", "distillation=5", "mib+distillation=5"),
        ("pseudo+distillation=10", "distillation=40", "pseudo+distillation=40"),
        ("pseudo+distillation=10", "distillation=20", "pseudo+distillation"),
        ("pseudo+distillation=10", "attention-old=2", "pseudo+distillation=10+attention-old=2"),
        ("mib", "attention=20", "mib+attention"),
    ],
)
def test_one_strategy_has_one_name(name, part, text):
    assert with_part(name, part) == text
    if name == "mib" and part == "attention=20":
        assert find_strategy("mib+attention=20").terms == find_strategy(text).terms
    if part == "distillation=20":
        assert find_strategy("pseudo+distillation=20").terms == find_strategy(text).terms


def test_seeds_beyond_the_first_three_have_the_fronts_and_nothing_else():
    points = {point for name in MAIN for grows in FRONTS for point in front(name, grows)}
    for seed in SEEDS:
        some = set(strategies_in("scenes", "habitat", seed))
        assert (some == points | {"fine-tuning"}) == (seed not in FEWER)


def test_every_world_has_the_main_strategies():
    for data, worlds in WORLDS.items():
        for world in worlds:
            assert set(main_strategies()) <= set(strategies_in(data, world))


def test_sats_is_pseudo_labels_and_distillation_with_attention_transfer():
    sats, without = find_strategy("sats"), find_strategy("pseudo+distillation")
    assert (sats.targets, sats.classifier) == (without.targets, without.classifier)
    assert sats.terms[:-1] == without.terms


def test_a_study_of_some_strategies_has_each_in_every_world_that_is_asked_for():
    found = entries("scenes", (3,), ("mib", "joint"), ("habitat", "shifted"))
    assert found == [Entry("mib", "habitat", 3), Entry("joint", "habitat", 3), Entry("mib", "shifted", 3)]


def test_unknown_worlds_and_data_sets_are_refused():
    with pytest.raises(UsageError, match="Unknown world 'uniforn'. Did you mean 'uniform'"):
        entries("scenes", worlds=("uniforn",))
    with pytest.raises(UsageError, match="The attention study is of scenes or camvid, got 'voc'"):
        settings_of("voc", "")
