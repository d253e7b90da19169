"""Published results: every row is complete, possible and has a source, and scores are as printed."""

import csv
import re
from dataclasses import fields, replace
from itertools import groupby

import pytest

from satkit.evaluation.published import (
    FILE,
    NOT_RUN,
    PublishedResult,
    markdown,
    published,
    read_results,
    share_of_joint,
)
from satkit.scenario import TASKS
from satkit.strategies import recipes
from satkit.strategies.strategy import Strategy
from satkit.utils.assets import asset
from satkit.utils.errors import UsageError

TABLE = asset(FILE)
SATS = "SATS repository, images/sats_voc.png"
CLASSES = {"voc": 20, "ade20k": 150, "ade20k-panoptic": 150}
CONTRADICTS = "all is not the mean that old and new imply"


def text():
    return TABLE.read_text(encoding="utf-8")


def row(method, task, source, **others):
    """The one row with these properties."""
    found = [each for each in published(task=task, method=method) if each.source == source]
    found = [each for each in found if all(getattr(each, name) == value for name, value in others.items())]
    assert len(found) == 1
    return found[0]


def key(each):
    return (each.method, each.data, each.task, each.setting, each.backbone, each.source)


def complete():
    """The rows that give old, new and all."""
    return [each for each in published() if None not in (each.old, each.new, each.all)]


def implied(each):
    """What `all` should be: the mean over classes, with background among them if it is among the old ones."""
    base = int(each.task.split("-")[0])
    old = base + 1 if each.background_in_old else base
    new = CLASSES[each.data] - base
    return (old * each.old + new * each.new) / (old + new)


# The table as a whole ---------------------------------------------------------------------------------------------


def test_the_columns_are_the_fields_in_their_order():
    assert text().splitlines()[0].split(",") == [each.name for each in fields(PublishedResult)]


def test_every_line_has_a_value_in_every_column():
    with TABLE.open(newline="", encoding="utf-8") as file:
        lines = list(csv.reader(file, strict=True))
    assert {len(line) for line in lines} == {len(fields(PublishedResult))}
    assert all(value == value.strip() for line in lines for value in line)
    assert len(lines) - 1 == len(published()) == 380


def test_every_value_has_its_type():
    for each in published():
        for score in (each.old, each.new, each.all, each.average):
            assert score is None or isinstance(score, float)
        assert each.memory is None or (isinstance(each.memory, int) and each.memory > 0)
        assert each.background_in_old in (True, False, None)
        assert each.copied in (True, False)
        assert all((each.method, each.backbone, each.data, each.source))
        assert re.fullmatch(r"\d+-\d+", each.task)


def test_scores_are_percentages():
    for each in published():
        given = [score for score in (each.old, each.new, each.all, each.average) if score is not None]
        assert given, key(each)
        assert all(0 <= score <= 100 for score in given), key(each)


def test_keys_are_unique():
    keys = [key(each) for each in published()]
    assert len(set(keys)) == len(keys)


def test_rows_are_sorted():
    order = [(each.data, each.task, each.setting, each.method, each.source) for each in published()]
    assert order == sorted(order)


def test_background_is_decided_exactly_where_old_is_given():
    assert all((each.old is None) == (each.background_in_old is None) for each in published())


def test_memory_is_given_exactly_for_methods_with_a_memory():
    assert all((each.memory is not None) == each.method.endswith("-M") for each in published())
    sizes = {(each.data, each.memory) for each in published() if each.memory}
    assert sizes == {("voc", 100), ("ade20k", 300)}


def test_nothing_is_quoted_from_memory_or_unverified():
    assert not re.search(r"\bmem\b|unverified|from memory", text(), re.IGNORECASE)


def test_tasks_of_voc_are_tasks_of_satkit():
    assert {each.task for each in published(data="voc")} <= set(TASKS[20])


def test_methods_that_satkit_runs_have_its_names():
    names = {each.name for each in vars(recipes).values() if isinstance(each, Strategy)}
    methods = {each.method for each in published()}
    assert {"fine-tuning", "joint", "EWC", "PI", "RW", "LwF", "LwF-MC", "ILT"} <= names & methods
    assert {"MiB", "SDR", "PLOP", "SATS", "SSUL", "DKD"} <= names & methods


# Do the figures fit together? -------------------------------------------------------------------------------------


def test_all_lies_between_old_and_new():
    exceptions = {}  # key: reason; no source violates it
    wrong = [key(each) for each in complete() if not min(each.old, each.new) <= each.all <= max(each.old, each.new)]
    assert wrong == list(exceptions)


def test_all_is_the_mean_over_classes_unless_the_note_says_otherwise():
    for each in complete():
        fits = abs(implied(each) - each.all) <= 0.12  # all three are rounded, some to one digit
        counts_background_in_all_only = "background counts in all, not in old" in each.note
        assert fits != (CONTRADICTS in each.note or counts_background_in_all_only), key(each)


def test_only_ten_rows_contradict_themselves():
    assert sum(CONTRADICTS in each.note for each in published()) == 10


def test_background_of_recall_has_an_iou_like_everyone_elses():
    rows = [each for each in complete() if each.method == "RECALL"]
    assert len(rows) == 3
    for each in rows:
        base = int(each.task.split("-")[0])
        assert 85 < 21 * each.all - base * each.old - (20 - base) * each.new < 95


def test_joint_training_is_best_in_its_table():
    def table(each):
        return (each.source, each.data, each.task, each.setting, each.backbone.split(" (")[0])

    compared = 0
    for _, group in groupby(sorted(published(), key=table), table):
        rows = list(group)
        for joint in [each for each in rows if each.method == "joint"]:
            others = [each.all for each in rows if each.method != "joint"]
            assert joint.all > max(others)
            compared += len(others)
    assert compared > 80


# Single figures, written by hand ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("method", "task", "source", "others", "scores"),
    [
        ("SATS", "15-1", SATS, {}, (78.38, 62.02, 74.48)),
        ("SATS-M", "10-1", SATS, {"memory": 100}, (76.21, 61.62, 69.27)),
        ("SATS", "15-1", "SATS repository, issue 2", {"average": 75.37}, (77.51, 42.15, 69.09)),
        ("SSUL", "5-3", SATS, {"backbone": "SegFormer-B2", "copied": False}, (74.33, 60.79, 64.66)),
        ("SSUL", "5-3", SATS, {"backbone": "ResNet-101", "copied": True}, (71.17, 45.38, 52.75)),
        ("joint", "15-5", SATS, {"backbone": "SegFormer-B2"}, (80.84, 74.97, 79.44)),
        (
            "PLOP",
            "15-1",
            "PLOP repository, table image of the paper",
            {"average": 67.21, "background_in_old": True},
            (65.12, 21.11, 54.64),
        ),
        (
            "MiB",
            "19-1",
            "MiB repository, table image of the paper",
            {"setting": "disjoint", "background_in_old": False},
            (69.6, 25.6, 67.4),
        ),
        (
            "fine-tuning",
            "100-50",
            "MiB repository, table image of the paper",
            {"setting": "partition"},
            (0, 24.9, 8.3),
        ),
        ("REMINDER", "100-10", "REMINDER repository, table image", {"average": 37.47}, (38.96, 21.28, 33.11)),
        ("RCIL", "15-1", "RCIL repository, issue 4", {}, (70.6, 23.7, 59.4)),
        ("SSUL-M", "100-5", "SSUL repository, README", {"memory": 300}, (None, None, 34.56)),
        ("DKD-M", "5-3", "DKD repository, README, released weights", {}, (None, None, 63.32)),
        (
            "MiB + NeST",
            "15-1",
            "NeST repository, reported results",
            {"backbone": "Swin-B"},
            (None, None, 71.4),
        ),
        ("PLOP", "11-1", "RCIL repository, README", {"data": "cityscapes-domain"}, (None, None, 62.1)),
    ],
)
def test_figures_are_those_of_the_source(method, task, source, others, scores):
    found = row(method, task, source, **others)
    assert (found.old, found.new, found.all) == scores


def test_a_suspicious_row_is_kept_and_says_so():
    sdr = row("SDR", "100-50", "REMINDER repository, table image")
    mib = row("MiB", "100-50", "REMINDER repository, table image")
    assert (sdr.old, sdr.new, sdr.all, sdr.average) == (mib.old, mib.new, mib.all, mib.average)
    assert "suspicious" in sdr.note


def test_only_the_table_of_sats_marks_rows_as_copied():
    copied = {(each.source, each.backbone.split(" (")[0]) for each in published() if each.copied}
    assert copied == {(SATS, "ResNet-101")}
    assert not any(each.copied for each in published(method="joint"))


def test_methods_that_are_not_run_say_why_and_their_rows_too():
    assert set(NOT_RUN) == {"MicroSeg", "CoMFormer", "ECLIPSE", "RECALL"}
    assert all(re.fullmatch(r"It needs [^.]+\.", reason) for reason in NOT_RUN.values())
    rows = [each for each in published() if each.method in NOT_RUN]
    assert {each.method for each in rows} == {"ECLIPSE", "RECALL"}  # of the others there are no checked figures
    assert all("needs" in each.note for each in rows)


# Asking for rows --------------------------------------------------------------------------------------------------


def test_every_name_given_is_respected():
    found = published(data="voc", task="15-1", setting="overlapped", method="MiB")
    assert found == [
        each
        for each in published()
        if (each.data, each.task, each.setting, each.method) == ("voc", "15-1", "overlapped", "MiB")
    ]
    assert len({each.source for each in found}) == len(found) - 2  # two sources have it with two backbones
    assert len(published(task="15-1")) > len(published(task="15-1", method="MiB")) > len(found) > 5


def test_names_that_never_meet_give_no_rows():
    assert published(data="ade20k", method="SATS") == []


@pytest.mark.parametrize(
    ("wanted", "message"),
    [
        ({"data": "voc2012"}, r"Unknown published data 'voc2012'. Did you mean 'voc'\? Choose one of: ade20k, "),
        ({"task": "15-2"}, "Unknown published task '15-2'. Choose one of: 1-1, 10-1, "),
        ({"setting": "overlap"}, r"Did you mean 'overlapped'\? Choose one of: disjoint, domain, overlapped"),
        ({"method": "sats"}, r"Unknown published method 'sats'. Did you mean 'SATS'\?"),
    ],
)
def test_unknown_names_are_refused_with_the_nearest_if_it_has_the_same_numbers(wanted, message):
    with pytest.raises(UsageError, match=message):
        published(**wanted)


def test_changing_the_list_leaves_the_table_alone():
    before = len(published())
    published().clear()
    assert len(published()) == before


def test_an_empty_cell_is_none_and_quotes_are_read(tmp_path):
    names = [each.name for each in fields(PublishedResult)]
    line = 'A,,B,voc,15-1,overlapped,,,0,,,true,"one, two","say ""three"""'
    path = tmp_path / FILE
    path.write_text(f"{','.join(names)}\r\n{line}\r\n", encoding="utf-8", newline="")
    assert read_results(path) == (
        PublishedResult(
            method="A",
            memory=None,
            backbone="B",
            data="voc",
            task="15-1",
            setting="overlapped",
            old=None,
            new=None,
            all=0.0,
            average=None,
            background_in_old=None,
            copied=True,
            source="one, two",
            note='say "three"',
        ),
    )


def test_the_markdown_table_has_a_line_a_row_and_shows_what_decides_comparability():
    rows = published(data="voc", task="15-1", method="SATS")
    lines = markdown(rows).splitlines()
    assert len(lines) == 2 + len(rows)
    assert lines[0] == "| method | backbone | old | new | all | average | % of joint | background in old | source |"
    assert all(line.count("|") == lines[0].count("|") for line in lines)
    assert any("| 78.38 | 62.02 | 74.48 |" in line and "| 94 | yes |" in line for line in lines)


def test_the_share_of_joint_training_is_that_of_the_same_network_on_the_same_data():
    best = row("SATS", "15-1", SATS, backbone="SegFormer-B2", setting="overlapped")
    assert share_of_joint(best) == pytest.approx(100 * best.all / 79.44)
    for other in published(data="voc", method="PLOP"):
        if other.backbone == "ResNet-101":  # joint training has 77.4 and 77.43 in two sources
            assert share_of_joint(other) == pytest.approx(100 * other.all / 77.42, abs=0.05)
    assert {share_of_joint(each) for each in published() if each.backbone == "Swin-B"} == {None}
    assert share_of_joint(replace(best, all=None)) is None
    assert share_of_joint(row("joint", "15-1", SATS, backbone="ResNet-101")) == pytest.approx(100, abs=0.1)
