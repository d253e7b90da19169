"""The bench measures what it says: equal work, equal values, exact counts."""

import pytest
import torch

from satkit.strategies import AttentionTransfer
from satkit.studies import bench
from satkit.studies.bench import Measurement, Size, Trainer, measure, saved_bytes
from satkit.utils.errors import UsageError


@pytest.fixture(scope="module")
def trainer():
    return Trainer(Size("mit_quick", 32, 2, 8, term=1.0), torch.device("cpu"))


def test_a_step_trains_the_student_and_leaves_the_teacher(trainer):
    setup = trainer.setup("sats")
    before = [parameter.clone() for parameter in setup.teacher.parameters()]
    assert all(torch.equal(*pair) for pair in zip(before, trainer.base.parameters(), strict=True))
    losses = trainer.one("sats")()
    assert {"cross-entropy", "distillation", "attention", "total"} == set(losses)
    known = trainer.one_with_known_teacher("sats")()
    assert set(known) == set(losses)
    assert known["attention"] > 0
    assert all(torch.equal(*pair) for pair in zip(before, trainer.base.parameters(), strict=True))


def test_more_is_saved_for_attention_transfer_than_without(trainer):
    saved = [saved_bytes(trainer, name) for name in ("fine-tuning", "pseudo+distillation", "sats")]
    assert 0 < saved[0] < saved[1] < saved[2]


def test_operators_do_not_depend_on_batch_or_heads_and_none_waits_for_a_value():
    sizes = [("mit_quick", 32, 2), ("mit_quick", 32, 5), ("mit_b0", 64, 2), ("mit_b0", 64, 3)]
    trainers = [Trainer(Size(*size, 8, term=1.0), torch.device("cpu")) for size in sizes]
    for _ in range(2):  # where pixels lie is computed once for a size
        small, larger, four_grids, more = (bench.operators(each, AttentionTransfer(1.0)) for each in trainers)
    assert 0 < small == larger < four_grids == more <= 400
    with pytest.raises(RuntimeError, match="meta"):
        bench.operators(trainers[0], lambda inputs: AttentionTransfer(1.0)(inputs) * int(inputs.labels.sum()))


def test_every_line_says_what_was_measured_and_whether_its_target_is_met(monkeypatch):
    monkeypatch.setattr(bench, "SIZES", {"tiny": Size("mit_quick", 32, 2, 8, term=1e9, loops=0.0)})
    monkeypatch.setattr(bench, "STARTS", 1)
    said = []
    found = list(measure(["tiny"], pairs=2, say=said.append))
    assert len({(each.what, each.size) for each in found}) == len(found) == 12
    assert found[0].size == "tiny, 32 px"
    assert found[0].met
    for each in found[:7]:  # each ratio is named before it is measured, so that nobody waits without knowing for what
        assert f"{each.what}, {each.size}" in said
    assert said[0] == "models of tiny, 32 px"
    assert len(said) == 11
    for each in found:
        assert each.value >= 0
        assert each.low is None or each.low <= each.value <= each.high


def test_a_target_is_met_from_its_own_side():
    assert Measurement("", "", 1.0, target=1.0).met
    assert not Measurement("", "", 1.1, target=1.0).met
    assert Measurement("", "", 1.1, target=1.0, at_least=True).met
    assert Measurement("", "", 1.1).met is None


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (dict(sizes=["quik"]), "Unknown size 'quik'. Did you mean 'quick'"),
        (dict(device="gpu"), "Unknown device 'gpu'"),
        (dict(pairs=0), "timed at least once, got 0 pairs"),
    ],
)
def test_what_cannot_be_measured_is_refused_before_anything_is(arguments, message):
    with pytest.raises(UsageError, match=message):
        measure(**arguments)
