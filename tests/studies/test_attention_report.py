"""The tables of the attention study say what its rows say."""

import pytest

from satkit.evaluation.seeds import Row, difference, difference_cell, score
from satkit.studies.attention_grid import (
    ALONE,
    ATTENTION,
    FEWER,
    FRONTS,
    MAIN,
    ONE_STEP,
    SETTINGS,
    WORLDS,
    entries,
    front,
    with_attention,
)
from satkit.studies.attention_report import (
    effects_markdown,
    fronts_markdown,
    markdown,
    scores_markdown,
    worlds_markdown,
)

ABOUT = {
    "worlds": WORLDS["scenes"],
    "with_attention": {name: with_attention(name) for name in ATTENTION},
    "settings": SETTINGS["scenes"].plain(),
    "machine": {"threads": 1, "device": "CPU", "torch": "2.13.0"},
    "missing": [],
}
PLACES = [  # of every strategy on each front, counted from the strategy itself
    {each: place - front(name, grows).index(name) for place, each in enumerate(front(name, grows))}
    for name in MAIN
    for grows in FRONTS
]


@pytest.fixture
def rows():
    """Every run of the study; new classes fall by the same amount along each front, and seeds differ."""
    found = []
    for run in entries("scenes"):
        place = next((places[run.strategy] for places in PLACES if run.strategy in places), 0)
        old, new = 0.6 + 0.05 * place + 0.01 * run.seed, 0.4 - 0.1 * place + 0.01 * run.seed
        new += 0.02 * ("attention" in run.strategy or run.strategy == "sats")
        scores = [old, new, (3 * old + new) / 4, 0.8, 0.9, 0.1, 0.6, 60.0]
        found.append(Row(run.strategy, run.strategy, run.world, run.seed, *scores, "hash"))
    return found


def lines(table: str) -> list[list[str]]:
    return [
        [cell.strip() for cell in line.strip("|").split("|")] for line in table.splitlines() if line.startswith("| ")
    ]


def test_the_main_world_has_every_strategy_with_its_difference(rows):
    _, *body = lines(effects_markdown(rows, ABOUT))
    assert [line[0] for line in body] == list(ATTENTION)
    fewer = [row for row in rows if row.seed in FEWER]  # the seeds that every strategy of the table has
    assert body[1][1] == difference_cell(difference(fewer, "mib+attention", "mib", "habitat", "old"))
    assert "seeds 0, 1, 2, 66 runs" in " ".join(effects_markdown(rows, ABOUT).split())


def test_every_world_has_both_terms_of_the_main_strategies(rows):
    _, *body = lines(worlds_markdown(rows, ABOUT))
    assert {line[0] for line in body} == set(WORLDS["scenes"])
    assert len(body) == 2 * len(MAIN) * len(WORLDS["scenes"])
    assert all("±" in cell for line in body for cell in line[3:])


def test_every_strategy_stands_with_its_scores_in_both_schedules(rows):
    heads, *body = lines(scores_markdown(rows, ABOUT))
    assert heads[1:] == [f"{world}: {classes}" for world in ("habitat", ONE_STEP) for classes in ("old", "new", "all")]
    assert [line[0] for line in body] == ["fine-tuning", *ATTENTION, *ALONE, "joint"]
    fewer = [row for row in rows if row.seed in FEWER]  # the main world has more seeds for some of them
    found = score(fewer, "mib", "habitat", "new")
    assert (
        dict(zip(heads, body[2], strict=True))["habitat: new"]
        == f"{100 * found.mean:.1f} ± {100 * found.half_width:.1f}"
    )
    assert "15-5: new" in markdown(rows, ABOUT)


def test_without_the_task_of_the_default_study_the_main_strategies_stand_with_their_scores_in_every_world(rows):
    worlds = {name: WORLDS["scenes"][name] for name in ("habitat", "uniform")}
    some = [row for row in rows if row.world in worlds]
    heads, *body = lines(scores_markdown(some, ABOUT | {"worlds": worlds}))
    assert heads[1:] == [f"{world}: {classes}" for world in worlds for classes in ("old", "new", "all")]
    assert [line[0] for line in body] == ["fine-tuning", *MAIN, "joint"]
    assert all("±" in cell for line in body for cell in line[1:])
    _, *body = lines(scores_markdown([row for row in some if row.strategy != "mib"], ABOUT | {"worlds": worlds}))
    assert body[2] == ["mib", *["-"] * 6]  # not measured yet


def test_every_point_of_every_front_has_one_line_beside_stronger_distillation(rows):
    heads, *body = lines(fronts_markdown(rows, ABOUT))
    assert heads[5:7] == ["- distillation=20: old", "- distillation=20: new"]
    expected = [point for name in MAIN for point in dict.fromkeys(p for grows in FRONTS for p in front(name, grows))]
    assert sorted(line[0] for line in body) == sorted(expected)
    by_name = {line[0]: line for line in body}
    minus = difference(rows, "mib+attention=2", "mib+distillation=40", "habitat", "new")
    assert by_name["mib+attention=2"][8] == difference_cell(minus)
    assert by_name["mib+distillation=20"][5:7] == ["-", "-"]
    assert "±" in by_name["mib+distillation=20"][7]
    assert by_name["pseudo+distillation"][5:7] == ["-", "-"]  # the name that weight 20 has
    assert by_name["mib"][1] == ""
    assert by_name["mib+distillation=5"][1] == "distillation"


def test_a_study_without_fronts_has_no_table_of_fronts(rows):
    some = [row for row in rows if row.strategy in ("mib", "mib+attention")]
    assert "distillation=40" not in markdown(some, ABOUT)
    assert "distillation=40" in markdown(rows, ABOUT)
