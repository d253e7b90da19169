"""A strategy is described completely: as plain values for config.json, and in a line for people."""

import inspect
import json
import linecache
from dataclasses import fields, replace

import own_parts
from own_parts import LogitSize, simple

from satkit.strategies import (
    JOINT,
    MIB,
    SATS,
    AttentionTransfer,
    BackgroundInit,
    CrossEntropy,
    EntropyPseudoLabels,
    ExemplarMemory,
    Strategy,
)


def test_describe_is_plain_and_complete():
    strategy = Strategy(
        "mine",
        terms=(CrossEntropy(over="valid"), AttentionTransfer(7, "image", "as_released")),
        base_terms=(LogitSize(2),),
        targets=EntropyPseudoLabels(0.5, "none"),
        classifier=BackgroundInit(),
    )
    described = json.loads(json.dumps(strategy.describe()))
    assert described == strategy.describe()
    assert set(described) == {each.name for each in fields(Strategy)}
    assert [term["kind"] for term in described["terms"]] == ["CrossEntropy", "AttentionTransfer"]
    assert described["terms"][0] == {"kind": "CrossEntropy", "weight": 1.0, "over": "valid", "adaptive": False}
    attention = described["terms"][1]
    assert (attention["weight"], attention["pooling"], attention["layout"]) == (7, "image", "as_released")
    assert set(attention) == {"kind", *(each.name for each in fields(AttentionTransfer))}
    assert described["targets"]["threshold"] == "none"
    assert described["classifier"] == {"kind": "BackgroundInit"}
    assert (described["memory"], described["joint"]) == (None, False)


def test_the_description_holds_the_source_of_a_part_that_is_not_satkit_s_own():
    described = simple(CrossEntropy(), LogitSize(2)).describe()["terms"]
    assert "source" not in described[0]
    assert described[1]["weight"] == 2
    assert "inputs.student.logits.square().mean()" in described[1]["source"]


def test_strategies_of_other_settings_are_described_differently():
    weaker = replace(SATS, terms=(*SATS.terms[:-1], AttentionTransfer(5)))
    assert weaker.describe() != SATS.describe()
    assert weaker != SATS
    assert replace(SATS) == SATS


def test_a_strategy_is_printed_as_its_name_and_its_parts():
    assert str(SATS) == (
        "SATS = CrossEntropy() + UnbiasedDistillation() + AttentionTransfer(); EntropyPseudoLabels(); BackgroundInit()"
    )
    assert str(JOINT) == "joint = CrossEntropy(); all classes at once"
    assert str(MIB + ExemplarMemory(50)).endswith("BackgroundInit(); ExemplarMemory(size=50)")


def test_the_description_holds_the_cell_of_a_term_written_in_a_notebook():
    source = inspect.getsource(LogitSize)
    linecache.cache["<cell 7>"] = (len(source), None, source.splitlines(keepends=True), "<cell 7>")
    names = {
        "__name__": "__main__",
        **{key: getattr(own_parts, key) for key in ("dataclass", "ClassVar", "torch", "LossInputs")},
    }
    exec(compile(source, "<cell 7>", "exec"), names)
    described = simple(CrossEntropy(), names["LogitSize"](2)).describe()["terms"][1]
    assert described["source"] == source
