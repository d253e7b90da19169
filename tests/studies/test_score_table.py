"""The table of scores: the same numbers in every form, and words that say what they are."""

import json
import re

import pytest

from satkit.evaluation.conventions import protocol, sentence
from satkit.studies.score_table import COLUMNS, ScoreTable

MACHINE = {"threads": 2, "device": "CPU", "torch": "2.13.0"}
BESIDE = {"machine": MACHINE, "conventions": protocol().describe(64), "base": 0.6123}
SCORES = {
    "fine-tuning": {"old": 0.0512, "new": 0.4444, "all": 0.1234, "forgetting": 0.6, "kept": 0.01, "average": 0.35},
    "joint": {"old": 1.0, "new": 0.5, "all": 0.75, "forgetting": None, "kept": 1.0, "average": 0.75},
}
RESULT = {
    "settings": {"data": "scenes", "task": "15-5", "setting": "overlapped", "preset": "quick", "seed": 7},
    "base_classes": list(range(1, 16)),
    "added_classes": list(range(16, 21)),
    "seconds": 100.0,
    "strategies": {
        "fine-tuning": {**SCORES["fine-tuning"], **BESIDE, "steps": [{}, {}]},
        "joint": {**SCORES["joint"], **BESIDE, "steps": [{}]},
    },
}
WRITTEN = [
    ["fine-tuning", "5.1", "44.4", "12.3", "60.0", "1.0", "35.0"],
    ["joint", "100.0", "50.0", "75.0", "-", "100.0", "75.0"],
]


@pytest.fixture
def other():
    """A copy to change."""
    return json.loads(json.dumps(RESULT))


def said(text):
    return " ".join(text.split())


def test_text_shows_percent_and_a_dash_where_there_is_no_score():
    lines = ScoreTable(RESULT).text(118).splitlines()
    assert lines[0].split("  ")[0] == "strategy"
    assert "old 0-15  new 16-20" in lines[0]
    assert [line.split() for line in lines[2:4]] == WRITTEN
    assert len({len(line) for line in lines[:4]}) == 1


@pytest.mark.parametrize("width", [60, 80, 118])
def test_text_fits_the_terminal_and_says_what_the_numbers_are(width):
    text = ScoreTable(RESULT).text(width)
    assert max(map(len, text.splitlines())) <= max(width, 66)  # the numbers themselves take 66
    assert "preset quick, seed 7, 2 threads on CPU" in said(text)
    assert "background included" in said(text)
    assert sentence(protocol().describe(64)) in said(text)


def test_markdown_holds_the_same_numbers_and_how_they_came_about():
    lines = ScoreTable(RESULT).markdown().splitlines()
    assert lines[0] == "| strategy | old 0-15 | new 16-20 | all | forgetting | kept | average |"
    assert lines[1] == "|---|" + "--:|" * len(COLUMNS)
    assert [line.strip("| ").split(" | ") for line in lines[2:4]] == WRITTEN
    note = " ".join(lines[5:])
    assert (
        "scenes 15-5 overlapped, preset quick, seed 7 (one seed), 2 threads on CPU, torch 2.13.0, 1 min 40 s." in note
    )
    assert "Old was 61.2 after the base step." in note


def test_html_holds_the_same_numbers_and_explains_each_column():
    text = ScoreTable(RESULT).html()
    rows = re.findall(r"<tr>(.*?)</tr>", text, re.DOTALL)[1:]
    assert [re.findall(r">([^<\s][^<]*)</t[hd]>", row) for row in rows] == WRITTEN
    assert "old 0-15<small>after the last step</small>" in text
    assert "<small>seen so far, 0-20</small>" in text
    assert "After the base step the old classes had 61.2 %." in text


def test_strategies_with_base_steps_of_their_own_are_said_to_have_them(other):
    other["strategies"]["SS<b>UL"] = {**other["strategies"]["fine-tuning"], "base": 0.5}
    text = ScoreTable(other).html()
    assert "After their base steps the old classes had 61.2 % (fine-tuning), 50.0 % (SS&lt;b&gt;UL)." in text


def test_joint_training_alone_has_no_base_step(other):
    del other["strategies"]["fine-tuning"]
    assert "base step the old" not in ScoreTable(other).html()


def test_it_says_what_old_and_new_are_under_another_protocol_or_setting(other):
    for scores in other["strategies"].values():
        scores["conventions"]["background_in_old"] = False
    assert "old 1-15  new 16-20" in ScoreTable(other).text()
    assert "background excluded" in said(ScoreTable(other).text())
    other["settings"]["setting"] = "domain"
    assert "old places  new places" in ScoreTable(other).text()
    assert "on those that came later" in said(ScoreTable(other).text())
    assert "After the base step the old places had" in ScoreTable(other).html()
