"""Strategies from a Python file of one's own, and lists of names."""

import os

import pytest

from satkit.strategies import SATS, STRATEGIES, AttentionTransfer, ExemplarMemory, LocalPOD, UnbiasedDistillation
from satkit.strategies.lookup import find_strategy, names, weighted
from satkit.utils.errors import UsageError

MINE = """
from dataclasses import dataclass
from typing import ClassVar

from satkit.strategies import MIB, SATS


@dataclass(frozen=True)
class Loud:
    weight: float = 0.1

    name: ClassVar[str] = "loud"
    needs_teacher: ClassVar[bool] = False
    needs_attention: ClassVar[bool] = False

    def __call__(self, inputs):
        return self.weight * inputs.student.logits.square().mean()


LOUD = SATS + Loud(0.5)
"""


@pytest.fixture
def mine(tmp_path):
    path = tmp_path / "my strategies.py"
    path.write_text(MINE)
    return path


def test_the_only_strategy_of_a_file_needs_no_name(mine):
    for text in (f"{mine}", f"{mine}:LOUD"):
        found = find_strategy(text)
        assert found.name == "SATS + loud 0.5"
        assert [term.name for term in found.terms] == [*(term.name for term in SATS.terms), "loud"]


def test_parts_are_added_to_a_strategy_of_a_file(mine):
    found = find_strategy(f"{mine}:LOUD+attention=5+memory=30")
    assert AttentionTransfer(5) in found.terms
    assert found.memory == ExemplarMemory(30)


def test_the_source_of_its_term_is_part_of_the_description(mine):
    described = find_strategy(f"{mine}:LOUD").describe()["terms"][-1]
    assert described["weight"] == 0.5
    assert "inputs.student.logits.square().mean()" in described["source"]


def test_a_strategy_and_a_short_name_are_found_too():
    assert find_strategy(SATS) is SATS
    assert find_strategy("sats") is SATS


def test_names_are_split_at_commas_all_means_every_strategy_and_files_get_absolute_paths(mine, monkeypatch):
    assert names("fine-tuning, sats") == ("fine-tuning", "sats")
    assert names("all") == tuple(STRATEGIES)
    monkeypatch.chdir(mine.parent)
    assert names(f"sats,{mine.name}:LOUD+memory") == ("sats", f"{os.path.abspath(mine.name)}:LOUD+memory")


@pytest.mark.parametrize(
    ("source", "suffix", "message"),
    [
        (MINE, ":LOUDER", "Unknown strategy of .*'LOUDER'. Did you mean 'LOUD'"),
        (
            MINE + "\nTWO = MIB + Loud()",
            "",
            "must declare one strategy at its top level, but it declares LOUD, TWO. Name one",
        ),
        (
            "from satkit.strategies import SATS",
            "",
            "must declare one strategy at its top level, but it declares none. Write",
        ),
        ("", ":LOUD", "Unknown strategy of .*'LOUD'. There is none to choose.$"),
        ("import nowhere_to_be_found", "", "does not run .ModuleNotFoundError"),
        ("def", "", "does not run .SyntaxError"),
        ("raise SystemExit(3)", "", "does not run .SystemExit: 3"),
    ],
)
def test_a_file_without_a_usable_strategy_is_refused_in_one_sentence(tmp_path, source, suffix, message):
    path = tmp_path / "mine.py"
    path.write_text(source)
    with pytest.raises(UsageError, match=message):
        find_strategy(f"{path}{suffix}")


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(UsageError, match="There is no file .*nothing.py"):
        find_strategy(str(tmp_path / "nothing.py"))


@pytest.mark.parametrize(
    ("name", "weights", "expected"),
    [
        ("sats", {}, "sats"),
        ("sats", {"attention": 5}, "sats+attention=5"),
        ("sats", {"attention": 0.5, "distillation": 10.0}, "sats+attention=0.5+distillation=10"),
        ("plop", {"pod": 1e-05}, "plop+pod=0.00001"),
    ],
)
def test_other_weights_become_parts_of_the_name(name, weights, expected):
    assert weighted(name, weights) == expected
    terms = {term.name: term for term in find_strategy(expected).terms}
    assert [terms[part].weight for part in weights] == [*weights.values()]


def test_a_term_with_another_weight_is_otherwise_the_same():
    terms = find_strategy(weighted("mib+attention", {"attention": 5})).terms
    assert AttentionTransfer(5, regions="teacher") in terms
    assert len(terms) == 3
    released = find_strategy(weighted("sats-as-released", {"attention": 5, "distillation": 0}))
    assert {AttentionTransfer(5, layout="as_released"), UnbiasedDistillation(0)} < set(released.terms)
    for part in ("attention", "attention-old"):
        found = find_strategy(weighted("sats+attention-old", {part: 5}))
        assert found.terms == (*SATS.terms[:-1], AttentionTransfer(5, over="old"))
    assert LocalPOD(1, 0.0005) in find_strategy(weighted("plop", {"pod": 1})).terms


def test_a_strategy_of_a_file_takes_other_weights_too(mine):
    found = find_strategy(weighted(f"{mine}:LOUD", {"attention": 5}))
    assert sorted(term.name for term in found.terms) == ["attention", "cross-entropy", "distillation", "loud"]
    assert AttentionTransfer(5) in found.terms


@pytest.mark.parametrize(
    ("name", "weights", "message"),
    [
        ("sats", {"attention": "5"}, "A weight must be a finite number, 0 or more, got '5' for 'attention'"),
        ("sats", {"attention": True}, "A weight must be a finite number, 0 or more, got True"),
        ("sats", {"attention": float("nan")}, "A weight must be a finite number, 0 or more, got nan"),
        ("sats", {"attention": -1}, "AttentionTransfer needs weight >= 0, got -1"),
        ("sats", {"atention": 5}, "Unknown part of a strategy 'atention'. Did you mean 'attention'"),
        ("mib", {"attention": 5}, r"'attention' is not a term of MiB. Add it by name instead: mib\+attention=5."),
        ("lwf", {"distillation": 5}, "'distillation' is not a term of LwF"),  # its distillation is another one
        ("sats", {"attention-image": 5}, "'attention-image' is not a term of SATS"),
        (
            "sats",
            {"attention-old": 5},
            r"'attention-old' is not a term of SATS. Add it by name instead: sats\+attention-old=5.",
        ),
        ("plop", {"memory": 30}, "'memory' is not a term of PLOP"),
    ],
)
def test_a_weight_that_fits_no_term_is_refused(name, weights, message):
    with pytest.raises(UsageError, match=message):
        weighted(name, weights)
